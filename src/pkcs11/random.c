/* SPDX-License-Identifier: BSD-2-Clause */
/* Random numbers: PKCS#11 2.40, 5.16. The tokens have no generator, say so by a clear CKF_RNG, and say it here. */
#include "pkcs11/module.h"

static CK_RV no_rng(CK_SESSION_HANDLE handle, const unsigned char *data, CK_ULONG len)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    return session_leave(s, is_wild(data, len) ? CKR_ARGUMENTS_BAD : CKR_RANDOM_NO_RNG);
}

CK_RV C_SeedRandom(CK_SESSION_HANDLE handle, unsigned char *seed, CK_ULONG seed_len)
{
    return no_rng(handle, seed, seed_len);
}

CK_RV C_GenerateRandom(CK_SESSION_HANDLE handle, unsigned char *random, CK_ULONG random_len)
{
    return no_rng(handle, random, random_len);
}
