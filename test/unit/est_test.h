/* SPDX-License-Identifier: BSD-2-Clause */
/* cmocka in the order that it wants, and an assertion that shows the sentence. */
#ifndef TEST_EST_TEST_H
#define TEST_EST_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/error.h"

#define assert_rc(expected, call, err) \
    do { \
        devid_rc rc_ = (call); \
        if (rc_ != (expected)) \
            fail_msg("%s: %s, not %s: %s", #call, devid_rc_word(rc_), devid_rc_word(expected), (err)->text); \
    } while (0)

#define assert_says(err, words) \
    do { \
        if (strstr((err)->text, (words)) == NULL) \
            fail_msg("\"%s\" does not say \"%s\"", (err)->text, (words)); \
    } while (0)

#define assert_silent_about(err, words) assert_null(strstr((err)->text, (words)))

#endif
