/* SPDX-License-Identifier: BSD-2-Clause */
/* From a thread's turn at the TPM to its answer, with the second tries that heal. */
#include "core/use.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <string.h>
#include <time.h>

#include "core/cache.h"
#include "core/command.h"
#include "core/guarded.h"
#include "core/kept.h"
#include "core/parent.h"
#include "core/proof.h"
#include "core/snapshot.h"
#include "core/srk.h"
#include "core/ticket.h"

#define TRIES 6 /* of a busy TPM: 1 + 2 + 4 + 8 + 16 ms, after what core/command.c tries itself */

static void pad_left(unsigned char *out, size_t size, const unsigned char *in, size_t len)
{
    memset(out, 0, size - len);
    memcpy(out + size - len, in, len);
}

/* What the TPM answers is outside bytes too: nothing longer than the key is taken. */
static devid_rc take_signature(const struct devid_key *key, const struct devid_answer *answer, unsigned char *out,
                               struct devid_error *err)
{
    const TPMT_SIGNATURE *sig = &answer->signature;
    size_t size = (devid_key_facts(key)->bits + 7U) / 8U;
    const TPMS_SIGNATURE_ECDSA *ec = &sig->signature.ecdsa;
    const TPM2B_PUBLIC_KEY_RSA *rsa = &sig->signature.rsassa.sig; /* RSAPSS has the same layout */

    if (sig->sigAlg == TPM2_ALG_ECDSA && devid_key_facts(key)->alg == DEVID_EC && ec->signatureR.size <= size &&
        ec->signatureS.size <= size) {
        pad_left(out, size, ec->signatureR.buffer, ec->signatureR.size);
        pad_left(out + size, size, ec->signatureS.buffer, ec->signatureS.size);
        return DEVID_OK;
    }
    if (sig->sigAlg != TPM2_ALG_ECDSA && devid_key_facts(key)->alg == DEVID_RSA && rsa->size <= size) {
        pad_left(out, size, rsa->buffer, rsa->size);
        return DEVID_OK;
    }
    return devid_fail(err, DEVID_E_TPM, "the TPM gave a signature of another kind than was asked for");
}

static devid_rc take_block(const struct devid_key *key, const struct devid_answer *answer, unsigned char *out,
                           struct devid_error *err)
{
    size_t size = devid_key_facts(key)->modulus.len;

    if (answer->block.size > size)
        return devid_fail(err, DEVID_E_TPM, "the TPM gave a block that is longer than the key");
    pad_left(out, size, answer->block.buffer, answer->block.size);
    return DEVID_OK;
}

static devid_rc take_text(const struct devid_key *key, const struct devid_answer *answer, unsigned char *out,
                          struct devid_error *err)
{
    if (answer->block.size > devid_key_facts(key)->modulus.len)
        return devid_fail(err, DEVID_E_TPM, "the TPM gave a text that is longer than the key");
    memcpy(out, answer->block.buffer, answer->block.size);
    return DEVID_OK;
}

static devid_rc take_point(const struct devid_key *key, const struct devid_answer *answer, unsigned char *out,
                           struct devid_error *err)
{
    size_t size = (devid_key_facts(key)->bits + 7U) / 8U;
    const TPM2B_ECC_PARAMETER *x = &answer->point.point.x;

    if (x->size > size)
        return devid_fail(err, DEVID_E_TPM, "the TPM gave a coordinate that is longer than the key");
    pad_left(out, size, x->buffer, x->size);
    return DEVID_OK;
}

/* The TPM or its manager does not know the handle: swept by another process, or lost in a restart. */
static bool says_gone(TSS2_RC tss)
{
    TSS2_RC code = tss & 0xffffU;

    return code == TPM2_RC_REFERENCE_H0 || ((code & TPM2_RC_FMT1) != 0 && (code & (TPM2_RC_FMT1 | 0x3fU)) == TPM2_RC_HANDLE);
}

