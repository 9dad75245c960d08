# The plans: no library; test_plan has a devid_conf_find of its own.
if HAVE_CMOCKA
check_PROGRAMS += test/unit/test_leave
TESTS += test/unit/test_leave
test_unit_test_leave_SOURCES = test/unit/test_leave.c tools/leave.c
test_unit_test_leave_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tools
test_unit_test_leave_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
test_unit_test_leave_LDADD = $(CMOCKA_LIBS)

check_PROGRAMS += test/unit/test_plan
TESTS += test/unit/test_plan
test_unit_test_plan_SOURCES = test/unit/test_plan.c tools/plan.c
test_unit_test_plan_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tools
test_unit_test_plan_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
test_unit_test_plan_LDADD = $(CMOCKA_LIBS)

check_PROGRAMS += test/unit/test_schedule
TESTS += test/unit/test_schedule
test_unit_test_schedule_SOURCES = test/unit/test_schedule.c tools/schedule.c
test_unit_test_schedule_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tools
test_unit_test_schedule_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
test_unit_test_schedule_LDADD = $(CMOCKA_LIBS)
endif
