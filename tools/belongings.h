/* SPDX-License-Identifier: BSD-2-Clause */
/* What of this device is its owner's: what disown's plan starts from. */
#ifndef DEVID_TOOLS_BELONGINGS_H
#define DEVID_TOOLS_BELONGINGS_H

#include "leave.h"
#include "tool.h"

struct belongings;

/** Look for it: in the store, in the state folder, and by devid.conf. Sends what tool_found sends. */
devid_rc belongings_find(struct tool *tool, struct belongings **out, struct devid_error *err);
/** Lives as long as the belongings. */
const struct leave_found *belongings_found(const struct belongings *all);
/** NULL allowed. */
void belongings_free(struct belongings *all);

#endif
