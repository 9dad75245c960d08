/* SPDX-License-Identifier: BSD-2-Clause */
/* What others do to the world's TPM: tpm2-tools, and a process of devid that is killed in the middle. */
#ifndef DEVID_TEST_BY_HAND_H
#define DEVID_TEST_BY_HAND_H

#include "tpm/world.h"

/* A shell line with tpm2-tools on the world's TPM, in the world's folder; the test fails if it does. Not counted. */
void by_hand(struct world *w, const char *format, ...) DEVID_PRINTF(2, 3);
/* The same; its output, NUL-terminated. */
void by_hand_says(struct world *w, char *out, size_t room, const char *format, ...) DEVID_PRINTF(4, 5);

/*
 * Do act in a process with a store of its own that is killed after its nth TPM command.
 * \return false if it ended before that
 */
bool killed_after(unsigned n, void (*act)(struct devid_store *store, void *arg), void *arg);

/* The commands since the last look, "ReadPublic(0x18b) CreatePrimary", and no others. */
#define assert_commands(w, want)                  \
    do {                                          \
        char commands_[1024];                     \
                                                  \
        world_commands(w, commands_, sizeof commands_); \
        assert_string_equal(commands_, want);     \
        world_forget_commands(w);                 \
    } while (0)

#endif
