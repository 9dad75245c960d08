/* SPDX-License-Identifier: BSD-2-Clause */
/* What an NV index's content holds: certificates, and the padding behind them. */
#include "core/nv.h"

#include <string.h>

#include "core/cert.h"
#include "core/ref.h"

static devid_rc from_pem(struct devid_slice raw, struct devid_bytes *all, struct devid_error *err)
{
    devid_rc rc = DEVID_OK;

    for (unsigned n = 0; rc == DEVID_OK && n < DEVID_CHAIN_MAX; n++) {
        struct devid_bytes der = {0};

        rc = devid_pem_find(raw, "CERTIFICATE", n, &der, err);
        if (rc == DEVID_E_ABSENT && n > 0)
            return DEVID_OK;
        if (rc == DEVID_OK)
            rc = devid_bytes_append(all, devid_slice_of(der), err);
        devid_bytes_free(&der);
    }
    return rc == DEVID_E_ABSENT ? devid_fail(err, DEVID_E_DATA, "no certificate in it") : rc;
}

static devid_rc from_der(struct devid_slice raw, struct devid_bytes *all, struct devid_error *err)
{
    size_t used = 0, len;

    while (used < raw.len && raw.data[used] == 0x30 &&
           (len = devid_der_len((struct devid_slice){raw.data + used, raw.len - used})) != 0)
        used += len;
    for (size_t i = used; i < raw.len; i++)
        if (raw.data[i] != 0x00 && raw.data[i] != 0xff)
            return devid_fail(err, DEVID_E_DATA, "neither a certificate nor padding at byte %zu of %zu", used, raw.len);
    if (used == 0)
        return devid_fail(err, DEVID_E_DATA, "no certificate in it");
    return devid_bytes_copy((struct devid_slice){raw.data, used}, all, err);
}

devid_rc devid_nv_certificates(struct devid_slice raw, struct devid_bytes *out, struct devid_error *err)
{
    static const char pem[] = "-----BEGIN";
    struct devid_bytes all = {0};
    devid_rc rc;

    if (raw.len >= sizeof pem - 1 && memcmp(raw.data, pem, sizeof pem - 1) == 0)
        rc = from_pem(raw, &all, err);
    else
        rc = from_der(raw, &all, err);
    if (rc == DEVID_OK)
        *out = all;
    else
        devid_bytes_free(&all);
    return rc;
}
