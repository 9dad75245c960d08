/* SPDX-License-Identifier: BSD-2-Clause */
/* devid doctor: what does not work, why, and what to do about it. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/login.h"
#include "core/make.h"
#include "doctor.h"
#include "est/est.h"

void good(const char *fmt, ...)
{
    va_list args;

    (void)printf("ok   ");
    va_start(args, fmt);
    (void)vprintf(fmt, args);
    va_end(args);
    (void)printf("\n");
}

void bad(struct examination *x, const char *fmt, ...)
{
    va_list args;

    x->n_bad++;
    (void)printf("BAD  ");
    va_start(args, fmt);
    (void)vprintf(fmt, args);
    va_end(args);
    (void)printf("\n");
}

/* Whoever cannot open the device is told which group it wants. The second is of no use beside the first. */
static void examine_device(struct examination *x)
{
    static const char *const devices[] = {"/dev/tpmrm0", "/dev/tpm0"};
    bool found = false;

    if (x->conf->tcti != NULL)
        return;
    for (size_t i = 0; !found && i < sizeof devices / sizeof devices[0]; i++) {
        struct stat st;

        if (stat(devices[i], &st) != 0)
            continue;
        found = true;
        if (access(devices[i], R_OK | W_OK) == 0)
            good("%s may be opened", devices[i]);
        else
            bad(x, "%s: %s; add the user to the group that owns it (usually tss)", devices[i], strerror(errno));
    }
    if (!found)
        bad(x, "there is no /dev/tpmrm0 and no /dev/tpm0: is the TPM switched on in the firmware? "
               "For another one set \"tcti =\" in %s", x->conf->path);
}

/* Of a TPM that answers: what keeps it from serving. */
static void examine_passwords(struct examination *x)
{
    struct devid_tries tries = {0};
    bool is_barred = false;

    if (devid_token_tries(x->tool->store, &tries, NULL) == DEVID_OK && tries.is_locked)
        bad(x, "the TPM is locked, for %u wrong passwords or PINs: IDevID, IAK and tokens with a PIN cannot be used. It opens with time, "
            "or by \"tpm2_dictionarylockout -c\"", tries.failed);
    if (devid_make_is_barred(x->tool->store, &is_barred, NULL) == DEVID_OK && is_barred)
        bad(x, "the owner hierarchy of the TPM has a password: keys are used, but none can be made or put at a handle. Take it away with "
            "\"tpm2_changeauth -c owner -p PASSWORD\"");
}

static void examine_tpm(struct examination *x)
{
    struct devid_made made = {0};
    struct devid_error err = {0};
    devid_rc rc = devid_make_look(x->tool->store, 0x81010001, &made, &err);

    if (rc == DEVID_OK || rc == DEVID_E_ABSENT)
        good("the TPM answers (%s)", x->conf->tcti != NULL ? x->conf->tcti : "found without \"tcti =\"");
    else
        bad(x, "%s", err.text);
    devid_made_free(&made);
    if (rc == DEVID_OK || rc == DEVID_E_ABSENT)
        examine_passwords(x);
}

/* p11-kit looks in folders of its own, and takes a module's bare name for one of them. */
static void examine_registration(struct examination *x)
{
    if (access(DEVID_P11KIT_CONFIGS "/devid.module", R_OK) != 0 && access(DEVID_P11_CONFIGS "/devid.module", R_OK) != 0)
        bad(x, "p11-kit does not know the module, for there is no " DEVID_P11KIT_CONFIGS "/devid.module: run \"make install\" or reinstall "
            "the package");
    else if (access(DEVID_P11KIT_CONFIGS "/devid.module", R_OK) != 0)
        bad(x, "p11-kit does not know the module: it looks in " DEVID_P11KIT_CONFIGS ", and not in " DEVID_P11_CONFIGS ": copy devid.module "
            "there, with \"module: " DEVID_P11_MODULES "/devid-pkcs11.so\" in it");
    else
        good("registered with p11-kit by " DEVID_P11KIT_CONFIGS "/devid.module");
}

static void examine_faces(struct examination *x)
{
    struct devid_error err = {0};

    if (access(DEVID_P11_MODULES "/devid-pkcs11.so", R_OK) == 0)
        good("PKCS#11 module %s/devid-pkcs11.so", DEVID_P11_MODULES);
    else
        bad(x, "PKCS#11 module %s/devid-pkcs11.so: %s; run \"make install\" or reinstall the package", DEVID_P11_MODULES,
            strerror(errno));
    examine_registration(x);
    if (est_keys_load(&err) == DEVID_OK)
        good("the OpenSSL provider loads");
    else
        bad(x, "%s", err.text);
}

