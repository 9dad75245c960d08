# The judge of TPM commands: a loadable TCTI, never installed. -rpath makes libtool build a shared one.
noinst_LTLIBRARIES += libtss2-tcti-count.la
libtss2_tcti_count_la_SOURCES = test/tcti-count/tcti_count.c test/tcti-count/fault.c test/tcti-count/fault.h
libtss2_tcti_count_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
libtss2_tcti_count_la_CFLAGS = $(AM_CFLAGS) $(TSS2_CFLAGS)
libtss2_tcti_count_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere
libtss2_tcti_count_la_LIBADD = $(TSS2_LIBS)