/* What the next try does about the last one's failure. Each is tried once, whatever else had to be: a lost connection's heir may find a full TPM. */
struct healing {
    unsigned n_busy;
    bool again, sweep;
    bool has_reconnected, has_made_room, has_dropped_srk, has_dropped_key;
};

/* \return whether it is the first time */
static bool first(bool *has)
{
    bool is_first = !*has;

    *has = true;
    return is_first;
}

/* Between enter and leave. */
static void heal(struct devid_key *key, ESYS_CONTEXT *esys, const struct devid_error *why, struct healing *h)
{
    struct devid_tpm *tpm = devid_store_tpm(key->store);
    struct timespec pause = {.tv_nsec = 1000000L << h->n_busy};
    TSS2_RC code = why->tss & 0xffffU;

    switch (devid_rc_of_tss(why->tss)) {
    case DEVID_E_BUSY:
        h->again = ++h->n_busy < TRIES;
        if (h->again)
            (void)nanosleep(&pause, NULL);
        return;
    case DEVID_E_AWAY:
        devid_tpm_lost(tpm);
        h->again = first(&h->has_reconnected);
        return;
    default:
        break;
    }
    if (code == TPM2_RC_OBJECT_MEMORY || code == TPM2_RC_SESSION_MEMORY) {
        if (devid_tpm_has_manager(tpm)) /* all that it keeps for us is our keys: begin anew with this one */
            devid_tpm_lost(tpm);
        h->sweep = true;
        h->again = first(&h->has_made_room);
    } else if (key->object.is_ready && says_gone(why->tss) && why->handle == DEVID_SRK) {
        devid_cache_drop(key->store, DEVID_SRK); /* by which the session was to be salted */
        h->again = first(&h->has_dropped_srk);
    } else if (key->object.is_ready && key->object.is_transient && says_gone(why->tss)) {
        devid_object_drop(key->store, esys, &key->object);
        h->again = first(&h->has_dropped_key);
    }
}

static devid_rc name_key(const struct devid_key *key, devid_rc rc, struct devid_error *err)
{
    return key->identity.label != NULL && rc != DEVID_OK ? devid_error_in(err, rc, key->identity.label) : rc;
}

/* What each command is called when it fails, and what is taken of its answer. */
static const struct {
    devid_rc (*take)(const struct devid_key *key, const struct devid_answer *answer, unsigned char *out,
                     struct devid_error *err);
    const char *verb;
} commands[] = {
    [DEVID_USE_SIGN] = {take_signature, "sign"},
    [DEVID_USE_DECRYPT] = {take_block, "sign or decrypt"},
    [DEVID_USE_OPEN] = {take_text, "decrypt"},
    [DEVID_USE_ECDH] = {take_point, "derive"},
};

static devid_rc fail_use(const struct devid_key *key, const struct devid_use *use, TSS2_RC tss, struct devid_error *err)
{
    const char *verb = commands[use->command].verb;

    if (key->identity.handle != 0)
        return devid_fail_tss(err, tss, key->identity.handle, "%s with 0x%08" PRIx32, verb, key->identity.handle);
    return devid_fail_tss(err, tss, 0, "%s with a wrapped key", verb);
}

static devid_rc ready(struct devid_key *key, ESYS_CONTEXT *esys, const struct devid_use *use, struct devid_error *err)
{
    return devid_proof_is_due(key, use) ? devid_proof_open(key, esys, err)
                                        : devid_object_ready(key->store, esys, &key->identity, &key->object, err);
}

/* A persistent key is there already, and goes by its handle. */
static devid_rc send_plain(struct devid_key *key, ESYS_CONTEXT *esys, const struct devid_use *use, struct devid_answer *answer,
                           struct devid_error *err)
{
    TPM2_HANDLE handle = key->identity.handle;
    TSS2_RC tss = TSS2_RC_SUCCESS;
    devid_rc rc = DEVID_OK;

