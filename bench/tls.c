/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the provider costs programs: TLS 1.3 handshakes with both sides authenticated, beside what a software key's handshake and ESYS's
 * signature add up to; and the start of a program that only reads openssl.cnf.
 */
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <openssl/store.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>
#include <unistd.h>

#include "measure.h"

#define ROUNDS 61 /* short and many: what else the machine does then meets all alike */
#define SECONDS 0.05
#define STARTS 300
#define TPM2_PROPQ "?provider=tpm2,tpm2.digest!=yes,tpm2.cipher!=yes" /* else it hashes in the TPM, too */

/* ---- handshakes ---- */

static SSL_CTX *side(const SSL_METHOD *method, const char *name)
{
    char key[64], cert[64];
    SSL_CTX *ctx = SSL_CTX_new(method);

    (void)snprintf(key, sizeof key, "%s-key.pem", name);
    (void)snprintf(cert, sizeof cert, "%s-cert.pem", name);
    must(ctx != NULL && SSL_CTX_use_certificate_chain_file(ctx, cert) == 1 &&
             SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1 &&
             SSL_CTX_load_verify_locations(ctx, "ca-cert.pem", NULL) == 1 &&
             SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1, name);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return ctx;
}

static void handshake(SSL_CTX *client_ctx, SSL_CTX *server_ctx)
{
    SSL *client = SSL_new(client_ctx), *server = SSL_new(server_ctx);
    BIO *a = NULL, *b = NULL;
    int done = 0;

    must(BIO_new_bio_pair(&a, 0, &b, 0) == 1, "a pair of BIOs");
    SSL_set_bio(client, a, a);
    SSL_set_bio(server, b, b);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    for (int i = 0; i < 12 && done != 3; i++) {
        done |= SSL_do_handshake(client) == 1 ? 1 : 0;
        done |= SSL_do_handshake(server) == 1 ? 2 : 0;
    }
    must(done == 3, "a handshake");
    SSL_free(client);
    SSL_free(server);
}

/* ---- ESYS alone ---- */

static ESYS_CONTEXT *esys;
static ESYS_TR esys_key;
static OSSL_LIB_CTX *tpm2_ctx; /* tpm2-openssl's */

static void esys_open(const char *handle)
{
    TSS2_TCTI_CONTEXT *tcti = NULL;

    must(Tss2_TctiLdr_Initialize(getenv("BENCH_TCTI"), &tcti) == TSS2_RC_SUCCESS &&
             Esys_Initialize(&esys, tcti, NULL) == TSS2_RC_SUCCESS &&
             Esys_TR_FromTPMPublic(esys, (TPM2_HANDLE)strtoul(handle, NULL, 16), ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                   &esys_key) == TSS2_RC_SUCCESS, "ESYS");
}

static void esys_sign(void)
{
    static const TPMT_SIG_SCHEME scheme = {.scheme = TPM2_ALG_ECDSA, .details.ecdsa.hashAlg = TPM2_ALG_SHA256};
    static const TPMT_TK_HASHCHECK no_ticket = {.tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL};
    TPM2B_DIGEST digest = {.size = 32, .buffer = "0123456789abcdef0123456789abcde"};
    TPMT_SIGNATURE *sig = NULL;

    must(Esys_Sign(esys, esys_key, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &digest, &scheme, &no_ticket, &sig) ==
             TSS2_RC_SUCCESS, "Esys_Sign");
    Esys_Free(sig);
}

/* The same key by tpm2-openssl, in a library context without us: of version 1.1.1 signatures are all that works here. NULL if it is missing. */
static EVP_PKEY *tpm2_key(const char *handle)
{
    OSSL_LIB_CTX *alone = OSSL_LIB_CTX_new();
    EVP_PKEY *key = NULL;
    OSSL_STORE_CTX *store;
    char uri[32];

    must(alone != NULL && OSSL_PROVIDER_load(alone, "default") != NULL, "a library context");
    if (getenv("TPM2OPENSSL_TCTI") == NULL || OSSL_PROVIDER_load(alone, "tpm2") == NULL)
        return NULL;
    (void)snprintf(uri, sizeof uri, "handle:%s", handle);
    store = OSSL_STORE_open_ex(uri, alone, TPM2_PROPQ, NULL, NULL, NULL, NULL, NULL);
    while (store != NULL && key == NULL && !OSSL_STORE_eof(store)) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);

        if (info != NULL && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
            key = OSSL_STORE_INFO_get1_PKEY(info);
        OSSL_STORE_INFO_free(info);
    }
    must(key != NULL, "tpm2-openssl's key");
    (void)OSSL_STORE_close(store);
    tpm2_ctx = alone;
    return key;
}

