/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "core/loaded.h"

#include <string.h>

static size_t index_of(const struct devid_loaded *loaded, ESYS_TR object)
{
    size_t i = 0;

    while (i < loaded->n && loaded->list[i] != object)
        i++;
    return i;
}

bool devid_loaded_has(const struct devid_loaded *loaded, ESYS_TR object)
{
    return index_of(loaded, object) < loaded->n;
}

void devid_loaded_remove(struct devid_loaded *loaded, ESYS_TR object)
{
    size_t i = index_of(loaded, object);

    if (i == loaded->n)
        return;
    loaded->n--;
    memmove(&loaded->list[i], &loaded->list[i + 1], (loaded->n - i) * sizeof loaded->list[0]);
}

bool devid_loaded_use(struct devid_loaded *loaded, ESYS_TR object)
{
    devid_loaded_remove(loaded, object);
    if (loaded->n == DEVID_LOADED_MAX)
        return false;
    loaded->list[loaded->n++] = object;
    return true;
}
