# files of test/fuzz: a target for each parser of outside bytes. A block a target, named in FUZZ_TARGETS.
# By default each is a test that replays test/fuzz/seeds/TARGET; with --enable-fuzzers (clang) it is a fuzzer:
#   test/fuzz/keyfile -max_total_time=60 corpus-folder test/fuzz/seeds/keyfile
FUZZ_TARGETS = \
	test/fuzz/calls \
	test/fuzz/cert \
	test/fuzz/conf \
	test/fuzz/entry \
	test/fuzz/est_attrs \
	test/fuzz/est_exchange \
	test/fuzz/est_message \
	test/fuzz/est_rollover \
	test/fuzz/est_url \
	test/fuzz/evidence \
	test/fuzz/keyfile \
	test/fuzz/public \
	test/fuzz/record \
	test/fuzz/ref \
	test/fuzz/tcg_csr \
	test/fuzz/template \
	test/fuzz/tpmenroll \
	test/fuzz/uri
FUZZ_CFLAGS = $(AM_CFLAGS) $(CORE_CFLAGS)
FUZZ_LIBS = libdevid-core.la $(CORE_LIBS)
EXTRA_DIST += test/fuzz/seeds test/fuzz/replay.c

if FUZZERS
FUZZ_MAIN =
FUZZ_LINKING = $(AM_LDFLAGS) -fsanitize=fuzzer
noinst_PROGRAMS += $(FUZZ_TARGETS)
else
FUZZ_MAIN = test/fuzz/replay.c
FUZZ_LINKING = $(AM_LDFLAGS)
check_PROGRAMS += $(FUZZ_TARGETS)
TESTS += $(FUZZ_TARGETS)
endif

test_fuzz_calls_SOURCES = test/fuzz/calls.c $(devid_pkcs11_la_SOURCES) $(FUZZ_MAIN)
test_fuzz_calls_CFLAGS = $(FUZZ_CFLAGS) $(P11KIT_CFLAGS)
test_fuzz_calls_LDFLAGS = $(FUZZ_LINKING)
test_fuzz_calls_LDADD = $(FUZZ_LIBS)

test_fuzz_cert_SOURCES = test/fuzz/cert.c $(FUZZ_MAIN)
test_fuzz_cert_CFLAGS = $(FUZZ_CFLAGS)
test_fuzz_cert_LDFLAGS = $(FUZZ_LINKING)
test_fuzz_cert_LDADD = $(FUZZ_LIBS)

test_fuzz_entry_SOURCES = test/fuzz/entry.c $(FUZZ_MAIN)
test_fuzz_entry_CFLAGS = $(FUZZ_CFLAGS)
test_fuzz_entry_LDFLAGS = $(FUZZ_LINKING)
test_fuzz_entry_LDADD = $(FUZZ_LIBS)

test_fuzz_est_attrs_SOURCES = test/fuzz/est_attrs.c $(FUZZ_MAIN)
test_fuzz_est_attrs_CFLAGS = $(FUZZ_CFLAGS)
test_fuzz_est_attrs_LDFLAGS = $(FUZZ_LINKING)
test_fuzz_est_attrs_LDADD = libdevid-est.la $(FUZZ_LIBS)

test_fuzz_est_exchange_SOURCES = test/fuzz/est_exchange.c $(FUZZ_MAIN)
test_fuzz_est_exchange_CFLAGS = $(FUZZ_CFLAGS) $(SSL_CFLAGS)
test_fuzz_est_exchange_LDFLAGS = $(FUZZ_LINKING)
test_fuzz_est_exchange_LDADD = libdevid-est.la $(FUZZ_LIBS) $(SSL_LIBS) -lpthread

test_fuzz_est_rollover_SOURCES = test/fuzz/est_rollover.c $(FUZZ_MAIN)
test_fuzz_est_rollover_CFLAGS = $(FUZZ_CFLAGS)
test_fuzz_est_rollover_LDFLAGS = $(FUZZ_LINKING)
test_fuzz_est_rollover_LDADD = libdevid-est.la $(FUZZ_LIBS)

