# the module as programs meet it, on a software TPM
PKCS11_TEST_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/test
PKCS11_TEST_CFLAGS = $(AM_CFLAGS) $(CORE_CFLAGS) $(CMOCKA_CFLAGS)
PKCS11_TEST_LIBS = libdevid-core.la $(CORE_LIBS) $(CMOCKA_LIBS) -ldl
PKCS11_TEST_SOURCES = \
	test/tpm/identities.c test/tpm/identities.h \
	test/tpm/pkcs11_face.c test/tpm/pkcs11_face.h \
	test/tpm/world.c test/tpm/world.h

if HAVE_CMOCKA

check_PROGRAMS += test/tpm/test_pkcs11
TESTS += test/tpm/test_pkcs11
test_tpm_test_pkcs11_SOURCES = test/tpm/test_pkcs11.c $(PKCS11_TEST_SOURCES)
test_tpm_test_pkcs11_CPPFLAGS = $(PKCS11_TEST_CPPFLAGS)
test_tpm_test_pkcs11_CFLAGS = $(PKCS11_TEST_CFLAGS)
test_tpm_test_pkcs11_LDADD = $(PKCS11_TEST_LIBS)

check_PROGRAMS += test/tpm/test_pkcs11_azure
TESTS += test/tpm/test_pkcs11_azure
test_tpm_test_pkcs11_azure_SOURCES = test/tpm/test_pkcs11_azure.c $(PKCS11_TEST_SOURCES)
test_tpm_test_pkcs11_azure_CPPFLAGS = $(PKCS11_TEST_CPPFLAGS)
test_tpm_test_pkcs11_azure_CFLAGS = $(PKCS11_TEST_CFLAGS)
test_tpm_test_pkcs11_azure_LDADD = $(PKCS11_TEST_LIBS)

check_PROGRAMS += test/tpm/test_pkcs11_crypt
TESTS += test/tpm/test_pkcs11_crypt
test_tpm_test_pkcs11_crypt_SOURCES = test/tpm/test_pkcs11_crypt.c $(PKCS11_TEST_SOURCES)
test_tpm_test_pkcs11_crypt_CPPFLAGS = $(PKCS11_TEST_CPPFLAGS)
test_tpm_test_pkcs11_crypt_CFLAGS = $(PKCS11_TEST_CFLAGS)
test_tpm_test_pkcs11_crypt_LDADD = $(PKCS11_TEST_LIBS)

check_PROGRAMS += test/tpm/test_pkcs11_derive
TESTS += test/tpm/test_pkcs11_derive
test_tpm_test_pkcs11_derive_SOURCES = test/tpm/test_pkcs11_derive.c $(PKCS11_TEST_SOURCES)
test_tpm_test_pkcs11_derive_CPPFLAGS = $(PKCS11_TEST_CPPFLAGS)
test_tpm_test_pkcs11_derive_CFLAGS = $(PKCS11_TEST_CFLAGS)
test_tpm_test_pkcs11_derive_LDADD = $(PKCS11_TEST_LIBS)

check_PROGRAMS += test/tpm/test_pkcs11_faults
TESTS += test/tpm/test_pkcs11_faults
test_tpm_test_pkcs11_faults_SOURCES = test/tpm/test_pkcs11_faults.c $(PKCS11_TEST_SOURCES)
test_tpm_test_pkcs11_faults_CPPFLAGS = $(PKCS11_TEST_CPPFLAGS)
test_tpm_test_pkcs11_faults_CFLAGS = $(PKCS11_TEST_CFLAGS)
test_tpm_test_pkcs11_faults_LDADD = $(PKCS11_TEST_LIBS)

check_PROGRAMS += test/tpm/test_pkcs11_keygen
TESTS += test/tpm/test_pkcs11_keygen
test_tpm_test_pkcs11_keygen_SOURCES = test/tpm/test_pkcs11_keygen.c $(PKCS11_TEST_SOURCES)
test_tpm_test_pkcs11_keygen_CPPFLAGS = $(PKCS11_TEST_CPPFLAGS)
test_tpm_test_pkcs11_keygen_CFLAGS = $(PKCS11_TEST_CFLAGS)
test_tpm_test_pkcs11_keygen_LDADD = $(PKCS11_TEST_LIBS)

check_PROGRAMS += test/tpm/test_pkcs11_manager
TESTS += test/tpm/test_pkcs11_manager
test_tpm_test_pkcs11_manager_SOURCES = test/tpm/test_pkcs11_manager.c test/tpm/manager.c test/tpm/manager.h $(PKCS11_TEST_SOURCES)
test_tpm_test_pkcs11_manager_CPPFLAGS = $(PKCS11_TEST_CPPFLAGS)
test_tpm_test_pkcs11_manager_CFLAGS = $(PKCS11_TEST_CFLAGS)
test_tpm_test_pkcs11_manager_LDADD = $(PKCS11_TEST_LIBS)

