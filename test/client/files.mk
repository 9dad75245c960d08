# files of test/client
check_PROGRAMS += prepare
prepare_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/test
prepare_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS) $(CMOCKA_CFLAGS)
prepare_LDADD = libdevid-core.la $(CRYPTO_LIBS) $(CMOCKA_LIBS)
prepare_SOURCES = test/client/prepare.c test/tpm/identities.c test/tpm/identities.h
client_tests = \
	test/client/curl.sh \
	test/client/mosquitto.sh \
	test/client/openssl.sh \
	test/client/software.sh
TESTS += $(client_tests)
EXTRA_DIST += $(client_tests) test/client/lib.sh
