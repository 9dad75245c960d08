/* SPDX-License-Identifier: BSD-2-Clause */
/* devid doctor: an EK that is at another place than devid.conf says. */
#include <inttypes.h>

#include "core/make.h"
#include "core/nv.h"
#include "doctor.h"

#define EK_HANDLES 0x8101U /* the upper half of handles of EKs: TCG "Registry of Reserved TPM 2.0 Handles and Localities" */

/* Where the key of that certificate is; else where it usually is: *is_there tells. */
static uint32_t handle_of(struct tool *tool, uint32_t index, const struct devid_cert *cert, bool *is_there)
{
    uint32_t found = index == 0x01c00002 ? 0x81010001 : 0x81010000 | (index & 0xff); /* as swtpm_setup has them */
    struct devid_handles handles = {0};

    *is_there = false;
    if (devid_handles_read(tool->store, &handles, NULL) != DEVID_OK)
        return found;
    for (size_t i = 0; !*is_there && i < handles.n; i++) {
        struct devid_made made = {0};

        if (handles.list[i] >> 16 == EK_HANDLES && devid_make_look(tool->store, handles.list[i], &made, NULL) == DEVID_OK &&
            devid_cert_is_for(cert, devid_slice_of(made.pub.spki))) {
            *is_there = true;
            found = handles.list[i];
        }
        devid_made_free(&made);
    }
    devid_handles_free(&handles);
    return found;
}

void examine_ek(struct examination *x, const struct devid_conf_identity *want)
{
    uint32_t index, handle;
    bool is_there, has_told = false;

    for (size_t i = 0; (index = devid_make_ek_index(i)) != 0; i++) {
        struct devid_bytes der = {0};
        struct devid_public pub = {0};
        struct devid_cert cert;

        if (devid_nv_read(x->tool->store, index, &der, NULL) == DEVID_OK &&
            devid_cert_parse((struct devid_slice){der.data, devid_der_len(devid_slice_of(der))}, &cert, NULL) == DEVID_OK &&
            devid_public_from_spki(cert.spki, &pub, NULL) == DEVID_OK) {
            handle = handle_of(x->tool, index, &cert, &is_there);
            bad(x, "%s has no key at 0x%08" PRIx32 "; the TPM has an EK, %s: set \"handle = 0x%08" PRIx32 "\" and "
                "\"certificate = nv:0x%08" PRIx32 "\" in [identity %s]%s", want->name, want->handle, devid_public_name(&pub), handle,
                index, want->name, is_there ? "" : ", then run \"devid recover\"");
            has_told = true;
        }
        devid_public_free(&pub);
        devid_bytes_free(&der);
    }
    if (!has_told)
        bad(x, "%s has no key; the chip maker's EK is not at its handle", want->name);
}
