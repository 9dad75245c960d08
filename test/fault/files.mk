# files of test/fault: libraries for LD_PRELOAD that let things fail. Never installed; -rpath makes libtool build shared ones.
check_LTLIBRARIES += libkill-rename.la
libkill_rename_la_SOURCES = test/fault/kill_rename.c
libkill_rename_la_CFLAGS = $(AM_CFLAGS)
libkill_rename_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere
libkill_rename_la_LIBADD = -ldl

check_LTLIBRARIES += libfile-fault.la
libfile_fault_la_SOURCES = test/fault/file_fault.c
libfile_fault_la_CFLAGS = $(AM_CFLAGS)
libfile_fault_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere
libfile_fault_la_LIBADD = -ldl
