# the provider as programs meet it, on a software TPM
PROVIDER_TEST_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/test
PROVIDER_TEST_CFLAGS = $(AM_CFLAGS) $(CORE_CFLAGS) $(SSL_CFLAGS) $(CMOCKA_CFLAGS)
PROVIDER_TEST_LIBS = libdevid-core.la $(CORE_LIBS) $(SSL_LIBS) $(CMOCKA_LIBS)
PROVIDER_TEST_SOURCES = \
	test/tpm/identities.c test/tpm/identities.h \
	test/tpm/provider_face.c test/tpm/provider_face.h \
	test/tpm/provider_tls.c \
	test/tpm/world.c test/tpm/world.h
EXTRA_DIST += test/tpm/manager.sh
EXTRA_DIST += test/tpm/world.sh

if HAVE_CMOCKA

check_PROGRAMS += test/tpm/test_provider
TESTS += test/tpm/test_provider
test_tpm_test_provider_SOURCES = test/tpm/test_provider.c $(PROVIDER_TEST_SOURCES)
test_tpm_test_provider_CPPFLAGS = $(PROVIDER_TEST_CPPFLAGS)
test_tpm_test_provider_CFLAGS = $(PROVIDER_TEST_CFLAGS)
test_tpm_test_provider_LDADD = $(PROVIDER_TEST_LIBS)

check_PROGRAMS += test/tpm/test_provider_files
TESTS += test/tpm/test_provider_files
test_tpm_test_provider_files_SOURCES = test/tpm/test_provider_files.c $(PROVIDER_TEST_SOURCES)
test_tpm_test_provider_files_CPPFLAGS = $(PROVIDER_TEST_CPPFLAGS)
test_tpm_test_provider_files_CFLAGS = $(PROVIDER_TEST_CFLAGS)
test_tpm_test_provider_files_LDADD = $(PROVIDER_TEST_LIBS)

check_PROGRAMS += test/tpm/test_provider_contexts
TESTS += test/tpm/test_provider_contexts
test_tpm_test_provider_contexts_SOURCES = test/tpm/test_provider_contexts.c $(PROVIDER_TEST_SOURCES)
test_tpm_test_provider_contexts_CPPFLAGS = $(PROVIDER_TEST_CPPFLAGS)
test_tpm_test_provider_contexts_CFLAGS = $(PROVIDER_TEST_CFLAGS)
test_tpm_test_provider_contexts_LDADD = $(PROVIDER_TEST_LIBS)

check_PROGRAMS += test/tpm/test_provider_decrypt
TESTS += test/tpm/test_provider_decrypt
test_tpm_test_provider_decrypt_SOURCES = test/tpm/test_provider_decrypt.c $(PROVIDER_TEST_SOURCES)
test_tpm_test_provider_decrypt_CPPFLAGS = $(PROVIDER_TEST_CPPFLAGS)
test_tpm_test_provider_decrypt_CFLAGS = $(PROVIDER_TEST_CFLAGS)
test_tpm_test_provider_decrypt_LDADD = $(PROVIDER_TEST_LIBS)

check_PROGRAMS += test/tpm/test_provider_message
TESTS += test/tpm/test_provider_message
test_tpm_test_provider_message_SOURCES = test/tpm/test_provider_message.c $(PROVIDER_TEST_SOURCES)
test_tpm_test_provider_message_CPPFLAGS = $(PROVIDER_TEST_CPPFLAGS)
test_tpm_test_provider_message_CFLAGS = $(PROVIDER_TEST_CFLAGS)
test_tpm_test_provider_message_LDADD = $(PROVIDER_TEST_LIBS)

check_PROGRAMS += test/tpm/test_provider_sign
TESTS += test/tpm/test_provider_sign
test_tpm_test_provider_sign_SOURCES = test/tpm/test_provider_sign.c $(PROVIDER_TEST_SOURCES)
test_tpm_test_provider_sign_CPPFLAGS = $(PROVIDER_TEST_CPPFLAGS)
test_tpm_test_provider_sign_CFLAGS = $(PROVIDER_TEST_CFLAGS)
test_tpm_test_provider_sign_LDADD = $(PROVIDER_TEST_LIBS)

check_PROGRAMS += test/tpm/test_provider_pss
TESTS += test/tpm/test_provider_pss
test_tpm_test_provider_pss_SOURCES = test/tpm/test_provider_pss.c $(PROVIDER_TEST_SOURCES)
test_tpm_test_provider_pss_CPPFLAGS = $(PROVIDER_TEST_CPPFLAGS)
test_tpm_test_provider_pss_CFLAGS = $(PROVIDER_TEST_CFLAGS)
test_tpm_test_provider_pss_LDADD = $(PROVIDER_TEST_LIBS)

check_PROGRAMS += test/tpm/test_provider_rand
TESTS += test/tpm/test_provider_rand
test_tpm_test_provider_rand_SOURCES = test/tpm/test_provider_rand.c $(PROVIDER_TEST_SOURCES)
test_tpm_test_provider_rand_CPPFLAGS = $(PROVIDER_TEST_CPPFLAGS)
test_tpm_test_provider_rand_CFLAGS = $(PROVIDER_TEST_CFLAGS)
test_tpm_test_provider_rand_LDADD = $(PROVIDER_TEST_LIBS)

check_PROGRAMS += test/tpm/test_provider_software
TESTS += test/tpm/test_provider_software
test_tpm_test_provider_software_SOURCES = test/tpm/test_provider_software.c $(PROVIDER_TEST_SOURCES)
test_tpm_test_provider_software_CPPFLAGS = $(PROVIDER_TEST_CPPFLAGS)
test_tpm_test_provider_software_CFLAGS = $(PROVIDER_TEST_CFLAGS)
test_tpm_test_provider_software_LDADD = $(PROVIDER_TEST_LIBS)

check_PROGRAMS += test/tpm/test_provider_threads
TESTS += test/tpm/test_provider_threads
test_tpm_test_provider_threads_SOURCES = test/tpm/test_provider_threads.c $(PROVIDER_TEST_SOURCES)
test_tpm_test_provider_threads_CPPFLAGS = $(PROVIDER_TEST_CPPFLAGS)
test_tpm_test_provider_threads_CFLAGS = $(PROVIDER_TEST_CFLAGS)
test_tpm_test_provider_threads_LDADD = $(PROVIDER_TEST_LIBS)

check_PROGRAMS += test/tpm/test_provider_tls
TESTS += test/tpm/test_provider_tls
test_tpm_test_provider_tls_SOURCES = test/tpm/test_provider_tls.c $(PROVIDER_TEST_SOURCES)
test_tpm_test_provider_tls_CPPFLAGS = $(PROVIDER_TEST_CPPFLAGS)
test_tpm_test_provider_tls_CFLAGS = $(PROVIDER_TEST_CFLAGS)
test_tpm_test_provider_tls_LDADD = $(PROVIDER_TEST_LIBS)

check_PROGRAMS += test/tpm/test_provider_write
TESTS += test/tpm/test_provider_write
test_tpm_test_provider_write_SOURCES = test/tpm/test_provider_write.c $(PROVIDER_TEST_SOURCES)
test_tpm_test_provider_write_CPPFLAGS = $(PROVIDER_TEST_CPPFLAGS)
test_tpm_test_provider_write_CFLAGS = $(PROVIDER_TEST_CFLAGS)
test_tpm_test_provider_write_LDADD = $(PROVIDER_TEST_LIBS)

endif
