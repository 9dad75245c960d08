# files of dist
providerconfdir = $(pkgdatadir)
dist_providerconf_DATA = dist/openssl.cnf
p11configdir = $(datadir)/p11-kit/modules
dist_p11config_DATA = dist/devid.module

# systemd: not where --without-systemdsystemunitdir says so
EXTRA_DIST += dist/devid-provision.service.in dist/devid-renew.service.in dist/devid-renew.timer dist/devid-reload@.path dist/devid-reload@.service dist/devid.sysusers dist/devid.tmpfiles
noinst_DATA = dist/devid-provision.service dist/devid-renew.service
CLEANFILES += dist/devid-provision.service dist/devid-renew.service
dist/%.service: dist/%.service.in Makefile
	@$(MKDIR_P) dist
	$(AM_V_GEN)$(SED) 's|@bindir[@]|$(bindir)|' '$(srcdir)/dist/$*.service.in' >'$@'
if SYSTEMD
systemdsystemunit_DATA = dist/devid-provision.service dist/devid-renew.service dist/devid-renew.timer dist/devid-reload@.path dist/devid-reload@.service
install-data-local:
	$(MKDIR_P) '$(DESTDIR)$(sysusersdir)'
	$(INSTALL_DATA) '$(srcdir)/dist/devid.sysusers' '$(DESTDIR)$(sysusersdir)/devid.conf'
	$(MKDIR_P) '$(DESTDIR)$(tmpfilesdir)'
	$(INSTALL_DATA) '$(srcdir)/dist/devid.tmpfiles' '$(DESTDIR)$(tmpfilesdir)/devid.conf'
uninstall-local:
	rm -f '$(DESTDIR)$(sysusersdir)/devid.conf' '$(DESTDIR)$(tmpfilesdir)/devid.conf'
endif

# Modules need no .la; what libtool would remove by it is removed here.
MODULE_FILES = '$(DESTDIR)$(osslmodulesdir)/devid' '$(DESTDIR)$(osslmodulesdir)/devid-provider' '$(DESTDIR)$(p11moduledir)/devid-pkcs11'
install-data-hook:
	for file in $(MODULE_FILES); do rm -f "$$file.la"; done
uninstall-hook:
	for file in $(MODULE_FILES); do rm -f "$$file.so"; done
