/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "core/ticket.h"

#include <string.h>

/* Takes up to a command's worth from the front of the message. */
static TPM2B_MAX_BUFFER part_of(struct devid_slice *message)
{
    TPM2B_MAX_BUFFER part = {0};

    part.size = (UINT16)(message->len < sizeof part.buffer ? message->len : sizeof part.buffer);
    if (part.size != 0)
        memcpy(part.buffer, message->data, part.size);
    message->data += part.size;
    message->len -= part.size;
    return part;
}

static TSS2_RC in_sequence(ESYS_CONTEXT *esys, TPM2_ALG_ID hash, struct devid_slice message, TPM2B_DIGEST **digest,
                           TPMT_TK_HASHCHECK **ticket)
{
    static const TPM2B_AUTH no_auth;
    ESYS_TR sequence = ESYS_TR_NONE;
    TPM2B_MAX_BUFFER part;
    TSS2_RC r = Esys_HashSequenceStart(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &no_auth, hash, &sequence);

    if (r != TSS2_RC_SUCCESS)
        return r;
    while (r == TSS2_RC_SUCCESS && message.len > sizeof part.buffer) {
        part = part_of(&message);
        r = Esys_SequenceUpdate(esys, sequence, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &part);
    }
    part = part_of(&message);
    if (r == TSS2_RC_SUCCESS)
        r = Esys_SequenceComplete(esys, sequence, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &part, ESYS_TR_RH_ENDORSEMENT,
                                  digest, ticket);
    if (r != TSS2_RC_SUCCESS && Esys_FlushContext(esys, sequence) != TSS2_RC_SUCCESS)
        (void)Esys_TR_Close(esys, &sequence);
    return r;
}

TSS2_RC devid_ticket_hash(ESYS_CONTEXT *esys, TPM2_ALG_ID hash, struct devid_slice message, TPM2B_DIGEST *digest,
                          TPMT_TK_HASHCHECK *ticket)
{
    TPMT_TK_HASHCHECK *given = NULL;
    TPM2B_DIGEST *made = NULL;
    TPM2B_MAX_BUFFER part;
    TSS2_RC r;

    if (message.len > sizeof part.buffer) {
        r = in_sequence(esys, hash, message, &made, &given);
    } else {
        part = part_of(&message);
        r = Esys_Hash(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &part, hash, ESYS_TR_RH_ENDORSEMENT, &made, &given);
    }
    if (r == TSS2_RC_SUCCESS) {
        *digest = *made;
        *ticket = *given;
    }
    Esys_Free(made);
    Esys_Free(given);
    return r;
}
