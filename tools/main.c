/* SPDX-License-Identifier: BSD-2-Clause */
/* devid: the table of subcommands, and what each error means for a shell. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "est/est.h"
#include "tool.h"

#define JSON "  --json  for programs\n"

static const struct tool_command commands[] = {
    {"provision", "[--batch] [--dry-run] [--no-wait] [NAME ...]", "make this device match devid.conf",
     "  --batch     one JSON line for the factory's database on standard output, all else on standard error\n"
     "  --dry-run   only say what would be done\n"
     "  --no-wait   do not wait for a server that says \"later\": exit with 75\n"
     "  NAME        this identity, instead of all of devid.conf\n",
     true, command_provision},
    {"recover", "[--dry-run] [NAME ...]", "bring the manufacturer's keys back that the TPM lost, and say which others are lost",
     "  --dry-run  only say what would be done\n"
     "  NAME       this identity, instead of all of the manufacturer's\n", true, command_recover},
    {"renew", "[--dry-run] [--force] [--no-wait] [NAME ...]", "renew the certificates that are due",
     "  --dry-run   only say what would be done\n"
     "  --force     due or not, and whatever is left of the grace time of the last renewal\n"
     "  --no-wait   do not wait for a server that says \"later\": exit with 75\n"
     "  NAME        this identity, instead of all that are due\n",
     true, command_renew},
    {"list", "[--json]", "the identities of this device", JSON, true, command_list},
    {"show", "[--json] NAME", "all about one identity", JSON, true, command_show},
    {"ref", "[--chain] [--out FILE] NAME", "write a key reference, a PEM file that programs open as their key",
     "  --chain     also the certificate chain, behind the reference\n"
     "  --out FILE  there instead of standard output; replaced at one instant\n",
     true, command_ref},
    {"csr", "[--out FILE] NAME", "write a certificate request, signed by the identity's key",
     "  --out FILE  there instead of standard output\n", true, command_csr},
    {"est", "cacerts|csrattrs|enroll|reenroll NAME", "talk to the EST server of one identity by hand",
     "  cacerts   the CA's certificates\n"
     "  csrattrs  what the server wants to be in a request\n"
     "  enroll    simpleenroll, with the names of devid.conf; the certificate is kept, and printed\n"
     "  reenroll  simplereenroll, with the names of the old certificate; so is this one\n", true, command_est},
    {"sign", "[--out FILE] NAME FILE", "sign a file's SHA-256, as \"openssl dgst -sha256 -verify\" checks it",
     "  --out FILE  the signature goes there instead of standard output\n", true, command_sign},
    {"disable", "[--key] [--certificate] NAME", "hide key and certificates from all programs; the key signs no more",
     "  --key          the key alone\n  --certificate  the certificate with its chain alone\n  Without them: both.\n", true, command_disable},
    {"enable", "[--key] [--certificate] NAME", "undo devid disable",
     "  --key          the key alone\n  --certificate  the certificate with its chain alone\n  Without them: both.\n", true, command_enable},
    {"certificate", "insert NAME FILE | delete NAME", "give an owner's key a certificate chain, or take it away",
     "  FILE  PEM: the leaf first, each followed by its issuer\n", true,
     command_certificate},
    {"delete", "[--yes] NAME", "destroy an owner's key, with its certificates", "  --yes  do not ask\n", true, command_delete},
    {"disown", "[--dry-run] [--yes] [--keep-secrets]", "remove all that is of this device's owner; the manufacturer's keys stay",
     "  --dry-run       only say what would be done\n"
     "  --yes           do not ask\n"
     "  --keep-secrets  the files of secrets that devid.conf names stay\n", true, command_disown},
    {"retire", "[--dry-run] [--yes] [--keep-secrets] [--clear-tpm] [--change-eps]",
     "as disown; the TPM may be cleared, or its identity be ended",
     "  --dry-run       only say what would be done\n"
     "  --yes           do not ask\n"
     "  --keep-secrets  the files of secrets that devid.conf names stay\n"
     "  --clear-tpm     TPM2_Clear, then EK, IDevID and IAK are recovered\n"
     "  --change-eps    TPM2_ChangeEPS: EK, IDevID and IAK are gone for ever\n"
     "  --yes-destroy-identity  do not ask for the device's serial number before --change-eps\n"
     "  --platform      TPM2_Clear is authorised by the platform hierarchy, not by lockout\n"
     "  --auth-file FILE  the password of that hierarchy, if it has one\n", true, command_retire},
    {"counters", "[--json]", "how often keys and certificates were made, inserted and deleted", JSON, true, command_counters},
    {"attest", "[--nonce HEX] [--out FILE] NAME", "write evidence that the identity's key lives in this TPM",
     "  --nonce HEX      the verifier's, of 1 to 64 bytes: shows that the evidence is fresh\n"
     "  --out FILE       there instead of standard output; replaced at one instant\n",
     true, command_attest},
    {"verify", "[--tcg-csr] [--ek-roots FILE] [--roots FILE] [--nonce HEX] FILE", "check such evidence, without a TPM",
     "  --tcg-csr        FILE is a request of devid export --tcg-csr\n"
     "  --ek-roots FILE  PEM file of the chip makers' CAs that are trusted\n"
     "  --roots FILE     PEM file of the CAs that are trusted for certificates of keys and attestation keys\n"
     "  --nonce HEX      that the evidence was asked for with\n",
     false, command_verify},
    {"export", "--spire [--out FOLDER] NAME | --tcg-csr [--model TEXT] [--nonce HEX] [--out FILE] NAME",
     "write an identity as other systems take it",
     "  --spire       devid.priv.blob, devid.pub.blob and devid.crt.pem for SPIRE's node attestor tpm_devid\n"
     "  --tcg-csr     the TCG's certificate request of a device, TCG_CSR_IDEVID, for its CA\n"
     "  --out PATH    --spire: a folder, without it the current one; --tcg-csr: a file, without it standard output\n"
     "  --model TEXT  the device's model, for the request\n"
     "  --nonce HEX   the CA's, of 1 to 64 bytes: shows that the request is fresh\n",
     true, command_export},
    {"doctor", "[--user NAME]", "what does not work, why, and what to do",
     "  --user NAME  also: may this user of the system, a service's, use the keys?\n", false, command_doctor},
};

#define N_COMMANDS (sizeof commands / sizeof commands[0])

#define USAGE "usage: devid [--config FILE] COMMAND [OPTIONS]\n"

static void usage(FILE *to)
{
    (void)fprintf(to, USAGE "\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        (void)fprintf(to, "  %-12s %s\n", commands[i].name, commands[i].help);
    (void)fprintf(to, "\n  --config FILE   instead of $DEVID_CONF or " DEVID_CONF_DEFAULT "\n"
                      "  --version       print the version\n"
                      "  --help          print this; \"devid COMMAND --help\" tells more. See devid(1).\n");
}

static void command_usage(FILE *to, const struct tool_command *command)
{
    (void)fprintf(to, "usage: devid [--config FILE] %s %s\n%c%s.\n", command->name, command->args, toupper((unsigned char)command->help[0]),
                  command->help + 1);
    if (command->options != NULL)
        (void)fprintf(to, "\n%s", command->options);
}

/* HOUSE rule: no default, so that a new error asks what a shell shall see. 75 is EX_TEMPFAIL. */
static int exit_status(devid_rc rc)
{
    switch (rc) {
    case DEVID_OK:
        return 0;
    case DEVID_E_ARG:
        return 2;
    case DEVID_E_BUSY:
    case DEVID_E_AWAY:
        return 75;
    case DEVID_E_MEM:
    case DEVID_E_ROOM:
    case DEVID_E_ABSENT:
    case DEVID_E_EXISTS:
    case DEVID_E_AUTH:
    case DEVID_E_LOCKED:
    case DEVID_E_DENIED:
    case DEVID_E_KEY:
    case DEVID_E_DATA:
    case DEVID_E_TPM:
    case DEVID_E_FILE:
    case DEVID_E_NET:
        return 1;
    }
    return 1;
}

