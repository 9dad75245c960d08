# files of test/unit: no TPM. A block a test program; each is in check_PROGRAMS and TESTS.
include test/unit/est.mk
include test/unit/tools.mk
UNIT_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/test
UNIT_CFLAGS = $(AM_CFLAGS) $(CORE_CFLAGS) $(CMOCKA_CFLAGS)
UNIT_LIBS = libdevid-core.la $(CORE_LIBS) $(CMOCKA_LIBS)
EXTRA_DIST += test/put.h test/unit/soft.h test/unit/folder.h test/unit/shelf.h
SHELF = test/unit/folder.c test/unit/shelf.c test/unit/soft.c

if HAVE_CMOCKA

check_PROGRAMS += test/unit/test_bytes
TESTS += test/unit/test_bytes
test_unit_test_bytes_SOURCES = test/unit/test_bytes.c
test_unit_test_bytes_CPPFLAGS = $(UNIT_CPPFLAGS)
test_unit_test_bytes_CFLAGS = $(UNIT_CFLAGS)
test_unit_test_bytes_LDADD = $(UNIT_LIBS)

check_PROGRAMS += test/unit/test_cert
TESTS += test/unit/test_cert
test_unit_test_cert_SOURCES = test/unit/test_cert.c test/unit/soft.c
test_unit_test_cert_CPPFLAGS = $(UNIT_CPPFLAGS)
test_unit_test_cert_CFLAGS = $(UNIT_CFLAGS)
test_unit_test_cert_LDADD = $(UNIT_LIBS)

check_PROGRAMS += test/unit/test_change
TESTS += test/unit/test_change
test_unit_test_change_SOURCES = test/unit/test_change.c $(SHELF)
test_unit_test_change_CPPFLAGS = $(UNIT_CPPFLAGS)
test_unit_test_change_CFLAGS = $(UNIT_CFLAGS)
test_unit_test_change_LDADD = $(UNIT_LIBS)

check_PROGRAMS += test/unit/test_conf
TESTS += test/unit/test_conf
test_unit_test_conf_SOURCES = test/unit/test_conf.c test/unit/folder.c
test_unit_test_conf_CPPFLAGS = $(UNIT_CPPFLAGS)
test_unit_test_conf_CFLAGS = $(UNIT_CFLAGS)
test_unit_test_conf_LDADD = $(UNIT_LIBS)

check_PROGRAMS += test/unit/test_discard
TESTS += test/unit/test_discard
test_unit_test_discard_SOURCES = test/unit/test_discard.c
test_unit_test_discard_CPPFLAGS = $(UNIT_CPPFLAGS)
test_unit_test_discard_CFLAGS = $(UNIT_CFLAGS) -pthread
test_unit_test_discard_LDADD = $(UNIT_LIBS)

check_PROGRAMS += test/unit/test_error
TESTS += test/unit/test_error
test_unit_test_error_SOURCES = test/unit/test_error.c
test_unit_test_error_CPPFLAGS = $(UNIT_CPPFLAGS)
test_unit_test_error_CFLAGS = $(UNIT_CFLAGS)
test_unit_test_error_LDADD = $(UNIT_LIBS)

check_PROGRAMS += test/unit/test_files
TESTS += test/unit/test_files
test_unit_test_files_SOURCES = test/unit/test_files.c test/unit/folder.c
test_unit_test_files_CPPFLAGS = $(UNIT_CPPFLAGS)
test_unit_test_files_CFLAGS = $(UNIT_CFLAGS)
test_unit_test_files_LDADD = $(UNIT_LIBS)

check_PROGRAMS += test/unit/test_cipher
TESTS += test/unit/test_cipher
test_unit_test_cipher_SOURCES = test/unit/test_cipher.c test/unit/soft.c
test_unit_test_cipher_CPPFLAGS = $(UNIT_CPPFLAGS)
test_unit_test_cipher_CFLAGS = $(UNIT_CFLAGS)
test_unit_test_cipher_LDADD = $(UNIT_LIBS)

check_PROGRAMS += test/unit/test_front
TESTS += test/unit/test_front
test_unit_test_front_SOURCES = test/unit/test_front.c
test_unit_test_front_CPPFLAGS = $(UNIT_CPPFLAGS)
test_unit_test_front_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS) $(CMOCKA_CFLAGS)
test_unit_test_front_LDADD = $(CRYPTO_LIBS) $(CMOCKA_LIBS) -lpthread

check_LTLIBRARIES += libdevid-other-body.la
libdevid_other_body_la_SOURCES = test/unit/other_body.c
libdevid_other_body_la_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
libdevid_other_body_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere

check_PROGRAMS += test/unit/test_hash
TESTS += test/unit/test_hash
test_unit_test_hash_SOURCES = test/unit/test_hash.c test/unit/soft.c
test_unit_test_hash_CPPFLAGS = $(UNIT_CPPFLAGS)
test_unit_test_hash_CFLAGS = $(UNIT_CFLAGS)
test_unit_test_hash_LDADD = $(UNIT_LIBS)

check_PROGRAMS += test/unit/test_keyfile
TESTS += test/unit/test_keyfile
test_unit_test_keyfile_SOURCES = test/unit/test_keyfile.c test/unit/soft.c
test_unit_test_keyfile_CPPFLAGS = $(UNIT_CPPFLAGS)
test_unit_test_keyfile_CFLAGS = $(UNIT_CFLAGS)
test_unit_test_keyfile_LDADD = $(UNIT_LIBS)