    if (key->identity.key_place != DEVID_PLACE_HANDLE || devid_proof_is_due(key, use)) {
        rc = ready(key, esys, use, err);
        if (rc == DEVID_OK)
            tss = Esys_TR_GetTpmHandle(esys, key->object.tr, &handle);
    }
    if (rc == DEVID_OK && tss == TSS2_RC_SUCCESS)
        tss = devid_command_send(esys, handle, use, answer);
    return rc == DEVID_OK && tss != TSS2_RC_SUCCESS ? fail_use(key, use, tss, err) : rc;
}

/* The key's own auth value is proven, and never crosses the bus. */
static devid_rc send_proving(struct devid_key *key, ESYS_CONTEXT *esys, const struct devid_use *use, struct devid_answer *answer,
                             struct devid_error *err)
{
    struct devid_guarded_key with = {.auth = &key->auth, .verb = commands[use->command].verb};
    struct devid_parent salting = {0};
    devid_rc rc = ready(key, esys, use, err);

    with.tr = key->object.tr;
    if (rc == DEVID_OK)
        rc = devid_parent_salting(key->store, esys, &salting, err);
    if (rc == DEVID_OK)
        rc = devid_guarded_use(key->store, esys, salting.tr, &with, use, answer, err);
    devid_parent_close(esys, &salting);
    if (rc == DEVID_E_AUTH && err != NULL)
        rc = devid_error_about(err, devid_fail(err, rc, "the key's password is wrong"), err->tss, key->identity.handle);
    return rc;
}

static devid_rc send_authorised(struct devid_key *key, ESYS_CONTEXT *esys, const struct devid_use *use, struct devid_answer *answer,
                                struct devid_error *err)
{
    return key->auth.size != 0 ? send_proving(key, esys, use, answer, err) : send_plain(key, esys, use, answer, err);
}

/* What a restricted key signs is hashed by the TPM before. */
static devid_rc send_hashed(struct devid_key *key, ESYS_CONTEXT *esys, const struct devid_use *use, struct devid_answer *answer,
                            struct devid_error *err)
{
    TPMT_TK_HASHCHECK ticket;
    struct devid_use hashed = *use;
    TSS2_RC tss = devid_ticket_hash(esys, use->scheme.details.any.hashAlg, use->message, &hashed.digest, &ticket);

    hashed.ticket = &ticket;
    return tss == TSS2_RC_SUCCESS ? send_authorised(key, esys, &hashed, answer, err) : fail_use(key, use, tss, err);
}

static devid_rc send(struct devid_key *key, ESYS_CONTEXT *esys, const struct devid_use *use, unsigned char *out,
                     struct devid_error *err)
{
    struct devid_answer answer = {0};
    devid_rc rc = use->message.data != NULL ? send_hashed(key, esys, use, &answer, err)
                                            : send_authorised(key, esys, use, &answer, err);

    if (rc == DEVID_OK)
        rc = commands[use->command].take(key, &answer, out, err);
    if (rc == DEVID_OK && use->text_len != NULL)
        *use->text_len = answer.block.size;
    OPENSSL_cleanse(&answer, sizeof answer);
    return rc;
}

/* A persistent key needs a free slot while it signs, too: to make one, the other processes must wait. A long message is hashed in one. */
static devid_rc try_once(struct devid_key *key, const struct devid_use *use, unsigned char *out, struct healing *h,
                         struct devid_error *err)
{
    bool is_blob = key->identity.key_place == DEVID_PLACE_BLOB;
    bool makes_more = key->auth.size != 0 || use->message.data != NULL || h->sweep; /* a session, a parent, a sequence */
    enum devid_tpm_use for_use = makes_more ? DEVID_TPM_TRANSIENT : is_blob ? DEVID_TPM_KEY : DEVID_TPM_PERSISTENT;
    struct devid_tpm *tpm = devid_store_tpm(key->store);
    struct devid_error why = {0};
    ESYS_CONTEXT *esys;
    devid_rc rc = devid_tpm_enter(tpm, for_use, &esys, err);

