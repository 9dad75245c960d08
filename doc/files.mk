# files of doc
EXTRA_DIST += doc/examples/quickstart.conf
