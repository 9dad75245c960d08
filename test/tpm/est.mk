# keys of the TPM in requests and TLS, through the provider
EXTRA_DIST += test/tpm/est_keys.sh
if HAVE_CMOCKA
check_PROGRAMS += test/tpm/est_keys
TESTS += test/tpm/est_keys.sh
test_tpm_est_keys_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/test
test_tpm_est_keys_CFLAGS = $(EST_TEST_CFLAGS)
test_tpm_est_keys_LDADD = $(EST_TEST_LIBS)
endif