test_fuzz_est_url_SOURCES = test/fuzz/est_url.c $(FUZZ_MAIN)
test_fuzz_est_url_CFLAGS = $(FUZZ_CFLAGS)
test_fuzz_est_url_LDFLAGS = $(FUZZ_LINKING)
test_fuzz_est_url_LDADD = libdevid-est.la $(FUZZ_LIBS)

test_fuzz_est_message_SOURCES = test/fuzz/est_message.c $(FUZZ_MAIN)
test_fuzz_est_message_CFLAGS = $(FUZZ_CFLAGS)
test_fuzz_est_message_LDFLAGS = $(FUZZ_LINKING)
test_fuzz_est_message_LDADD = libdevid-est.la $(FUZZ_LIBS)

test_fuzz_tpmenroll_SOURCES = test/fuzz/tpmenroll.c $(FUZZ_MAIN)
test_fuzz_tpmenroll_CFLAGS = $(FUZZ_CFLAGS)
test_fuzz_tpmenroll_LDFLAGS = $(FUZZ_LINKING)
test_fuzz_tpmenroll_LDADD = libdevid-est.la $(FUZZ_LIBS)

test_fuzz_evidence_SOURCES = test/fuzz/evidence.c $(FUZZ_MAIN)
test_fuzz_evidence_CFLAGS = $(FUZZ_CFLAGS)
test_fuzz_evidence_LDFLAGS = $(FUZZ_LINKING)
test_fuzz_evidence_LDADD = $(FUZZ_LIBS)

test_fuzz_tcg_csr_SOURCES = test/fuzz/tcg_csr.c $(FUZZ_MAIN)
test_fuzz_tcg_csr_CFLAGS = $(FUZZ_CFLAGS)
test_fuzz_tcg_csr_LDFLAGS = $(FUZZ_LINKING)
test_fuzz_tcg_csr_LDADD = $(FUZZ_LIBS)

test_fuzz_keyfile_SOURCES = test/fuzz/keyfile.c $(FUZZ_MAIN)
test_fuzz_keyfile_CFLAGS = $(FUZZ_CFLAGS)
test_fuzz_keyfile_LDFLAGS = $(FUZZ_LINKING)
test_fuzz_keyfile_LDADD = $(FUZZ_LIBS)

test_fuzz_public_SOURCES = test/fuzz/public.c $(FUZZ_MAIN)
test_fuzz_public_CFLAGS = $(FUZZ_CFLAGS)
test_fuzz_public_LDFLAGS = $(FUZZ_LINKING)
test_fuzz_public_LDADD = $(FUZZ_LIBS)

test_fuzz_ref_SOURCES = test/fuzz/ref.c $(FUZZ_MAIN)
test_fuzz_ref_CFLAGS = $(FUZZ_CFLAGS)
test_fuzz_ref_LDFLAGS = $(FUZZ_LINKING)
test_fuzz_ref_LDADD = $(FUZZ_LIBS)

test_fuzz_conf_SOURCES = test/fuzz/conf.c $(FUZZ_MAIN)
test_fuzz_conf_CFLAGS = $(FUZZ_CFLAGS)
test_fuzz_conf_LDFLAGS = $(FUZZ_LINKING)
test_fuzz_conf_LDADD = $(FUZZ_LIBS)

test_fuzz_record_SOURCES = test/fuzz/record.c $(FUZZ_MAIN)
test_fuzz_record_CFLAGS = $(FUZZ_CFLAGS)
test_fuzz_record_LDFLAGS = $(FUZZ_LINKING)
test_fuzz_record_LDADD = $(FUZZ_LIBS)

test_fuzz_uri_SOURCES = test/fuzz/uri.c $(FUZZ_MAIN)
test_fuzz_uri_CFLAGS = $(FUZZ_CFLAGS)
test_fuzz_uri_LDFLAGS = $(FUZZ_LINKING)
test_fuzz_uri_LDADD = $(FUZZ_LIBS)

test_fuzz_template_SOURCES = test/fuzz/template.c src/pkcs11/pair.c src/pkcs11/rv.c src/pkcs11/template.c $(FUZZ_MAIN)
test_fuzz_template_CFLAGS = $(FUZZ_CFLAGS) $(P11KIT_CFLAGS)
test_fuzz_template_LDFLAGS = $(FUZZ_LINKING)
test_fuzz_template_LDADD = $(FUZZ_LIBS)
