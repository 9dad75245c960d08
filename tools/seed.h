/* SPDX-License-Identifier: BSD-2-Clause */
/* The number by which schedule.h tells devices and identities apart. */
#ifndef DEVID_TOOLS_SEED_H
#define DEVID_TOOLS_SEED_H

#include "core/bytes.h"

/**
 * The first 8 bytes of SHA-256 over token, label and device, so that identities of one device come at different times, too.
 * \param device  what no two devices have in common, and a device keeps: the EK's public half
 */
devid_rc seed_of(struct devid_slice device, const char *token, const char *label, uint64_t *out, struct devid_error *err);

#endif
