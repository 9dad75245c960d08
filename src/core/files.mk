noinst_LTLIBRARIES += libdevid-core.la
libdevid_core_la_CFLAGS = $(AM_CFLAGS) $(CORE_CFLAGS)
libdevid_core_la_LIBADD = $(CORE_LIBS)
libdevid_core_la_SOURCES = \
	src/core/about.c src/core/about.h \
	src/core/alg.h \
	src/core/attest.c src/core/attest.h \
	src/core/behind.c src/core/behind.h \
	src/core/bytes.c src/core/bytes.h \
	src/core/cache.c src/core/cache.h \
	src/core/cert.c src/core/cert.h \
	src/core/chip.c src/core/chip.h \
	src/core/cipher.h \
	src/core/command.c src/core/command.h \
	src/core/conf.c src/core/conf.h \
	src/core/conf_check.c \
	src/core/conf_value.c src/core/conf_value.h \
	src/core/counters.c src/core/counters.h \
	src/core/curve.c src/core/curve.h \
	src/core/decrypt.c \
	src/core/der.c src/core/der.h \
	src/core/discard.c src/core/discard.h \
	src/core/discover.c src/core/discover.h \
	src/core/ek.c \
	src/core/encrypt.c \
	src/core/entry.c src/core/entry.h \
	src/core/error.c src/core/error.h \
	src/core/error_tss.c \
	src/core/evict.c \
	src/core/evidence.c src/core/evidence.h \
	src/core/evidence_cert.c \
	src/core/evidence_verify.c \
	src/core/files.c src/core/files.h \
	src/core/folder.c src/core/folder.h \
	src/core/guarded.c src/core/guarded.h \
	src/core/hash.c src/core/hash.h \
	src/core/held.c src/core/held.h \
	src/core/hwserial.c \
	src/core/identity.c src/core/identity.h \
	src/core/instead.c src/core/instead.h \
	src/core/item.c src/core/item.h \
	src/core/item_entry.h \
	src/core/judge.h \
	src/core/kdf.c \
	src/core/kept.c src/core/kept.h \
	src/core/key.c src/core/key.h \
	src/core/keyfile.c src/core/keyfile.h \
	src/core/leftover.c src/core/leftover.h \
	src/core/libctx.c src/core/libctx.h \
	src/core/loaded.c src/core/loaded.h \
	src/core/lock.c src/core/lock.h \
	src/core/log.c src/core/log.h \
	src/core/login.c src/core/login.h \
	src/core/look.c \
	src/core/make.c src/core/make.h \
	src/core/marks.c \
	src/core/mask.h \
	src/core/missed.c src/core/missed.h \
	src/core/name.c \
	src/core/nv.c src/core/nv.h \
	src/core/nv_content.c \
	src/core/object.c src/core/object.h \
	src/core/parent.c src/core/parent.h \
	src/core/pem.c \
	src/core/pin.c \
	src/core/pkey.c \
	src/core/policy.c src/core/policy.h \
	src/core/previous.c \
	src/core/proof.c src/core/proof.h \
	src/core/pss.c src/core/pss.h \
	src/core/public.c src/core/public.h \
	src/core/public_own.c \
	src/core/put.c src/core/put.h \
	src/core/put_item.c \
	src/core/quiet.c src/core/quiet.h \
	src/core/random.c src/core/random.h \
	src/core/record.c \
	src/core/recover.c src/core/recover.h \
	src/core/ref.c src/core/ref.h \
	src/core/renew.c \
	src/core/salt.c src/core/salt.h \
	src/core/session.c src/core/session.h \
	src/core/shared.c src/core/shared.h \
	src/core/sign.c \
	src/core/single.c \
	src/core/snapshot.c src/core/snapshot.h \
	src/core/spki.c \
	src/core/srk.c src/core/srk.h \
	src/core/standing.c \
	src/core/store.c src/core/store.h \
	src/core/tcg_csr.c src/core/tcg_csr.h \
	src/core/tcg_csr_sig.c \
	src/core/tcg_csr_verify.c \
	src/core/tcti.c src/core/tcti.h \
	src/core/template.c src/core/template.h \
	src/core/ticket.c src/core/ticket.h \
	src/core/token.c src/core/token.h \
	src/core/token_end.c \
	src/core/token_make.c \
	src/core/tpm.c src/core/tpm.h \
	src/core/trace.c src/core/trace.h \
	src/core/unpad.c src/core/unpad.h \
	src/core/uri.c src/core/uri.h \
	src/core/use.c src/core/use.h \
	src/core/variant.c src/core/variant.h \
	src/core/verify.c \
	src/core/watch.c src/core/watch.h \
	src/core/wipe.c src/core/wipe.h \
	src/core/wrapped.c
