/* SPDX-License-Identifier: BSD-2-Clause */
/* A stack without a lock: a child forked at any moment finds it whole. */
#include "core/discard.h"

#include <stdatomic.h>
#include <stdlib.h>

struct devid_discarded {
    ESYS_TR tr;
    uint64_t generation;
    struct devid_discarded *next;
};

void devid_discard_add(struct devid_discards *discards, ESYS_TR tr, uint64_t generation)
{
    struct devid_discarded *one = malloc(sizeof *one);

    if (one == NULL)
        return;
    *one = (struct devid_discarded){tr, generation, atomic_load(&discards->first)};
    while (!atomic_compare_exchange_weak(&discards->first, &one->next, one))
        ;
}

/* Only the one who takes frees: what is first cannot be gone and come again meanwhile. */
static struct devid_discarded *pop(struct devid_discards *discards)
{
    struct devid_discarded *one = atomic_load(&discards->first);

    while (one != NULL && !atomic_compare_exchange_weak(&discards->first, &one, one->next))
        ;
    return one;
}

bool devid_discard_take(struct devid_discards *discards, uint64_t generation, ESYS_TR *out)
{
    struct devid_discarded *one;
    bool is_there = false;

    while (!is_there && (one = pop(discards)) != NULL) {
        is_there = one->generation == generation;
        if (is_there)
            *out = one->tr;
        free(one);
    }
    return is_there;
}

void devid_discard_free(struct devid_discards *discards)
{
    struct devid_discarded *one;

    while ((one = pop(discards)) != NULL)
        free(one);
}
