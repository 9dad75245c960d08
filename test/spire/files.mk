# files of test/spire: SPIRE's node attestation tpm_devid, its agent's and its server's plugin as they are, for test/client/spire.sh.
# Some hundred modules: where they cannot be fetched, that test is passed over, and all others are run.
SPIRE_FILES = test/spire/go.mod test/spire/go.sum test/spire/main.go
EXTRA_DIST += $(SPIRE_FILES)
CLEANFILES += test/spire/attest

test/spire/attest: $(SPIRE_FILES)
	@$(MKDIR_P) test/spire
	-cd $(srcdir)/test/spire && GOTOOLCHAIN=local GOFLAGS='-trimpath -mod=readonly -modcacherw -buildvcs=false' go build -o '$(abs_builddir)/test/spire/attest' .

if HAVE_GO
check_DATA += test/spire/attest
endif
