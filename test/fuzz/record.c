/* SPDX-License-Identifier: BSD-2-Clause */
/* A file of the store that somebody has edited: what is read is written and read again as the same. */
#include <stdlib.h>
#include <string.h>

#include "core/files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool is_same(const struct devid_record *a, const struct devid_record *b)
{
    if (a->n_fields != b->n_fields || !devid_slice_eq(devid_slice_of(a->rest), devid_slice_of(b->rest)))
        return false;
    for (size_t i = 0; i < a->n_fields; i++)
        if (strcmp(a->fields[i].name, b->fields[i].name) != 0 || strcmp(a->fields[i].value, b->fields[i].value) != 0)
            return false;
    return true;
}

static void check_name(struct devid_slice in)
{
    struct devid_bytes label = {0}, name = {0};

    if (devid_bytes_copy(in, &label, NULL) != DEVID_OK)
        return;
    if (devid_files_name((const char *)label.data, &name, NULL) == DEVID_OK &&
        (name.data[0] == '.' || strchr((const char *)name.data, '/') != NULL || strlen((const char *)name.data) != name.len))
        abort(); /* it would leave the folder */
    devid_bytes_free(&label);
    devid_bytes_free(&name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct devid_slice in = {data, len};
    struct devid_record record = {0}, again = {0};
    struct devid_bytes out = {0};

    check_name(in);
    if (devid_record_parse(in, &record, NULL) != DEVID_OK)
        return 0;
    if (record.n_fields > DEVID_RECORD_FIELDS_MAX || devid_record_write(&record, &out, NULL) != DEVID_OK ||
        devid_record_parse(devid_slice_of(out), &again, NULL) != DEVID_OK || !is_same(&record, &again))
        abort();
    devid_bytes_free(&out);
    devid_record_free(&again);
    devid_record_free(&record);
    return 0;
}
