/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What devid costs beside the least that there is: ESYS alone, one password command a signature. Both in one run, in turns, so that a
 * busy machine is busy for both. bench/run makes what it needs.
 *
 *   bench rates HANDLE LABEL   signatures by ESYS, by the module and by the provider, in 1, 2 and 8 threads
 *   bench open LABEL           C_Initialize, slots, all objects; the first signature
 *   bench list MODULE          the same lists by any module, for its memory
 */
#include <dlfcn.h>
#include <openssl/evp.h>
#include <openssl/store.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>

#include "measure.h"
#include "pkcs11/p11v3.h"

#define ROUNDS 61   /* short and many: what else the machine does then meets all three ways alike */
#define ROUND_S 0.05
#define THREADS_MAX 8

static unsigned char digest[32] = "0123456789abcdef0123456789abcde";

/* ---- three ways to a signature ---- */

struct way {
    const char *name;
    void *(*begin)(void);   /* a thread's own means */
    void (*sign)(void *own);
    void (*end)(void *own);
};

static bool is_rsa;
static ESYS_CONTEXT *esys;
static ESYS_TR esys_key;
static pthread_mutex_t esys_lock = PTHREAD_MUTEX_INITIALIZER;

static void *esys_begin(void)
{
    return esys;
}

static void esys_sign(void *own)
{
    const TPMT_SIG_SCHEME scheme = {.scheme = is_rsa ? TPM2_ALG_RSASSA : TPM2_ALG_ECDSA, .details.any.hashAlg = TPM2_ALG_SHA256};
    const TPMT_TK_HASHCHECK ticket = {.tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL};
    TPM2B_DIGEST data = {.size = sizeof digest};
    TPMT_SIGNATURE *sig = NULL;

    (void)own;
    memcpy(data.buffer, digest, sizeof digest);
    (void)pthread_mutex_lock(&esys_lock);
    must(Esys_Sign(esys, esys_key, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &data, &scheme, &ticket, &sig) == 0, "Esys_Sign");
    (void)pthread_mutex_unlock(&esys_lock);
    Esys_Free(sig);
}

static void esys_end(void *own)
{
    (void)own;
}

static CK_FUNCTION_LIST *p11;
static const char *p11_label;

struct p11_own {
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
};

static CK_OBJECT_HANDLE p11_find(CK_SESSION_HANDLE session, const char *label)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}, {CKA_LABEL, (void *)(uintptr_t)label, strlen(label)}};
    CK_OBJECT_HANDLE key = 0;
    CK_ULONG n = 0;

    must(p11->C_FindObjectsInit(session, template, 2) == CKR_OK && p11->C_FindObjects(session, &key, 1, &n) == CKR_OK &&
             p11->C_FindObjectsFinal(session) == CKR_OK && n == 1,
         "finding the key");
    return key;
}

static void *p11_begin(void)
{
    struct p11_own *own = calloc(1, sizeof *own);

    must(own != NULL && p11->C_OpenSession(1, CKF_SERIAL_SESSION, NULL, NULL, &own->session) == CKR_OK, "C_OpenSession");
    own->key = p11_find(own->session, p11_label);
    return own;
}

static void p11_sign(void *arg)
{
    CK_MECHANISM mech = {is_rsa ? CKM_SHA256_RSA_PKCS : CKM_ECDSA, NULL, 0};
    struct p11_own *own = arg;
    unsigned char sig[256];
    CK_ULONG n = sizeof sig;

    must(p11->C_SignInit(own->session, &mech, own->key) == CKR_OK &&
             p11->C_Sign(own->session, digest, sizeof digest, sig, &n) == CKR_OK,
         "C_Sign");
}

static void p11_end(void *arg)
{
    struct p11_own *own = arg;

    (void)p11->C_CloseSession(own->session);
    free(own);
}

static EVP_PKEY *evp_key;

static void *evp_begin(void)
{
    return EVP_MD_CTX_new();
}

static void evp_sign(void *own)
{
    unsigned char sig[256];
    size_t n = sizeof sig;

    must(EVP_DigestSignInit_ex(own, NULL, "SHA256", NULL, NULL, evp_key, NULL) == 1 &&
             EVP_DigestSign(own, sig, &n, digest, sizeof digest) == 1,
         "EVP_DigestSign");
}

static void evp_end(void *own)
{
    EVP_MD_CTX_free(own);
}

static const struct way ways[] = {
    {"ESYS alone", esys_begin, esys_sign, esys_end},
    {"C_Sign", p11_begin, p11_sign, p11_end},
    {"EVP_DigestSign", evp_begin, evp_sign, evp_end},
};

