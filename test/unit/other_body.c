/* SPDX-License-Identifier: BSD-2-Clause */
/* A body of another build, as an update leaves it beside a devid.so that a program has in use. */
#include "provider/body.h"

extern const struct body devid_provider_body;

__attribute__((visibility("default"))) const struct body devid_provider_body = {
    .version = "0.0.1",
    .provider_size = sizeof(struct provider),
};
