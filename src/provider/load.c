/* SPDX-License-Identifier: BSD-2-Clause */
/* From devid.so to the body beside it. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "provider/body.h"

#define BODY_FILE "devid-provider.so"

/* The file that this function is in, as it was given to dlopen. */
static const char *own_file(void)
{
    static const char here;
    Dl_info info;

    return dladdr(&here, &info) != 0 ? info.dli_fname : NULL;
}

bool body_locate(struct provider *p)
{
    const char *own = own_file();

    if (own == NULL || own[0] == '/')
        return true;
    p->own_file = realpath(own, NULL);
    return p->own_file != NULL;
}

static devid_rc look_at(const struct body *body, const char *path, struct devid_error *err)
{
    if (body != NULL && strcmp(body->version, PACKAGE_VERSION) == 0 && body->provider_size == sizeof(struct provider))
        return DEVID_OK;
    return devid_fail(err, DEVID_E_FILE, "%s is of another version than devid.so: if devid was just updated, start this program anew; else "
                      "install devid again", path);
}

static devid_rc load(const struct provider *p, const struct body **out, struct devid_error *err)
{
    const char *own = p->own_file != NULL ? p->own_file : own_file(), *name = own == NULL ? NULL : strrchr(own, '/');
    const struct body *body;
    char path[4096]; /* PATH_MAX */
    void *module;
    devid_rc rc;

    if (name == NULL || (size_t)(name + 1 - own) + sizeof BODY_FILE > sizeof path)
        return devid_fail(err, DEVID_E_FILE, "the folder of devid.so cannot be found out");
    (void)snprintf(path, sizeof path, "%.*s/" BODY_FILE, (int)(name - own), own);

    module = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (module == NULL)
        return devid_fail(err, DEVID_E_FILE, "keys of the TPM cannot be used, for a part of devid cannot be loaded: %s: install devid again, with "
                          "the libraries that it needs", dlerror());
    body = dlsym(module, BODY_SYMBOL);
    rc = look_at(body, path, err);
    if (rc == DEVID_OK)
        *out = body;
    return rc;
}

devid_rc body_load(struct provider *p, const struct body **out, struct devid_error *err)
{
    const struct body *body = atomic_load(&p->body);
    devid_rc rc = DEVID_OK;

    if (body == NULL)
        rc = load(p, &body, err);
    if (rc != DEVID_OK)
        return rc;
    atomic_store(&p->body, body);
    *out = body;
    return DEVID_OK;
}
