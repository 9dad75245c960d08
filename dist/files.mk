# files of dist
providerconfdir = $(pkgdatadir)
dist_providerconf_DATA = dist/openssl.cnf
