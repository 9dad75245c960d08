/* SPDX-License-Identifier: BSD-2-Clause */
/* Random numbers: PKCS#11 2.40, 5.16. One TPM command a call, however many bytes. */
#include "core/random.h"

#include "pkcs11/module.h"

static CK_RV random_make(unsigned char *random, CK_ULONG len)
{
    struct devid_store *store = module_store();
    struct devid_error err = {0};

    if (random == NULL || is_wild(random, len))
        return CKR_ARGUMENTS_BAD;
    return store != NULL ? rv_of(devid_random(store, random, len, &err), &err) : CKR_TOKEN_NOT_PRESENT;
}

static CK_RV random_stir(const unsigned char *seed, CK_ULONG len)
{
    struct devid_store *store = module_store();
    struct devid_error err = {0};

    if (seed == NULL || is_wild(seed, len))
        return CKR_ARGUMENTS_BAD;
    return store != NULL ? rv_of(devid_random_stir(store, (struct devid_slice){seed, len}, &err), &err)
                         : CKR_TOKEN_NOT_PRESENT;
}

CK_RV C_SeedRandom(CK_SESSION_HANDLE handle, unsigned char *seed, CK_ULONG seed_len)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    return session_leave(s, random_stir(seed, seed_len));
}

CK_RV C_GenerateRandom(CK_SESSION_HANDLE handle, unsigned char *random, CK_ULONG random_len)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    return session_leave(s, random_make(random, random_len));
}
