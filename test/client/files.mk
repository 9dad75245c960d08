# files of test/client: programs as Debian ships them
CLIENT_TESTS =
CLIENT_TESTS += test/client/apache.sh
CLIENT_TESTS += test/client/attest.sh
CLIENT_TESTS += test/client/curl.sh
CLIENT_TESTS += test/client/disown-leftover.sh
CLIENT_TESTS += test/client/disown.sh
CLIENT_TESTS += test/client/doctor.sh
CLIENT_TESTS += test/client/eap.sh
CLIENT_TESTS += test/client/ec.sh
CLIENT_TESTS += test/client/ek-rsa.sh
CLIENT_TESTS += test/client/engine.sh
CLIENT_TESTS += test/client/est-globalsign.sh
CLIENT_TESTS += test/client/est-proxy.sh
CLIENT_TESTS += test/client/est-server.sh
CLIENT_TESTS += test/client/est-trust.sh
CLIENT_TESTS += test/client/expired.sh
CLIENT_TESTS += test/client/factory.sh
CLIENT_TESTS += test/client/faults-disown.sh
CLIENT_TESTS += test/client/faults-provision.sh
CLIENT_TESTS += test/client/faults-recover.sh
CLIENT_TESTS += test/client/faults-renew.sh
CLIENT_TESTS += test/client/genpkey.sh
CLIENT_TESTS += test/client/guide.sh
CLIENT_TESTS += test/client/haproxy.sh
CLIENT_TESTS += test/client/java.sh
CLIENT_TESTS += test/client/manager.sh
CLIENT_TESTS += test/client/meanwhile.sh
CLIENT_TESTS += test/client/mosquitto.sh
CLIENT_TESTS += test/client/nginx.sh
CLIENT_TESTS += test/client/node-pkcs11.sh
CLIENT_TESTS += test/client/node.sh
CLIENT_TESTS += test/client/nss.sh
CLIENT_TESTS += test/client/openssh.sh
CLIENT_TESTS += test/client/openssl.sh
CLIENT_TESTS += test/client/openvpn.sh
CLIENT_TESTS += test/client/operations.sh
CLIENT_TESTS += test/client/p11-kit.sh
CLIENT_TESTS += test/client/p11tool.sh
CLIENT_TESTS += test/client/paho.sh
CLIENT_TESTS += test/client/pkcs11-provider.sh
CLIENT_TESTS += test/client/pkcs11-tool.sh
CLIENT_TESTS += test/client/postgres.sh
CLIENT_TESTS += test/client/provision-faults.sh
CLIENT_TESTS += test/client/provision.sh
CLIENT_TESTS += test/client/python-pkcs11.sh
CLIENT_TESTS += test/client/python-ssl.sh
CLIENT_TESTS += test/client/python.sh
CLIENT_TESTS += test/client/recover.sh
CLIENT_TESTS += test/client/refusals.sh
CLIENT_TESTS += test/client/renew-commands.sh
CLIENT_TESTS += test/client/renew-faults.sh
CLIENT_TESTS += test/client/renew.sh
CLIENT_TESTS += test/client/rights.sh
CLIENT_TESTS += test/client/rsa-pss.sh
CLIENT_TESTS += test/client/settings.sh
CLIENT_TESTS += test/client/socat.sh
CLIENT_TESTS += test/client/software.sh
CLIENT_TESTS += test/client/spire.sh
CLIENT_TESTS += test/client/strongswan.sh
CLIENT_TESTS += test/client/stunnel.sh
CLIENT_TESTS += test/client/systemd-boot.sh
CLIENT_TESTS += test/client/systemd.sh
CLIENT_TESTS += test/client/tcg-csr.sh
CLIENT_TESTS += test/client/tpmenroll-renew.sh
CLIENT_TESTS += test/client/tpmenroll.sh
CLIENT_TESTS += test/client/tss2.sh
CLIENT_TESTS += test/client/usage.sh
EXTRA_DIST += $(CLIENT_TESTS)
EXTRA_DIST += test/client/device.sh
EXTRA_DIST += test/client/estserver.sh
EXTRA_DIST += test/client/keys.sh
EXTRA_DIST += test/client/lib.sh
EXTRA_DIST += test/client/pair.py
EXTRA_DIST += test/client/ports.sh
EXTRA_DIST += test/client/registry.sh
EXTRA_DIST += test/client/renew-lib.sh
EXTRA_DIST += test/client/renew-session.py
EXTRA_DIST += test/client/sweep.sh
EXTRA_DIST += test/client/vendor.sh
# not run by "make check": it takes long, and wants a newer Python than Debian 12 has
EXTRA_DIST += test/client/pkcs11-check
EXTRA_DIST += test/client/pkcs11-check.inherent

# what the scripts fetch from npm and PyPI
clean-local:
	rm -rf test/client/packages

if HAVE_CMOCKA
check_PROGRAMS += test/client/prepare
TESTS += $(CLIENT_TESTS)
test_client_prepare_SOURCES = test/client/prepare.c test/tpm/identities.c test/tpm/identities.h
test_client_prepare_CPPFLAGS = $(PROVIDER_TEST_CPPFLAGS)
test_client_prepare_CFLAGS = $(PROVIDER_TEST_CFLAGS)
test_client_prepare_LDADD = $(PROVIDER_TEST_LIBS)
endif
