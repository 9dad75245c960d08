/* SPDX-License-Identifier: BSD-2-Clause */
/* A folder of a test's own. Each function fails the test if it cannot do what it is asked. */
#ifndef DEVID_TEST_UNIT_FOLDER_H
#define DEVID_TEST_UNIT_FOLDER_H

#include <stdbool.h>

#include "core/bytes.h"

/* An empty one, absolute; freed by folder_remove. */
char *folder_make(void);
void folder_remove(char *folder);

/* FOLDER/NAME, made or written over in place. Folders on the way are made. */
void folder_write(const char *folder, const char *name, struct devid_slice content);
void folder_write_text(const char *folder, const char *name, const char *text);
/* The caller frees it. */
struct devid_bytes folder_read(const char *folder, const char *name);

bool folder_has(const char *folder, const char *name);
/* How many entries, hidden ones too; 0 if there is no such folder. */
size_t folder_count(const char *folder);

#endif
