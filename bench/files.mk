# files of bench: not built by "make all"; "make bench" builds and runs it
EXTRA_PROGRAMS = bench/bench bench/tls
EXTRA_DIST += bench/README.md bench/run
bench_bench_SOURCES = bench/bench.c bench/measure.h
bench_bench_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/src
bench_bench_CFLAGS = $(AM_CFLAGS) $(CORE_CFLAGS)
bench_bench_LDADD = $(TSS2_LIBS) $(CRYPTO_LIBS) -lpthread -ldl
bench_tls_SOURCES = bench/tls.c bench/measure.h
bench_tls_CFLAGS = $(AM_CFLAGS) $(CORE_CFLAGS) $(SSL_CFLAGS)
bench_tls_LDADD = $(TSS2_LIBS) $(SSL_LIBS) $(CRYPTO_LIBS)

# The schedule of renewals, lived by a million devices: a test of two seconds, and the drawing in doc/.
check_PROGRAMS += bench/fleet
TESTS += bench/fleet
bench_fleet_SOURCES = bench/fleet.c tools/schedule.c tools/schedule.h tools/seed.c tools/seed.h
bench_fleet_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tools
bench_fleet_LDADD = libdevid-core.la

# Two hundred devices on a line: minutes.
.PHONY: factory
factory: all test/ca/estca
	@$(AM_TESTS_ENVIRONMENT) FACTORY_DEVICES=200 '$(srcdir)/test/client/factory.sh'

.PHONY: bench
bench: all bench/bench bench/tls test/client/prepare
	@$(AM_TESTS_ENVIRONMENT) '$(srcdir)/bench/run'
