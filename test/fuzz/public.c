/* SPDX-License-Identifier: BSD-2-Clause */
/* A public area or a SubjectPublicKeyInfo: one that both readers take is the same key to both. */
#include <stdlib.h>

#include "core/public.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool is_same(const struct devid_public *a, const struct devid_public *b)
{
    return a->alg == b->alg && a->bits == b->bits && a->exponent == b->exponent &&
           devid_slice_eq(devid_slice_of(a->spki), devid_slice_of(b->spki)) &&
           devid_slice_eq(devid_slice_of(a->point), devid_slice_of(b->point)) &&
           devid_slice_eq(devid_slice_of(a->modulus), devid_slice_of(b->modulus));
}

/* in: what may as well be a certificate's word for it */
static void check(const struct devid_public *pub, struct devid_slice in)
{
    struct devid_public again = {0}, copy = {0};
    struct devid_bytes certified = {0};

    if (devid_public_sig_len(pub) == 0 || devid_public_copy(pub, &copy, NULL) != DEVID_OK || !is_same(pub, &copy))
        abort();
    /* a TPM's point need not be on the curve; then OpenSSL says so */
    if (devid_public_from_spki(devid_slice_of(pub->spki), &again, NULL) == DEVID_OK && !is_same(pub, &again))
        abort();
    if (devid_public_as_certified(pub, in, &certified, NULL) != DEVID_OK ||
        !devid_spki_same(devid_slice_of(certified), devid_slice_of(pub->spki)))
        abort();
    devid_bytes_free(&certified);
    devid_public_free(&again);
    devid_public_free(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct devid_slice in = {data, len};
    struct devid_public pub = {0};

    if (devid_public_from_area(in, &pub, NULL) == DEVID_OK) {
        check(&pub, in);
        devid_public_free(&pub);
    }
    if (devid_public_from_spki(in, &pub, NULL) == DEVID_OK) {
        check(&pub, in);
        devid_public_free(&pub);
    }
    return 0;
}