    h->again = false;
    if (rc != DEVID_OK)
        return rc;
    if (h->sweep)
        rc = devid_tpm_sweep(tpm, &why);
    if (rc == DEVID_OK)
        rc = send(key, esys, use, out, &why);
    if (rc == DEVID_E_AWAY)
        (void)devid_tpm_away(tpm, why.tss, &why);
    if (rc != DEVID_OK && why.tss != TSS2_RC_SUCCESS)
        heal(key, esys, &why, h);
    devid_object_rest(key->store, esys, &key->object);
    devid_tpm_leave(tpm);
    if (rc != DEVID_OK && err != NULL)
        *err = why;
    return rc;
}

static devid_rc lacks_password(struct devid_error *err)
{
    return devid_fail(err, DEVID_E_AUTH, "the key has a password: give it to the program that reads its file, or name a file "
                                         "with it (auth = in openssl.cnf)");
}

static bool is_at(const struct devid_identity *identity, uint32_t handle)
{
    return identity != NULL && identity->key_place == DEVID_PLACE_HANDLE && identity->handle == handle;
}

/* A handle outlives its key: after a renewal's grace time, or by hand, another one is there, and would sign in this one's name. */
static devid_rc check_handle(const struct devid_key *key, const struct devid_snapshot *snap, struct devid_error *err)
{
    struct devid_slice mine = devid_slice_of(devid_key_facts(key)->spki);
    uint32_t handle = key->identity.handle;
    const struct devid_identity *identity = NULL;
    bool is_mine = false, is_others = false;
    devid_rc rc = DEVID_OK;

    if (key->identity.key_place != DEVID_PLACE_HANDLE || mine.len == 0)
        return DEVID_OK;
    while ((identity = devid_snapshot_next(snap, identity)) != NULL) {
        const struct devid_identity *const keys[] = {identity, identity->previous};

        for (size_t i = 0; i < 2; i++)
            if (is_at(keys[i], handle) && devid_slice_eq(devid_slice_of(keys[i]->pub.spki), mine))
                is_mine = true;
            else if (is_at(keys[i], handle))
                is_others = true;
    }
    if (is_others && !is_mine)
        rc = devid_fail(err, DEVID_E_ABSENT, "the key that was at 0x%08" PRIx32 " has been renewed or removed, and another one is there: "
                        "open the key again", handle);
    return name_key(key, rc, err);
}

/* What the store says by now: one stat a folder, when nothing has changed. */
static devid_rc check_store(struct devid_key *key, struct devid_error *err)
{
    struct devid_snapshot *snap = NULL;
    devid_rc rc = devid_store_known(key->store, &snap, err);

    if (rc != DEVID_OK)
        return rc;
    if (atomic_load(&key->seen_in) != devid_snapshot_number(snap)) {
        rc = devid_key_check_enabled(key, snap, err);
        if (rc == DEVID_OK)
            rc = check_handle(key, snap, err);
        if (rc == DEVID_OK)
            atomic_store(&key->seen_in, devid_snapshot_number(snap));
    }
    devid_snapshot_free(snap);
    return rc;
}

static devid_rc try_healing(struct devid_key *key, const struct devid_use *use, unsigned char *out, struct devid_error *err)
{
    struct healing h = {0};
    devid_rc rc;

    do
        rc = try_once(key, use, out, &h, err);
    while (h.again);
    return rc;
}

devid_rc devid_use_key(struct devid_key *key, const struct devid_use *use, unsigned char *out, struct devid_error *err)
{
    struct devid_error why = {0};
    devid_rc rc = check_store(key, err);

    if (rc != DEVID_OK)
        return rc;
    /* tpm2-tools 5.4 say so of keys that have none: to try does no harm where wrong ones are not counted */
    if (key->lacks_auth && !devid_key_facts(key)->is_noda)
        return lacks_password(err);
    rc = try_healing(key, use, out, &why);
    rc = rc == DEVID_OK ? devid_proof_after(key, use, out, &why) : devid_proof_of_refusal(key, rc, &why);
    if (rc == DEVID_E_AUTH && key->lacks_auth)
        rc = lacks_password(&why);
    if (rc != DEVID_OK && err != NULL)
        *err = why;
    return name_key(key, rc, err);
}
