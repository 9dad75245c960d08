# The plan: its own devid_conf_find, no library.
if HAVE_CMOCKA
check_PROGRAMS += test/unit/test_plan
TESTS += test/unit/test_plan
test_unit_test_plan_SOURCES = test/unit/test_plan.c tools/plan.c
test_unit_test_plan_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tools
test_unit_test_plan_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
test_unit_test_plan_LDADD = $(CMOCKA_LIBS)
endif
