noinst_LTLIBRARIES += libdevid-est.la
libdevid_est_la_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS) $(SSL_CFLAGS) $(CURL_CFLAGS)
libdevid_est_la_LIBADD = libdevid-core.la $(CURL_LIBS) $(SSL_LIBS) $(CRYPTO_LIBS) -lpthread
libdevid_est_la_SOURCES = \
	src/est/est.h \
	src/est/attrs.c src/est/attrs.h src/est/attrs_use.c \
	src/est/binding.c src/est/binding.h \
	src/est/cms.c src/est/cms.h \
	src/est/cnf.c src/est/cnf.h src/est/own.c src/est/own.h \
	src/est/csr.c src/est/csr.h \
	src/est/enroll.c src/est/enroll.h \
	src/est/extensions.c src/est/extensions.h \
	src/est/failure.c src/est/failure.h \
	src/est/headers.c src/est/headers.h \
	src/est/http.h \
	src/est/keys.c src/est/keys.h \
	src/est/message.c src/est/message.h \
	src/est/multipart.c src/est/multipart.h \
	src/est/ossl.c src/est/ossl.h \
	src/est/proxy.c \
	src/est/retry.c src/est/retry.h \
	src/est/rollover.c src/est/rollover.h \
	src/est/subject.c src/est/subject.h \
	src/est/talk.c src/est/talk.h \
	src/est/tls.c \
	src/est/tpmenroll.c \
	src/est/transport.c src/est/transport.h \
	src/est/trust.c src/est/trust.h \
	src/est/url.c src/est/url.h \
	src/est/wiped.c src/est/wiped.h
