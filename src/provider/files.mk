# files of src/provider: devid.so, which every program loads, and its body
osslmodules_LTLIBRARIES = devid.la devid-provider.la
PROVIDER_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared
devid_la_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
devid_la_LDFLAGS = $(PROVIDER_LDFLAGS) -Wl,--version-script=$(srcdir)/dist/provider.map
devid_la_LIBADD = $(CRYPTO_LIBS)
devid_la_DEPENDENCIES = dist/provider.map
EXTRA_DIST += dist/provider.map
devid_la_SOURCES = \
	src/core/error.c src/core/error.h \
	src/core/log.c src/core/log.h \
	src/provider/body.h \
	src/provider/err.c \
	src/provider/groups.c \
	src/provider/load.c \
	src/provider/provider.c src/provider/provider.h \
	src/provider/rand.c \
	src/provider/settings.c \
	src/provider/upcall.c

devid_provider_la_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
devid_provider_la_LDFLAGS = $(PROVIDER_LDFLAGS) -Wl,--version-script=$(srcdir)/dist/body.map
devid_provider_la_LIBADD = libdevid-core.la $(CRYPTO_LIBS)
devid_provider_la_DEPENDENCIES = libdevid-core.la dist/body.map
EXTRA_DIST += dist/body.map
devid_provider_la_SOURCES = \
	src/provider/asymcipher.c \
	src/provider/body.c src/provider/body.h \
	src/provider/decoder.c \
	src/provider/encoder.c \
	src/provider/err.c \
	src/provider/generate.c \
	src/provider/keyexch.c \
	src/provider/keymgmt.c src/provider/keymgmt.h \
	src/provider/keymgmt_ec.c \
	src/provider/keymgmt_rsa.c \
	src/provider/message.c \
	src/provider/password.c \
	src/provider/permit.c \
	src/provider/pkey.c \
	src/provider/provider.h \
	src/provider/scheme.c \
	src/provider/search.c src/provider/search.h \
	src/provider/shadow.c \
	src/provider/signature.c src/provider/signature.h \
	src/provider/store.c \
	src/provider/whole.c \
	src/provider/wish.c src/provider/wish.h
