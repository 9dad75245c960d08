# files of test/ca: a CA for tests and the quickstart, in Go. Built when go is there, for "make check" or by its name; never installed.
ESTCA_SOURCES = \
	test/ca/authority.go \
	test/ca/behaviour.go \
	test/ca/host.go \
	test/ca/label.go \
	test/ca/main.go \
	test/ca/pki.go \
	test/ca/profile.go \
	test/ca/register.go \
	test/ca/tpmenroll.go
ESTCA_FILES = test/ca/README.md test/ca/estserver.go test/ca/go.mod test/ca/go.sum $(ESTCA_SOURCES)
EXTRA_DIST += $(ESTCA_FILES) test/ca/ca_test.go test/ca/go-test.sh
CLEANFILES += test/ca/estca test/ca/estserver

# GOTOOLCHAIN and the pinned versions: built with the installed go (1.19 or newer) and nothing else.
test/ca/estca: $(ESTCA_FILES)
	@$(MKDIR_P) test/ca
	cd $(srcdir)/test/ca && GOTOOLCHAIN=local GOFLAGS='-trimpath -mod=readonly -modcacherw -buildvcs=false' go build -o '$(abs_builddir)/test/ca/estca' .

# GlobalSign's own server, of the same module, as it is
test/ca/estserver: $(ESTCA_FILES)
	@$(MKDIR_P) test/ca
	cd $(srcdir)/test/ca && GOTOOLCHAIN=local GOFLAGS='-trimpath -mod=readonly -modcacherw -buildvcs=false' go build -o '$(abs_builddir)/test/ca/estserver' github.com/globalsign/est/cmd/estserver

if HAVE_GO
TESTS += test/ca/go-test.sh
check_DATA += test/ca/estca test/ca/estserver
endif