static void evp_sign(EVP_PKEY *key)
{
    static const unsigned char message[32] = "0123456789abcdef0123456789abcde";
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char sig[256];
    size_t n = sizeof sig;

    must(ctx != NULL && EVP_DigestSignInit_ex(ctx, NULL, "SHA256", tpm2_ctx, TPM2_PROPQ, key, NULL) == 1 &&
             EVP_DigestSign(ctx, sig, &n, message, sizeof message) == 1, "EVP_DigestSign");
    EVP_MD_CTX_free(ctx);
}

/* Seconds for one handshake; without a client for one signature by key, or by ESYS. */
static double cost(SSL_CTX *client, SSL_CTX *server, EVP_PKEY *key)
{
    double from = now();
    unsigned n = 0;

    do {
        if (client != NULL)
            handshake(client, server);
        else if (key != NULL)
            evp_sign(key);
        else
            esys_sign();
        n++;
    } while (now() - from < SECONDS);
    return (now() - from) / n;
}

static void handshakes(const char *handle)
{
    SSL_CTX *server = side(TLS_server_method(), "software"), *soft = side(TLS_client_method(), "software"),
            *ours = side(TLS_client_method(), "azure-ldevid");
    EVP_PKEY *theirs = tpm2_key(handle);
    double by_soft[ROUNDS], by_esys[ROUNDS], by_ours[ROUNDS], ratio[ROUNDS], their_ratio[ROUNDS];

    esys_open(handle);
    for (int i = 0; i < ROUNDS; i++) {
        by_soft[i] = cost(soft, server, NULL);
        by_esys[i] = cost(NULL, NULL, NULL);
        by_ours[i] = cost(ours, server, NULL);
        ratio[i] = (by_soft[i] + by_esys[i]) / by_ours[i];
        their_ratio[i] = theirs != NULL ? by_esys[i] / cost(NULL, NULL, theirs) : 0;
    }
    (void)printf("| %.0f | %.0f | %.0f | **%.2f** | %.2f |\n", 1 / median(by_soft, ROUNDS), 1 / median(by_esys, ROUNDS),
                 1 / median(by_ours, ROUNDS), median(ratio, ROUNDS), median(their_ratio, ROUNDS));
}

/* ---- a program that reads openssl.cnf ---- */

/* What one start cost. */
struct cost_of_start {
    double wall, cpu; /* milliseconds */
    double kilobytes; /* at most */
};

static double milliseconds(struct timeval t)
{
    return 1e3 * (double)t.tv_sec + (double)t.tv_usec / 1e3;
}

static struct cost_of_start start(const char *conf)
{
    struct rusage used;
    double from = now();
    int status = 0;
    pid_t pid = vfork(); /* nothing of this process is copied, which would be measured too */

    if (pid == 0) {
        const char *const argv[] = {"openssl", "version", NULL};

        (void)execvp("openssl", (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    must(wait4(pid, &status, 0, &used) == pid && status == 0, conf);
    return (struct cost_of_start){1e3 * (now() - from), milliseconds(used.ru_utime) + milliseconds(used.ru_stime),
                                  (double)used.ru_maxrss};
}

/*
 * In turns, so that what else the machine does meets them alike; and what one costs more than the first is the median of what it cost more in
 * each turn.
 */
static void starts(char **confs, size_t n)
{
    static double wall[4][STARTS], cpu[4][STARTS], memory[4][STARTS], more_wall[4][STARTS], more_cpu[4][STARTS];
    int out = dup(STDOUT_FILENO);

    must(out >= 0 && freopen("/dev/null", "w", stdout) != NULL, "/dev/null");
    for (size_t i = 0; i < STARTS; i++)
        for (size_t k = 0; k < n; k++) {
            struct cost_of_start cost;

            must(setenv("OPENSSL_CONF", confs[k], 1) == 0, confs[k]);
            cost = start(confs[k]);
            wall[k][i] = cost.wall;
            cpu[k][i] = cost.cpu;
            memory[k][i] = cost.kilobytes;
            more_wall[k][i] = wall[k][i] - wall[0][i];
            more_cpu[k][i] = cpu[k][i] - cpu[0][i];
        }
    must(dup2(out, STDOUT_FILENO) >= 0, "standard output");
    for (size_t k = 0; k < n; k++)
        (void)printf("| %s | %.2f | %+.2f | %+.2f | %.0f | %+.0f |\n", confs[k], median(wall[k], STARTS), median(more_wall[k], STARTS),
                     median(more_cpu[k], STARTS), median(memory[k], STARTS), median(memory[k], STARTS) - median(memory[0], STARTS));
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "handshakes") == 0)
        handshakes(argv[2]);
    else if (argc > 2 && argc <= 6 && strcmp(argv[1], "starts") == 0)
        starts(argv + 2, (size_t)argc - 2);
    else
        return 2;
    return 0;
}
