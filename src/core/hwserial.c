/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hwSerialNum: the number by which a CA knows the chip. TCG "TPM 2.0 Keys for Device Identity and
 * Attestation" 1.00, section 8.
 */
#include <stdio.h>
#include <string.h>
#include <tss2/tss2_esys.h>

#include "core/chip.h"
#include "core/make.h"
#include "core/tpm.h"

/* TPM2_PT_MANUFACTURER is four characters, padded on the right; in hex if a maker put something else there. */
static devid_rc manufacturer(struct devid_store *store, char text[9], struct devid_error *err)
{
    struct devid_tpm *tpm = devid_store_tpm(store);
    bool is_text = true;
    ESYS_CONTEXT *esys;
    uint32_t id = 0;
    size_t len = 4;
    devid_rc rc = devid_tpm_enter(tpm, DEVID_TPM_PERSISTENT, &esys, err);

    if (rc != DEVID_OK)
        return rc;
    rc = devid_chip_property(esys, TPM2_PT_MANUFACTURER, &id, err);
    devid_chip_leave(tpm, rc);
    if (rc != DEVID_OK)
        return rc;
    for (size_t i = 0; i < 4; i++)
        text[i] = (char)(id >> (24 - 8 * i) & 0xff);
    while (len > 0 && (text[len - 1] == 0 || text[len - 1] == ' '))
        len--;
    text[len] = 0;
    for (size_t i = 0; i < len; i++) /* a ':' would end the field */
        is_text = is_text && text[i] > ' ' && text[i] < 0x7f && text[i] != ':';
    if (len == 0 || !is_text)
        (void)snprintf(text, 9, "%08x", id);
    return DEVID_OK;
}

/* The EK with a certificate, or any. */
static const struct devid_identity *ek_of(const struct devid_snapshot *snap)
{
    const struct devid_identity *identity = NULL, *best = NULL;

    while ((identity = devid_snapshot_next(snap, identity)) != NULL)
        if (identity->role == DEVID_ROLE_EK && (best == NULL || (best->n_chain == 0 && identity->n_chain != 0)))
            best = identity;
    return best;
}

/* The serial number without the zero that only keeps it positive. */
static struct devid_slice serial_value(const struct devid_cert *cert)
{
    struct devid_slice value = devid_cert_serial(cert);

    if (value.len > 1 && value.data[0] == 0)
        value = (struct devid_slice){value.data + 1, value.len - 1};
    return value;
}

static devid_rc append_hex(struct devid_bytes *text, struct devid_slice value, struct devid_error *err)
{
    struct devid_bytes hex = {0};
    devid_rc rc = devid_bytes_append(text, (struct devid_slice){(const unsigned char *)":", 1}, err);

    if (rc == DEVID_OK)
        rc = devid_hex_encode(value, &hex, err);
    if (rc == DEVID_OK)
        rc = devid_bytes_append(text, devid_slice_of(hex), err);
    devid_bytes_free(&hex);
    return rc;
}

static devid_rc append_ek(struct devid_bytes *text, const struct devid_identity *ek, struct devid_error *err)
{
    unsigned char digest[DEVID_HASH_MAX];
    devid_rc rc;

    if (ek->n_chain != 0) {
        rc = append_hex(text, devid_cert_authority_key_id(&ek->chain[0]), err);
        return rc == DEVID_OK ? append_hex(text, serial_value(&ek->chain[0]), err) : rc;
    }
    rc = devid_hash_once(DEVID_SHA256, devid_slice_of(ek->pub.spki), digest, err);
    return rc == DEVID_OK ? append_hex(text, (struct devid_slice){digest, devid_hash_len(DEVID_SHA256)}, err) : rc;
}

devid_rc devid_make_hw_serial(struct devid_store *store, struct devid_bytes *out, struct devid_error *err)
{
    struct devid_snapshot *snap = NULL;
    struct devid_bytes text = {0};
    const struct devid_identity *ek;
    char maker[9];
    devid_rc rc = devid_store_snapshot(store, &snap, err);

    if (rc != DEVID_OK)
        return rc;
    ek = ek_of(snap);
    if (ek == NULL)
        rc = devid_fail(err, DEVID_E_ABSENT,
                        "this TPM shows no endorsement key, so the chip has no number: give the EK's handle in its "
                        "section of devid.conf (role = ek), or make one with \"tpm2_createek\"");
    if (rc == DEVID_OK)
        rc = manufacturer(store, maker, err);
    if (rc == DEVID_OK)
        rc = devid_bytes_copy(devid_slice_text(maker), &text, err);
    if (rc == DEVID_OK)
        rc = append_ek(&text, ek, err);
    if (rc == DEVID_OK)
        *out = text;
    else
        devid_bytes_free(&text);
    devid_snapshot_free(snap);
    return rc;
}
