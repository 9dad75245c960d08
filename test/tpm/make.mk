# keys and certificates made in a software TPM
MAKE_TEST_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/test
MAKE_TEST_CFLAGS = $(AM_CFLAGS) $(CORE_CFLAGS) $(CMOCKA_CFLAGS)
MAKE_TEST_LIBS = libdevid-core.la $(CORE_LIBS) $(CMOCKA_LIBS)
MAKE_TEST_SOURCES = \
	test/tpm/by_hand.c test/tpm/by_hand.h \
	test/tpm/world.c test/tpm/world.h

if HAVE_CMOCKA

check_PROGRAMS += test/tpm/test_attest
TESTS += test/tpm/test_attest
test_tpm_test_attest_SOURCES = test/tpm/test_attest.c test/tpm/keys.c test/tpm/keys.h $(MAKE_TEST_SOURCES)
test_tpm_test_attest_CPPFLAGS = $(MAKE_TEST_CPPFLAGS)
test_tpm_test_attest_CFLAGS = $(MAKE_TEST_CFLAGS)
test_tpm_test_attest_LDADD = $(MAKE_TEST_LIBS)

check_PROGRAMS += test/tpm/test_discover
TESTS += test/tpm/test_discover
test_tpm_test_discover_SOURCES = test/tpm/test_discover.c $(MAKE_TEST_SOURCES)
test_tpm_test_discover_CPPFLAGS = $(MAKE_TEST_CPPFLAGS)
test_tpm_test_discover_CFLAGS = $(MAKE_TEST_CFLAGS)
test_tpm_test_discover_LDADD = $(MAKE_TEST_LIBS)

check_PROGRAMS += test/tpm/test_enabled
TESTS += test/tpm/test_enabled
test_tpm_test_enabled_SOURCES = test/tpm/test_enabled.c test/tpm/keys.c test/tpm/keys.h $(MAKE_TEST_SOURCES)
test_tpm_test_enabled_CPPFLAGS = $(MAKE_TEST_CPPFLAGS)
test_tpm_test_enabled_CFLAGS = $(MAKE_TEST_CFLAGS)
test_tpm_test_enabled_LDADD = $(MAKE_TEST_LIBS)

check_PROGRAMS += test/tpm/test_hwserial
TESTS += test/tpm/test_hwserial
test_tpm_test_hwserial_SOURCES = test/tpm/test_hwserial.c test/unit/soft.c $(MAKE_TEST_SOURCES)
test_tpm_test_hwserial_CPPFLAGS = $(MAKE_TEST_CPPFLAGS)
test_tpm_test_hwserial_CFLAGS = $(MAKE_TEST_CFLAGS)
test_tpm_test_hwserial_LDADD = $(MAKE_TEST_LIBS)

check_PROGRAMS += test/tpm/test_make
TESTS += test/tpm/test_make
test_tpm_test_make_SOURCES = test/tpm/test_make.c $(MAKE_TEST_SOURCES)
test_tpm_test_make_CPPFLAGS = $(MAKE_TEST_CPPFLAGS)
test_tpm_test_make_CFLAGS = $(MAKE_TEST_CFLAGS)
test_tpm_test_make_LDADD = $(MAKE_TEST_LIBS)

check_PROGRAMS += test/tpm/test_make_faults
TESTS += test/tpm/test_make_faults
test_tpm_test_make_faults_SOURCES = test/tpm/test_make_faults.c $(MAKE_TEST_SOURCES)
test_tpm_test_make_faults_CPPFLAGS = $(MAKE_TEST_CPPFLAGS)
test_tpm_test_make_faults_CFLAGS = $(MAKE_TEST_CFLAGS)
test_tpm_test_make_faults_LDADD = $(MAKE_TEST_LIBS)

check_PROGRAMS += test/tpm/test_nv
TESTS += test/tpm/test_nv
test_tpm_test_nv_SOURCES = test/tpm/test_nv.c $(MAKE_TEST_SOURCES)
test_tpm_test_nv_CPPFLAGS = $(MAKE_TEST_CPPFLAGS)
test_tpm_test_nv_CFLAGS = $(MAKE_TEST_CFLAGS)
test_tpm_test_nv_LDADD = $(MAKE_TEST_LIBS)

check_PROGRAMS += test/tpm/test_pin
TESTS += test/tpm/test_pin
test_tpm_test_pin_SOURCES = test/tpm/test_pin.c test/tpm/keys.c test/tpm/keys.h $(MAKE_TEST_SOURCES)
test_tpm_test_pin_CPPFLAGS = $(MAKE_TEST_CPPFLAGS)
test_tpm_test_pin_CFLAGS = $(MAKE_TEST_CFLAGS)
test_tpm_test_pin_LDADD = $(MAKE_TEST_LIBS)

check_PROGRAMS += test/tpm/test_recover
TESTS += test/tpm/test_recover
test_tpm_test_recover_SOURCES = test/tpm/test_recover.c test/tpm/keys.c test/tpm/keys.h $(MAKE_TEST_SOURCES)
test_tpm_test_recover_CPPFLAGS = $(MAKE_TEST_CPPFLAGS)
test_tpm_test_recover_CFLAGS = $(MAKE_TEST_CFLAGS)
test_tpm_test_recover_LDADD = $(MAKE_TEST_LIBS)

endif