static const struct tool_command *find_command(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

uint64_t tool_commands(struct tool *tool)
{
    return devid_store_commands(tool->store) + est_keys_commands();
}

static int run(const struct tool_command *command, struct tool *tool, int argc, char **argv)
{
    struct devid_error err = {0};
    devid_rc rc = DEVID_OK;

    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0) {
            command_usage(stdout, command);
            return 0;
        }
    est_openssl_begin();
    if (command->needs_store)
        rc = devid_store_open(tool->config, &tool->store, &err);
    if (rc == DEVID_OK)
        rc = command->run(tool, argc, argv, &err);
    if (rc == DEVID_OK && (fflush(stdout) != 0 || ferror(stdout) != 0)) /* a line may have failed long before the end */
        rc = devid_fail(&err, DEVID_E_FILE, "not all could be written to standard output: it is full, or closed");
    if (rc != DEVID_OK && err.text[0] != 0)
        (void)fprintf(stderr, "devid: %s\n", err.text);
    if (rc == TOOL_USAGE)
        command_usage(stderr, command);
    devid_store_free(tool->store);
    return exit_status(rc);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    const struct tool_command *command;
    struct devid_error err = {0};
    struct tool tool = {0};
    char name[] = "devid";
    int c;

    opterr = 0;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* a person follows a slow TPM line by line */
    while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
        switch (c) {
        case 'c':
            tool.config = optarg;
            break;
        case 'h':
            usage(stdout);
            return 0;
        case 'V':
            (void)printf("devid " PACKAGE_VERSION "\n");
            return 0;
        default:
            argv[0] = name;
            (void)tool_bad_option(argv, &err);
            (void)fprintf(stderr, "%s; \"devid --help\" tells all\n" USAGE, err.text);
            return 2;
        }
    }
    if (optind >= argc) {
        usage(stderr);
        return 2;
    }
    command = find_command(argv[optind]);
    if (command == NULL) {
        (void)fprintf(stderr, "devid: there is no command \"%s\"; \"devid --help\" lists them\n" USAGE, argv[optind]);
        return 2;
    }
    /* our provider, in this process, must read the same file */
    if (tool.config != NULL && setenv("DEVID_CONF", tool.config, 1) != 0) {
        (void)fprintf(stderr, "devid: %s\n", strerror(errno));
        return 1;
    }
    argc -= optind;
    argv += optind;
    optind = 0; /* glibc: begin anew with the subcommand's options */
    return run(command, &tool, argc, argv);
}
