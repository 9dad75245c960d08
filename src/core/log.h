/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Silent by default. DEVID_LOG=error|info|debug|trace writes lines to stderr, or to the file
 * that DEVID_LOG_FILE names; both are ignored in a set-uid process (secure_getenv).
 * A secret is never passed to it.
 */
#ifndef DEVID_CORE_LOG_H
#define DEVID_CORE_LOG_H

#include <stdbool.h>

#include "core/error.h"

enum devid_log_level { DEVID_LOG_OFF, DEVID_LOG_ERROR, DEVID_LOG_INFO, DEVID_LOG_DEBUG, DEVID_LOG_TRACE };

/** True if a line of that level would be written: to save the work of making it. */
bool devid_log_wants(enum devid_log_level level);

/** One line "devid LEVEL room/file: text". room is a literal such as "core/sign". */
void devid_log(enum devid_log_level level, const char *room, const char *fmt, ...) DEVID_PRINTF(3, 4);

#endif
