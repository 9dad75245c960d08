# files of test/lint: habits that a machine keeps. "make check" runs LINTS; "make lint" runs them and the slower ones.
LINTS = test/lint/arrows test/lint/cases test/lint/exports test/lint/headers test/lint/man test/lint/programs test/lint/size test/lint/trace
SLOW_LINTS = test/lint/must_use
TESTS += $(LINTS)
EXTRA_DIST += $(LINTS) $(SLOW_LINTS) test/CONFORMANCE.md
AM_TESTS_ENVIRONMENT += DEVID_CC='$(CC)'; export DEVID_CC; DEVID_INCLUDES='$(CORE_CFLAGS) $(CURL_CFLAGS)'; export DEVID_INCLUDES;

lint: all
	@$(AM_TESTS_ENVIRONMENT) failed=; \
	for lint in $(LINTS) $(SLOW_LINTS); do \
		if out=`$(srcdir)/$$lint`; then echo "ok      $$lint"; \
		else echo "NOT OK  $$lint"; echo "$$out" | grep -A20 '^not ok'; failed=yes; fi; \
	done; \
	if command -v shellcheck >/dev/null; then \
		if (cd $(srcdir) && grep -rlE '^#!/bin/(ba)?sh' quickstart run-tests dist test tools | xargs shellcheck -e SC1091,SC2154); \
		then echo "ok      shellcheck"; else echo "NOT OK  shellcheck"; failed=yes; fi; \
	else echo "skipped shellcheck: it is not installed"; fi; \
	test -z "$$failed"
.PHONY: lint
