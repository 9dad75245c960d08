# files of test/fault: a library for LD_PRELOAD that lets files fail. Never installed; -rpath makes libtool build a shared one.
check_LTLIBRARIES += libfile-fault.la
libfile_fault_la_SOURCES = test/fault/file_fault.c
libfile_fault_la_CFLAGS = $(AM_CFLAGS)
libfile_fault_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere
libfile_fault_la_LIBADD = -ldl
