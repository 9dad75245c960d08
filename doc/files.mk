# files of doc
EXTRA_DIST += doc/examples/quickstart.conf
dist_man_MANS += doc/man/devid.1 doc/man/devid.conf.5
