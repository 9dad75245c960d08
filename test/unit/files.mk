# files of test/unit: no TPM. A block a test program; each is in check_PROGRAMS and TESTS.
include test/unit/est.mk
include test/unit/tools.mk
UNIT_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/test
UNIT_CFLAGS = $(AM_CFLAGS) $(CORE_CFLAGS) $(CMOCKA_CFLAGS)
UNIT_LIBS = libdevid-core.la $(CORE_LIBS) $(CMOCKA_LIBS)
EXTRA_DIST += test/unit/soft.h

if HAVE_CMOCKA

check_PROGRAMS += test/unit/test_public
TESTS += test/unit/test_public
test_unit_test_public_SOURCES = test/unit/test_public.c test/unit/soft.c
test_unit_test_public_CPPFLAGS = $(UNIT_CPPFLAGS)
test_unit_test_public_CFLAGS = $(UNIT_CFLAGS)
test_unit_test_public_LDADD = $(UNIT_LIBS)

check_PROGRAMS += test/unit/test_nv_content
TESTS += test/unit/test_nv_content
test_unit_test_nv_content_SOURCES = test/unit/test_nv_content.c
test_unit_test_nv_content_CPPFLAGS = $(UNIT_CPPFLAGS)
test_unit_test_nv_content_CFLAGS = $(UNIT_CFLAGS)
test_unit_test_nv_content_LDADD = $(UNIT_LIBS)

check_PROGRAMS += test/unit/test_template
TESTS += test/unit/test_template
test_unit_test_template_SOURCES = test/unit/test_template.c
test_unit_test_template_CPPFLAGS = $(UNIT_CPPFLAGS)
test_unit_test_template_CFLAGS = $(UNIT_CFLAGS)
test_unit_test_template_LDADD = $(UNIT_LIBS)

endif