/* ---- rates ---- */

/* Of all signatures of all rounds. */
struct waits {
    double *list; /* seconds from the call to the answer, the turns of the others included */
    size_t n, room;
    unsigned long served; /* how many were served from a call to its answer, at most: the lock's doing alone, not the scheduler's */
};

static void wait_add(struct waits *w, double wait, unsigned long served)
{
    if (w->n == w->room) {
        w->room = 2 * w->room + 1024;
        w->list = realloc(w->list, w->room * sizeof *w->list);
        must(w->list != NULL, "realloc");
    }
    w->list[w->n++] = wait;
    if (served > w->served)
        w->served = served;
}

static atomic_ulong n_served;
static pthread_barrier_t all_ready;

struct run {
    const struct way *way;
    double begin, end;
    struct waits waits;
};

static void *thread(void *arg)
{
    struct run *run = arg;
    void *own = run->way->begin();
    double then;

    (void)pthread_barrier_wait(&all_ready);
    run->begin = now();
    for (double at = run->begin; at < run->begin + ROUND_S; at = then) {
        unsigned long before = atomic_load(&n_served);

        run->way->sign(own);
        then = now();
        wait_add(&run->waits, then - at, atomic_fetch_add(&n_served, 1) + 1 - before);
    }
    run->end = now();
    run->way->end(own);
    return NULL;
}

/* Signatures a second, from the first thread's first to the last one's last. */
static double rate(const struct way *way, int n_threads, struct waits *waits)
{
    struct run runs[THREADS_MAX];
    pthread_t threads[THREADS_MAX];
    double begin, end;
    size_t n = 0;

    must(pthread_barrier_init(&all_ready, NULL, (unsigned)n_threads) == 0, "pthread_barrier_init");
    for (int i = 0; i < n_threads; i++) {
        runs[i] = (struct run){.way = way};
        must(pthread_create(&threads[i], NULL, thread, &runs[i]) == 0, "pthread_create");
    }
    for (int i = 0; i < n_threads; i++)
        (void)pthread_join(threads[i], NULL);
    (void)pthread_barrier_destroy(&all_ready);
    begin = runs[0].begin;
    end = runs[0].end;
    for (int i = 0; i < n_threads; i++) {
        begin = runs[i].begin < begin ? runs[i].begin : begin;
        end = runs[i].end > end ? runs[i].end : end;
        n += runs[i].waits.n;
        for (size_t j = 0; j < runs[i].waits.n; j++)
            wait_add(waits, runs[i].waits.list[j], runs[i].waits.served);
        free(runs[i].waits.list);
    }
    return (double)n / (end - begin);
}

static void load_module(const char *path)
{
    CK_C_GetFunctionList get;
    void *module = dlopen(path, RTLD_NOW);

    must(module != NULL, path);
    get = (CK_C_GetFunctionList)dlsym(module, "C_GetFunctionList");
    must(get != NULL && get(&p11) == CKR_OK, "C_GetFunctionList");
}

static void find_evp_key(const char *label)
{
    OSSL_STORE_CTX *store;
    char uri[256];

    (void)snprintf(uri, sizeof uri, "devid:%s", label);
    store = OSSL_STORE_open(uri, NULL, NULL, NULL, NULL);
    while (store != NULL && evp_key == NULL && !OSSL_STORE_eof(store)) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);

        if (info != NULL && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
            evp_key = OSSL_STORE_INFO_get1_PKEY(info);
        OSSL_STORE_INFO_free(info);
    }
    must(evp_key != NULL, uri);
    (void)OSSL_STORE_close(store);
}

/* A turn is the time in which each thread is served once: that many commands of ESYS alone. */
static void rates_of(int n_threads)
{
    double of[2][ROUNDS], floor[ROUNDS], turn;
    struct waits waits[3] = {{0}};

    for (int i = 0; i < ROUNDS; i++) {
        floor[i] = rate(&ways[0], 1, &waits[0]);
        for (int w = 0; w < 2; w++)
            of[w][i] = rate(&ways[w + 1], n_threads, &waits[w + 1]) / floor[i];
    }
    qsort(floor, ROUNDS, sizeof floor[0], by_value);
    printf("| %d | %.0f |", n_threads, floor[ROUNDS / 2]);
    for (int w = 0; w < 3; w++) {
        struct waits *these = &waits[w];

        turn = (w == 0 ? 1 : n_threads) / floor[ROUNDS / 2];
        qsort(these->list, these->n, sizeof(double), by_value);
        if (w > 0) {
            qsort(of[w - 1], ROUNDS, sizeof of[w - 1][0], by_value);
            printf(" **%.2f** | %.1f |", of[w - 1][ROUNDS / 2], (double)these->served / n_threads);
        }
        printf(" %.1f | %.1f |", these->list[these->n * 999 / 1000] / turn, these->list[these->n - 1] / turn);
        free(these->list);
    }
    printf("\n");
}

