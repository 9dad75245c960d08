# files of test/client: programs as Debian ships them
CLIENT_TESTS = \
	test/client/curl.sh \
	test/client/engine.sh \
	test/client/est-server.sh \
	test/client/expired.sh \
	test/client/faults-provision.sh \
	test/client/guide.sh \
	test/client/java.sh \
	test/client/mosquitto.sh \
	test/client/nss.sh \
	test/client/openssh.sh \
	test/client/openssl.sh \
	test/client/p11-kit.sh \
	test/client/p11tool.sh \
	test/client/pkcs11-tool.sh \
	test/client/provision.sh \
	test/client/provision-faults.sh \
	test/client/python.sh \
	test/client/recover.sh \
	test/client/software.sh \
	test/client/tss2.sh
EXTRA_DIST += $(CLIENT_TESTS) test/client/lib.sh test/client/device.sh test/client/vendor.sh
	test/client/software.sh
EXTRA_DIST += $(CLIENT_TESTS) test/client/lib.sh test/client/device.sh test/client/sweep.sh test/client/vendor.sh

if HAVE_CMOCKA
check_PROGRAMS += test/client/prepare
TESTS += $(CLIENT_TESTS)
test_client_prepare_SOURCES = test/client/prepare.c test/tpm/identities.c test/tpm/identities.h
test_client_prepare_CPPFLAGS = $(PROVIDER_TEST_CPPFLAGS)
test_client_prepare_CFLAGS = $(PROVIDER_TEST_CFLAGS)
test_client_prepare_LDADD = $(PROVIDER_TEST_LIBS)
endif