check_PROGRAMS += test/unit/test_loaded
TESTS += test/unit/test_loaded
test_unit_test_loaded_SOURCES = test/unit/test_loaded.c
test_unit_test_loaded_CPPFLAGS = $(UNIT_CPPFLAGS)
test_unit_test_loaded_CFLAGS = $(UNIT_CFLAGS)
test_unit_test_loaded_LDADD = $(UNIT_LIBS)

check_PROGRAMS += test/unit/test_lock
TESTS += test/unit/test_lock
test_unit_test_lock_SOURCES = test/unit/test_lock.c
test_unit_test_lock_CPPFLAGS = $(UNIT_CPPFLAGS)
test_unit_test_lock_CFLAGS = $(UNIT_CFLAGS)
test_unit_test_lock_LDADD = $(UNIT_LIBS)

check_PROGRAMS += test/unit/test_log
TESTS += test/unit/test_log
test_unit_test_log_SOURCES = test/unit/test_log.c
test_unit_test_log_CPPFLAGS = $(UNIT_CPPFLAGS)
test_unit_test_log_CFLAGS = $(UNIT_CFLAGS)
test_unit_test_log_LDADD = $(UNIT_LIBS)

check_PROGRAMS += test/unit/test_ref
TESTS += test/unit/test_ref
test_unit_test_ref_SOURCES = test/unit/test_ref.c test/unit/soft.c
test_unit_test_ref_CPPFLAGS = $(UNIT_CPPFLAGS)
test_unit_test_ref_CFLAGS = $(UNIT_CFLAGS)
test_unit_test_ref_LDADD = $(UNIT_LIBS)

check_PROGRAMS += test/unit/test_uri
TESTS += test/unit/test_uri
test_unit_test_uri_SOURCES = test/unit/test_uri.c test/unit/folder.c
test_unit_test_uri_CPPFLAGS = $(UNIT_CPPFLAGS)
test_unit_test_uri_CFLAGS = $(UNIT_CFLAGS)
test_unit_test_uri_LDADD = $(UNIT_LIBS)

check_PROGRAMS += test/unit/test_pair
TESTS += test/unit/test_pair
test_unit_test_pair_SOURCES = test/unit/test_pair.c src/pkcs11/pair.c src/pkcs11/rv.c src/pkcs11/template.c
test_unit_test_pair_CPPFLAGS = $(UNIT_CPPFLAGS)
test_unit_test_pair_CFLAGS = $(UNIT_CFLAGS) $(P11KIT_CFLAGS)
test_unit_test_pair_LDADD = $(UNIT_LIBS)

check_PROGRAMS += test/unit/test_public
TESTS += test/unit/test_public
test_unit_test_public_SOURCES = test/unit/test_public.c test/unit/soft.c
test_unit_test_public_CPPFLAGS = $(UNIT_CPPFLAGS)
test_unit_test_public_CFLAGS = $(UNIT_CFLAGS)
test_unit_test_public_LDADD = $(UNIT_LIBS)

check_PROGRAMS += test/unit/test_nv_content
TESTS += test/unit/test_nv_content
test_unit_test_nv_content_SOURCES = test/unit/test_nv_content.c
test_unit_test_nv_content_CPPFLAGS = $(UNIT_CPPFLAGS)
test_unit_test_nv_content_CFLAGS = $(UNIT_CFLAGS)
test_unit_test_nv_content_LDADD = $(UNIT_LIBS)

check_PROGRAMS += test/unit/test_previous
TESTS += test/unit/test_previous
test_unit_test_previous_SOURCES = test/unit/test_previous.c $(SHELF)
test_unit_test_previous_CPPFLAGS = $(UNIT_CPPFLAGS)
test_unit_test_previous_CFLAGS = $(UNIT_CFLAGS)
test_unit_test_previous_LDADD = $(UNIT_LIBS)

check_PROGRAMS += test/unit/test_snapshot
TESTS += test/unit/test_snapshot
test_unit_test_snapshot_SOURCES = test/unit/test_snapshot.c $(SHELF)
test_unit_test_snapshot_CPPFLAGS = $(UNIT_CPPFLAGS)
test_unit_test_snapshot_CFLAGS = $(UNIT_CFLAGS)
test_unit_test_snapshot_LDADD = $(UNIT_LIBS)

check_PROGRAMS += test/unit/test_store
TESTS += test/unit/test_store
test_unit_test_store_SOURCES = test/unit/test_store.c $(SHELF)
test_unit_test_store_CPPFLAGS = $(UNIT_CPPFLAGS)
test_unit_test_store_CFLAGS = $(UNIT_CFLAGS)
test_unit_test_store_LDADD = $(UNIT_LIBS)

check_PROGRAMS += test/unit/test_template
TESTS += test/unit/test_template
test_unit_test_template_SOURCES = test/unit/test_template.c
test_unit_test_template_CPPFLAGS = $(UNIT_CPPFLAGS)
test_unit_test_template_CFLAGS = $(UNIT_CFLAGS)
test_unit_test_template_LDADD = $(UNIT_LIBS)

check_PROGRAMS += test/unit/test_tcg_csr
TESTS += test/unit/test_tcg_csr
test_unit_test_tcg_csr_SOURCES = test/unit/test_tcg_csr.c
test_unit_test_tcg_csr_CPPFLAGS = $(UNIT_CPPFLAGS)
test_unit_test_tcg_csr_CFLAGS = $(UNIT_CFLAGS)
test_unit_test_tcg_csr_LDADD = $(UNIT_LIBS)

endif
