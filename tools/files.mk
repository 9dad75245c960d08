bin_PROGRAMS += devid
devid_SOURCES = \
	tools/attest.c \
	tools/batch.c \
	tools/ask.c \
	tools/belongings.c \
	tools/belongings.h \
	tools/certificate.c \
	tools/contact.c \
	tools/contact.h \
	tools/disown.c \
	tools/doctor.c tools/doctor.h \
	tools/doctor_ek.c \
	tools/doctor_openssl.c \
	tools/enroll.c \
	tools/est.c \
	tools/alone.c \
	tools/export.c \
	tools/found.c \
	tools/hook.c \
	tools/kept.c \
	tools/kept.h \
	tools/leave.c \
	tools/leave.h \
	tools/list.c \
	tools/main.c \
	tools/out.c \
	tools/pem.c \
	tools/plan.c \
	tools/plan.h \
	tools/provision.c \
	tools/recover.c \
	tools/renew.c \
	tools/renewal.c \
	tools/run.c \
	tools/schedule.c \
	tools/schedule.h \
	tools/seed.c \
	tools/seed.h \
	tools/sign.c \
	tools/spire.c \
	tools/step.c \
	tools/switch.c \
	tools/tcg_csr.c \
	tools/tool.h \
	tools/tpmenroll.c \
	tools/write.c
devid_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tools
devid_LDADD = libdevid-est.la libdevid-core.la
