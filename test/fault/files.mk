# files of test/fault: libraries for LD_PRELOAD that let things fail. Never installed; -rpath makes libtool build shared ones.
check_LTLIBRARIES += libkill-rename.la
libkill_rename_la_SOURCES = test/fault/kill_rename.c
libkill_rename_la_CFLAGS = $(AM_CFLAGS)
libkill_rename_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere
libkill_rename_la_LIBADD = -ldl

check_LTLIBRARIES += libno-space.la
libno_space_la_SOURCES = test/fault/no_space.c
libno_space_la_CFLAGS = $(AM_CFLAGS)
libno_space_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere
