# files of src/pkcs11
p11module_LTLIBRARIES = devid-pkcs11.la
devid_pkcs11_la_CFLAGS = $(AM_CFLAGS) $(P11KIT_CFLAGS)
# -Bsymbolic: libp11-kit exports C_GetFunctionList as well, and ours must not give its function for our own.
devid_pkcs11_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -Wl,-Bsymbolic -Wl,--version-script=$(srcdir)/dist/pkcs11.map
devid_pkcs11_la_LIBADD = libdevid-core.la -lpthread
devid_pkcs11_la_DEPENDENCIES = libdevid-core.la dist/pkcs11.map
EXTRA_DIST += dist/pkcs11.map
devid_pkcs11_la_SOURCES = \
	src/pkcs11/absent.c \
	src/pkcs11/allowed.c \
	src/pkcs11/attr.c src/pkcs11/attr.h \
	src/pkcs11/catalogue.c \
	src/pkcs11/change.c \
	src/pkcs11/copy.c \
	src/pkcs11/create.c \
	src/pkcs11/crypt.c \
	src/pkcs11/current.c \
	src/pkcs11/derive.c \
	src/pkcs11/destroy.c \
	src/pkcs11/digest.c \
	src/pkcs11/find.c \
	src/pkcs11/general.c \
	src/pkcs11/keygen.c \
	src/pkcs11/loose.c \
	src/pkcs11/mech.c src/pkcs11/mech.h \
	src/pkcs11/message.c src/pkcs11/message.h \
	src/pkcs11/module.c src/pkcs11/module.h \
	src/pkcs11/object.c \
	src/pkcs11/p11v3.h \
	src/pkcs11/pair.c src/pkcs11/pair.h \
	src/pkcs11/profile.c \
	src/pkcs11/random.c \
	src/pkcs11/rv.c \
	src/pkcs11/secret.c src/pkcs11/secret.h \
	src/pkcs11/session.c \
	src/pkcs11/sign.c \
	src/pkcs11/slot.c \
	src/pkcs11/template.c src/pkcs11/template.h \
	src/pkcs11/token.c \
	src/pkcs11/value.c \
	src/pkcs11/verify.c \
	src/pkcs11/write.c src/pkcs11/write.h