check_PROGRAMS += test/tpm/test_pkcs11_many
TESTS += test/tpm/test_pkcs11_many
test_tpm_test_pkcs11_many_SOURCES = test/tpm/test_pkcs11_many.c $(PKCS11_TEST_SOURCES)
test_tpm_test_pkcs11_many_CPPFLAGS = $(PKCS11_TEST_CPPFLAGS)
test_tpm_test_pkcs11_many_CFLAGS = $(PKCS11_TEST_CFLAGS)
test_tpm_test_pkcs11_many_LDADD = $(PKCS11_TEST_LIBS)

check_PROGRAMS += test/tpm/test_pkcs11_object
TESTS += test/tpm/test_pkcs11_object
test_tpm_test_pkcs11_object_SOURCES = test/tpm/test_pkcs11_object.c $(PKCS11_TEST_SOURCES)
test_tpm_test_pkcs11_object_CPPFLAGS = $(PKCS11_TEST_CPPFLAGS)
test_tpm_test_pkcs11_object_CFLAGS = $(PKCS11_TEST_CFLAGS)
test_tpm_test_pkcs11_object_LDADD = $(PKCS11_TEST_LIBS)

check_PROGRAMS += test/tpm/test_pkcs11_object_write
TESTS += test/tpm/test_pkcs11_object_write
test_tpm_test_pkcs11_object_write_SOURCES = test/tpm/test_pkcs11_object_write.c $(PKCS11_TEST_SOURCES)
test_tpm_test_pkcs11_object_write_CPPFLAGS = $(PKCS11_TEST_CPPFLAGS)
test_tpm_test_pkcs11_object_write_CFLAGS = $(PKCS11_TEST_CFLAGS)
test_tpm_test_pkcs11_object_write_LDADD = $(PKCS11_TEST_LIBS)

check_PROGRAMS += test/tpm/test_pkcs11_pin
TESTS += test/tpm/test_pkcs11_pin
test_tpm_test_pkcs11_pin_SOURCES = test/tpm/test_pkcs11_pin.c test/tpm/by_hand.c test/tpm/by_hand.h $(PKCS11_TEST_SOURCES)
test_tpm_test_pkcs11_pin_CPPFLAGS = $(PKCS11_TEST_CPPFLAGS)
test_tpm_test_pkcs11_pin_CFLAGS = $(PKCS11_TEST_CFLAGS)
test_tpm_test_pkcs11_pin_LDADD = $(PKCS11_TEST_LIBS)

check_PROGRAMS += test/tpm/test_pkcs11_process
TESTS += test/tpm/test_pkcs11_process
test_tpm_test_pkcs11_process_SOURCES = test/tpm/test_pkcs11_process.c $(PKCS11_TEST_SOURCES)
test_tpm_test_pkcs11_process_CPPFLAGS = $(PKCS11_TEST_CPPFLAGS)
test_tpm_test_pkcs11_process_CFLAGS = $(PKCS11_TEST_CFLAGS)
test_tpm_test_pkcs11_process_LDADD = $(PKCS11_TEST_LIBS)

check_PROGRAMS += test/tpm/test_pkcs11_sign
TESTS += test/tpm/test_pkcs11_sign
test_tpm_test_pkcs11_sign_SOURCES = test/tpm/test_pkcs11_sign.c $(PKCS11_TEST_SOURCES)
test_tpm_test_pkcs11_sign_CPPFLAGS = $(PKCS11_TEST_CPPFLAGS)
test_tpm_test_pkcs11_sign_CFLAGS = $(PKCS11_TEST_CFLAGS)
test_tpm_test_pkcs11_sign_LDADD = $(PKCS11_TEST_LIBS)

check_PROGRAMS += test/tpm/test_pkcs11_threads
TESTS += test/tpm/test_pkcs11_threads
test_tpm_test_pkcs11_threads_SOURCES = test/tpm/test_pkcs11_threads.c $(PKCS11_TEST_SOURCES)
test_tpm_test_pkcs11_threads_CPPFLAGS = $(PKCS11_TEST_CPPFLAGS)
test_tpm_test_pkcs11_threads_CFLAGS = $(PKCS11_TEST_CFLAGS)
test_tpm_test_pkcs11_threads_LDADD = $(PKCS11_TEST_LIBS)

endif
