/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that are either whole and old, or whole and new. Core's own.
 */
#ifndef DEVID_CORE_FILES_H
#define DEVID_CORE_FILES_H

#include "core/bytes.h"

/**
 * Replace FOLDER/NAME: temporary file in the same folder, write, fsync, rename, fsync of the folder.
 * Missing folders are made (0755). On failure nothing is left behind and the old file stays, or is put back if it was the folder that
 * could not be synced; the sentence says so if not even that can be done. What a killed process left behind goes with the next
 * replacement in that folder.
 * \param mode  of a new file, which root gives to the owner of the folder; one that is there keeps its mode, owner and group
 * \return DEVID_E_FILE with path, errno's words and what to do
 */
devid_rc devid_files_replace(const char *folder, const char *name, struct devid_slice content, unsigned mode,
                             struct devid_error *err);
/** The same for a path; its folder must exist. */
devid_rc devid_files_replace_path(const char *path, struct devid_slice content, unsigned mode, struct devid_error *err);
/**
 * Make a folder, and those on the way (0755), for good: each that is new is synced into the one it is in, and root gives it to the owner
 * of that. One that is there is no error.
 */
devid_rc devid_files_make_folder(const char *folder, struct devid_error *err);
/** Remove and fsync the folder; a missing file is no error. It is gone even if the folder could not be synced, which is a failure. */
devid_rc devid_files_remove(const char *folder, const char *name, struct devid_error *err);

/** Remove what killed writers left in a folder; those that write just now are left alone. */
void devid_files_sweep(const char *folder);

/** NAME of a label: bytes outside [A-Za-z0-9._-], and a leading dot, as %XX. *out is NUL-terminated. */
devid_rc devid_files_name(const char *label, struct devid_bytes *out, struct devid_error *err);
/** The reverse, of len bytes. False if the label would be longer than 255 bytes, or have a NUL in it. */
bool devid_files_label(const char *name, size_t len, char label[256]);
/** The same for a name that is spelled as devid_files_name spells that label; false for any other spelling. */
bool devid_files_spelled(const char *name, char label[256]);
/** Whether a file of a folder is one of ours of that kind (".pem"): not hidden, and with something before the four characters of end. */
bool devid_files_is(const char *name, const char *end);

/* A record: "field: value" lines, then anything (PEM blocks). Unknown fields survive a rewrite. */
struct devid_record {
    struct devid_field {
        char *name, *value;
    } *fields;
    size_t n_fields;
    struct devid_bytes rest; /* from the first line that is no field on */
};

#define DEVID_RECORD_MAX (1U << 20) /* bytes of a file of the store */
#define DEVID_RECORD_FIELDS_MAX 64

/** \return DEVID_E_DATA if it has NUL bytes, too many fields, or lines longer than 65,536 bytes */
devid_rc devid_record_parse(struct devid_slice file, struct devid_record *out, struct devid_error *err);
/** Value of a field or NULL; lives as long as the record. */
const char *devid_record_get(const struct devid_record *r, const char *name);
/** Set or add; value NULL removes. \return DEVID_E_ARG for a value with a line end, which would be another field, or one that is too long */
devid_rc devid_record_set(struct devid_record *r, const char *name, const char *value, struct devid_error *err);
devid_rc devid_record_write(const struct devid_record *r, struct devid_bytes *out, struct devid_error *err);
void devid_record_free(struct devid_record *r);

#endif
