# files of dist
providerconfdir = $(pkgdatadir)
dist_providerconf_DATA = dist/openssl.cnf
p11configdir = $(datadir)/p11-kit/modules
dist_p11config_DATA = dist/devid.module
