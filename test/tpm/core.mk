# core's keys on a software TPM, with and without a resource manager
CORE_TEST_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/test
CORE_TEST_CFLAGS = $(AM_CFLAGS) $(CORE_CFLAGS) $(CMOCKA_CFLAGS)
CORE_TEST_LIBS = libdevid-core.la $(CORE_LIBS) $(CMOCKA_LIBS)
CORE_TEST_SOURCES = \
	test/tpm/keys.c test/tpm/keys.h \
	test/tpm/world.c test/tpm/world.h

if HAVE_CMOCKA

check_PROGRAMS += test/tpm/test_connection
TESTS += test/tpm/test_connection
test_tpm_test_connection_SOURCES = test/tpm/test_connection.c $(CORE_TEST_SOURCES)
test_tpm_test_connection_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
test_tpm_test_connection_CFLAGS = $(CORE_TEST_CFLAGS)
test_tpm_test_connection_LDADD = $(CORE_TEST_LIBS)

check_PROGRAMS += test/tpm/test_decrypt
TESTS += test/tpm/test_decrypt
test_tpm_test_decrypt_SOURCES = test/tpm/test_decrypt.c $(CORE_TEST_SOURCES)
test_tpm_test_decrypt_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
test_tpm_test_decrypt_CFLAGS = $(CORE_TEST_CFLAGS)
test_tpm_test_decrypt_LDADD = $(CORE_TEST_LIBS)

check_PROGRAMS += test/tpm/test_manager
TESTS += test/tpm/test_manager
test_tpm_test_manager_SOURCES = test/tpm/test_manager.c test/tpm/manager.c test/tpm/manager.h $(CORE_TEST_SOURCES)
test_tpm_test_manager_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
test_tpm_test_manager_CFLAGS = $(CORE_TEST_CFLAGS)
test_tpm_test_manager_LDADD = $(CORE_TEST_LIBS)

check_PROGRAMS += test/tpm/test_sign
TESTS += test/tpm/test_sign
test_tpm_test_sign_SOURCES = test/tpm/test_sign.c $(CORE_TEST_SOURCES)
test_tpm_test_sign_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
test_tpm_test_sign_CFLAGS = $(CORE_TEST_CFLAGS)
test_tpm_test_sign_LDADD = $(CORE_TEST_LIBS)

check_PROGRAMS += test/tpm/test_proof
TESTS += test/tpm/test_proof
test_tpm_test_proof_SOURCES = test/tpm/test_proof.c $(CORE_TEST_SOURCES)
test_tpm_test_proof_CPPFLAGS = $(CORE_TEST_CPPFLAGS)
test_tpm_test_proof_CFLAGS = $(CORE_TEST_CFLAGS)
test_tpm_test_proof_LDADD = $(CORE_TEST_LIBS)

endif