/* The command that brings a key back: the manufacturer's are made again, the owner's are others. */
static const char *restoring(const struct devid_conf_identity *want)
{
    return devid_role_is_manufacturers(want->role) ? "recover" : "provision";
}

static void examine_identity(struct examination *x, const struct devid_conf_identity *want,
                             const struct plan_found *found, int64_t now)
{
    char until[24], today[24];

    if (!found->has_key) {
        if (want->role == DEVID_ROLE_EK)
            examine_ek(x, want);
        else if (want->est != NULL)
            bad(x, "%s has no key; run \"devid provision\"", want->name);
        return;
    }
    if (found->is_other) {
        bad(x, "%s: 0x%08" PRIx32 " holds another key: move that away with \"tpm2_evictcontrol -C o -c 0x%08" PRIx32 "\", or name another "
            "handle in its section; then run \"devid %s\"", want->name, found->handle, found->handle, restoring(want));
        return;
    }
    if (found->is_gone) {
        bad(x, "%s: the TPM lost its key (TPM2_Clear, or it was evicted); run \"devid %s\"", want->name, restoring(want));
        return;
    }
    if (found->is_rootless)
        bad(x, "%s: the storage root key of its key was evicted; run \"devid provision\", which makes the same one again", want->name);
    if (found->is_disabled) {
        good("%s is disabled; \"devid enable %s\" switches it on", want->name, want->name);
        return;
    }
    if (!found->has_cert && want->est == NULL) {
        good("%s has a key and needs no certificate", want->name);
        return;
    }
    if (!found->has_cert) {
        bad(x, "%s has no certificate; run \"devid provision\"", want->name);
        return;
    }
    devid_cert_time_text(found->not_after, until);
    devid_cert_time_text(now, today);
    if (found->not_after <= now)
        bad(x, "%s: its certificate expired at %s, and the clock says %s: if that is right, run \"devid provision\"", want->name, until,
            today);
    else if (found->not_before > now)
        bad(x, "%s: its certificate is not valid yet, for the clock says %s: set the clock", want->name, today);
    else
        good("%s is valid until %s", want->name, until);
    if (found->due <= now && found->retry > now)
        bad(x, "%s: its renewal failed; \"devid renew %s\" says why", want->name, want->name);
    if (want->pem != NULL && !found->has_pem)
        bad(x, "%s: %s is missing or outdated; run \"devid provision\"", want->name, want->pem);
}

static devid_rc examine_identities(struct examination *x, struct devid_error *err)
{
    struct plan_found *found = NULL;
    devid_rc rc = tool_found(x->tool, &found, err);

    if (rc != DEVID_OK)
        return rc;
    for (size_t i = 0; i < x->conf->n_identities; i++)
        examine_identity(x, &x->conf->identities[i], &found[i], (int64_t)time(NULL));
    examine_servers(x, found, (int64_t)time(NULL));
    free(found);
    return DEVID_OK;
}

devid_rc command_doctor(struct tool *tool, int argc, char **argv, struct devid_error *err)
{
    static const struct option options[] = {{"user", required_argument, NULL, 'u'}, {NULL, 0, NULL, 0}};
    struct examination x = {.tool = tool};
    const char *user = NULL;
    devid_rc rc;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'u')
            return tool_bad_option(argv, err);
        user = optarg;
    }
    if (optind < argc)
        return devid_fail(err, TOOL_USAGE, "doctor: takes no arguments but --user NAME");
    rc = devid_store_open(tool->config, &tool->store, err);
    if (rc != DEVID_OK)
        return rc; /* the configuration's own sentence is the diagnosis */
    x.conf = devid_store_conf(tool->store);
    if (access(x.conf->path, F_OK) == 0)
        good("configuration %s", x.conf->path);
    else
        bad(&x, "there is no %s that says what this device is to have: write it, see devid.conf(5)", x.conf->path);
    examine_state(&x);
    examine_device(&x);
    examine_tpm(&x);
    examine_faces(&x);
    examine_openssl(&x);
    if (user != NULL)
        examine_user(&x, user);
    rc = examine_identities(&x, err);
    if (rc == DEVID_OK && x.n_bad != 0)
        rc = devid_fail(err, DEVID_E_ABSENT, "%u thing%s to mend", x.n_bad, x.n_bad == 1 ? "" : "s");
    return rc;
}
