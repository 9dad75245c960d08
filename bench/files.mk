# files of bench: not built by "make all"; "make bench" builds and runs it
EXTRA_PROGRAMS = bench/bench
EXTRA_DIST += bench/README.md bench/run
bench_bench_SOURCES = bench/bench.c
bench_bench_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/src
bench_bench_CFLAGS = $(AM_CFLAGS) $(CORE_CFLAGS)
bench_bench_LDADD = $(TSS2_LIBS) $(CRYPTO_LIBS) -lpthread -ldl

.PHONY: bench
bench: all bench/bench test/client/prepare
	@$(AM_TESTS_ENVIRONMENT) '$(srcdir)/bench/run'
