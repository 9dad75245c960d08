# the parsers of src/est; built by clang with --enable-fuzzers
EXTRA_DIST += test/fuzz/est_message.c
if FUZZERS
noinst_PROGRAMS += test/fuzz/est_message
test_fuzz_est_message_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS) -fsanitize=fuzzer,address
test_fuzz_est_message_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer,address
test_fuzz_est_message_LDADD = libdevid-est.la
endif