static void rates(const char *handle, const char *label)
{
    TSS2_TCTI_CONTEXT *tcti = NULL;

    must(Tss2_TctiLdr_Initialize(getenv("BENCH_TCTI"), &tcti) == 0 && Esys_Initialize(&esys, tcti, NULL) == 0 &&
             Esys_TR_FromTPMPublic(esys, (TPM2_HANDLE)strtoul(handle, NULL, 0), ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                   &esys_key) == 0,
         "ESYS");
    load_module(getenv("BENCH_MODULE"));
    p11_label = label;
    must(p11->C_Initialize(NULL) == CKR_OK, "C_Initialize");
    find_evp_key(label);
    is_rsa = EVP_PKEY_is_a(evp_key, "RSA") == 1;
    printf("| threads | ESYS alone, 1/s | 99.9 %% wait less, turns | longest "
           "| C_Sign, of it | served meanwhile, turns | 99.9 %% wait less | longest "
           "| EVP_DigestSign, of it | served meanwhile | 99.9 %% | longest |\n"
           "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
    rates_of(1);
    rates_of(2);
    rates_of(8);
    (void)p11->C_Finalize(NULL);
}

/* ---- opening ---- */

static CK_ULONG list_all(void)
{
    CK_SLOT_ID slots[64];
    CK_ULONG n = 64, all = 0, got;
    CK_OBJECT_HANDLE found[64];
    CK_SESSION_HANDLE session;

    must(p11->C_GetSlotList(CK_TRUE, slots, &n) == CKR_OK, "C_GetSlotList");
    for (CK_ULONG i = 0; i < n; i++) {
        if (p11->C_OpenSession(slots[i], CKF_SERIAL_SESSION, NULL, NULL, &session) != CKR_OK)
            continue;
        must(p11->C_FindObjectsInit(session, NULL, 0) == CKR_OK, "C_FindObjectsInit");
        do {
            must(p11->C_FindObjects(session, found, 64, &got) == CKR_OK, "C_FindObjects");
            all += got;
        } while (got != 0);
        (void)p11->C_FindObjectsFinal(session);
        (void)p11->C_CloseSession(session);
    }
    return all;
}

static void open_and_sign(const char *label)
{
    double times[5] = {now()}, finds[101];
    struct p11_own *own;
    CK_ULONG n;

    load_module(getenv("BENCH_MODULE"));
    times[1] = now();
    must(p11->C_Initialize(NULL) == CKR_OK, "C_Initialize");
    times[2] = now();
    n = list_all();
    times[3] = now();
    p11_label = label;
    own = p11_begin();
    p11_sign(own);
    times[4] = now();
    for (int i = 0; i < 101; i++) {
        finds[i] = now();
        (void)p11_find(own->session, label);
        finds[i] = now() - finds[i];
    }
    qsort(finds, 101, sizeof finds[0], by_value);
    printf("| %lu | %.2f | %.2f | %.2f | %.2f | %.1f |\n", n, (times[1] - times[0]) * 1e3, (times[2] - times[1]) * 1e3,
           (times[3] - times[2]) * 1e3, (times[4] - times[3]) * 1e3, finds[50] * 1e6);
}

static void list_memory(const char *module)
{
    struct rusage before, after;
    CK_ULONG n;

    (void)getrusage(RUSAGE_SELF, &before);
    load_module(module);
    must(p11->C_Initialize(NULL) == CKR_OK, "C_Initialize");
    n = list_all();
    (void)getrusage(RUSAGE_SELF, &after);
    printf("| %s | %lu | %ld |\n", strrchr(module, '/') + 1, n, after.ru_maxrss - before.ru_maxrss);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "rates") == 0)
        rates(argv[2], argv[3]);
    else if (argc == 3 && strcmp(argv[1], "open") == 0)
        open_and_sign(argv[2]);
    else if (argc == 3 && strcmp(argv[1], "list") == 0)
        list_memory(argv[2]);
    else
        return 2;
    return 0;
}
