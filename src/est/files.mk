noinst_LTLIBRARIES += libdevid-est.la
libdevid_est_la_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS) $(SSL_CFLAGS) $(CURL_CFLAGS)
libdevid_est_la_LIBADD = libdevid-core.la $(CURL_LIBS) $(SSL_LIBS) $(CRYPTO_LIBS) -lpthread
libdevid_est_la_SOURCES = \
	src/est/est.h \
	src/est/csr.c \
	src/est/enroll.c \
	src/est/extensions.c src/est/extensions.h \
	src/est/failure.c src/est/failure.h \
	src/est/headers.c src/est/headers.h \
	src/est/keys.c src/est/keys.h \
	src/est/message.c src/est/message.h \
	src/est/ossl.c src/est/ossl.h \
	src/est/retry.c src/est/retry.h \
	src/est/subject.c src/est/subject.h \
	src/est/transport.c src/est/transport.h \
	src/est/trust.c src/est/trust.h \
	src/est/url.c src/est/url.h \
	src/est/wiped.c src/est/wiped.h
