/* SPDX-License-Identifier: BSD-2-Clause */
/* Who owns a public key's bytes. */
#include "core/public.h"

devid_rc devid_public_copy(const struct devid_public *in, struct devid_public *out, struct devid_error *err)
{
    struct devid_public made = *in;
    devid_rc rc;

    made.spki = made.point = made.modulus = made.area = (struct devid_bytes){0};
    rc = devid_bytes_copy(devid_slice_of(in->spki), &made.spki, err);
    if (rc == DEVID_OK && in->point.len != 0)
        rc = devid_bytes_copy(devid_slice_of(in->point), &made.point, err);
    if (rc == DEVID_OK && in->modulus.len != 0)
        rc = devid_bytes_copy(devid_slice_of(in->modulus), &made.modulus, err);
    if (rc == DEVID_OK && in->area.len != 0)
        rc = devid_bytes_copy(devid_slice_of(in->area), &made.area, err);
    if (rc == DEVID_OK)
        *out = made;
    else
        devid_public_free(&made);
    return rc;
}

void devid_public_free(struct devid_public *p)
{
    if (p == NULL)
        return;
    devid_bytes_free(&p->spki);
    devid_bytes_free(&p->point);
    devid_bytes_free(&p->modulus);
    devid_bytes_free(&p->area);
    *p = (struct devid_public){0};
}
