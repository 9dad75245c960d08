# tests of src/est: no TPM; keys are files, servers are on loopback
if HAVE_CMOCKA
check_LTLIBRARIES += libest-test.la
libest_test_la_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS) $(SSL_CFLAGS)
libest_test_la_SOURCES = \
	test/unit/est_pki.c test/unit/est_pki.h \
	test/unit/est_server.c test/unit/est_server.h \
	test/unit/est_test.h \
	test/unit/est_world.c test/unit/est_world.h
EST_TESTS = \
	test/unit/test_est_apply \
	test/unit/test_est_attrs \
	test/unit/test_est_csr \
	test/unit/test_est_enroll \
	test/unit/test_est_message \
	test/unit/test_est_proxy \
	test/unit/test_est_retry \
	test/unit/test_est_rollover \
	test/unit/test_est_tpmenroll \
	test/unit/test_est_transport \
	test/unit/test_est_trust \
	test/unit/test_est_url
EST_TEST_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS) $(SSL_CFLAGS)
EST_TEST_LIBS = libest-test.la libdevid-est.la $(CMOCKA_LIBS) $(SSL_LIBS) $(CRYPTO_LIBS) -lpthread
check_PROGRAMS += $(EST_TESTS)
TESTS += $(EST_TESTS)
test_unit_test_est_apply_CFLAGS = $(EST_TEST_CFLAGS)
test_unit_test_est_apply_LDADD = $(EST_TEST_LIBS)
test_unit_test_est_attrs_CFLAGS = $(EST_TEST_CFLAGS)
test_unit_test_est_attrs_LDADD = $(EST_TEST_LIBS)
test_unit_test_est_csr_CFLAGS = $(EST_TEST_CFLAGS)
test_unit_test_est_csr_LDADD = $(EST_TEST_LIBS)
test_unit_test_est_enroll_CFLAGS = $(EST_TEST_CFLAGS)
test_unit_test_est_enroll_LDADD = $(EST_TEST_LIBS)
test_unit_test_est_message_CFLAGS = $(EST_TEST_CFLAGS)
test_unit_test_est_message_LDADD = $(EST_TEST_LIBS)
test_unit_test_est_proxy_CFLAGS = $(EST_TEST_CFLAGS)
test_unit_test_est_proxy_LDADD = $(EST_TEST_LIBS)
test_unit_test_est_retry_CFLAGS = $(EST_TEST_CFLAGS)
test_unit_test_est_retry_LDADD = $(EST_TEST_LIBS)
test_unit_test_est_rollover_CFLAGS = $(EST_TEST_CFLAGS)
test_unit_test_est_rollover_LDADD = $(EST_TEST_LIBS)
test_unit_test_est_transport_CFLAGS = $(EST_TEST_CFLAGS)
test_unit_test_est_transport_LDADD = $(EST_TEST_LIBS)
test_unit_test_est_tpmenroll_CFLAGS = $(EST_TEST_CFLAGS) $(TSS2_CFLAGS)
test_unit_test_est_tpmenroll_LDADD = $(EST_TEST_LIBS)
test_unit_test_est_trust_CFLAGS = $(EST_TEST_CFLAGS)
test_unit_test_est_trust_LDADD = $(EST_TEST_LIBS)
test_unit_test_est_url_CFLAGS = $(EST_TEST_CFLAGS)
test_unit_test_est_url_LDADD = $(EST_TEST_LIBS)
endif
