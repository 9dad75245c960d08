/* SPDX-License-Identifier: BSD-2-Clause */
/* devid.so without its body, and how the two find each other. This program links none of the body's libraries. */
#include <malloc.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/store.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define REFERENCE "-----BEGIN DEVID KEY REFERENCE-----\nMAA=\n-----END DEVID KEY REFERENCE-----\n"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

static char built[512]; /* the folder of the build's modules */

struct loaded {
    OSSL_LIB_CTX *ctx;
    OSSL_PROVIDER *software, *ours;
};

/* Most of this program runs in children, where cmocka's own would go on with its next test. */
static void must(bool is_so, const char *what, int line)
{
    if (is_so)
        return;
    (void)fprintf(stderr, "line %d: not so: %s\n", line, what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

#define MUST(what) must((what), #what, __LINE__)

static struct loaded load(const char *folder)
{
    struct loaded l = {.ctx = OSSL_LIB_CTX_new()};

    MUST(OSSL_PROVIDER_set_default_search_path(l.ctx, folder) == 1);
    l.software = OSSL_PROVIDER_load(l.ctx, "default");
    l.ours = OSSL_PROVIDER_load(l.ctx, "devid");
    MUST(l.software != NULL && l.ours != NULL);
    return l;
}

static void unload(struct loaded *l)
{
    MUST(OSSL_PROVIDER_unload(l->ours) == 1);
    MUST(OSSL_PROVIDER_unload(l->software) == 1);
    OSSL_LIB_CTX_free(l->ctx);
}

/* How many lines of a file of /proc/self have one of the words. */
static unsigned count(const char *file, const char *const *words)
{
    FILE *in = fopen(file, "r");
    char line[1024];
    unsigned n = 0;

    MUST(in != NULL);
    while (fgets(line, sizeof line, in) != NULL)
        for (size_t i = 0; words[i] != NULL; i++)
            if (strstr(line, words[i]) != NULL) {
                n++;
                break;
            }
    (void)fclose(in);
    return n;
}

static bool has_body(void)
{
    static const char *const words[] = {"devid-provider.so", "libtss2", "libp11-kit", "libffi", "libinih", NULL};

    return count("/proc/self/maps", words) != 0;
}

/* Memory of this process that it shares with no other; -1 where the kernel does not tell. */
static long private_kilobytes(void)
{
    FILE *in = fopen("/proc/self/smaps_rollup", "r");
    char line[256];
    long found = -1;

    while (in != NULL && fgets(line, sizeof line, in) != NULL && sscanf(line, "Private_Dirty: %ld", &found) != 1)
        continue;
    if (in != NULL)
        (void)fclose(in);
    return found;
}

/* In a process of its own, where nothing has loaded the body yet. */
static void in_a_child(int (*does)(void))
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0)
        exit(does());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static bool hashes(OSSL_LIB_CTX *ctx)
{
    unsigned char digest[EVP_MAX_MD_SIZE], random[16];
    size_t len = 0;

    return EVP_Q_digest(ctx, "SHA256", NULL, "abc", 3, digest, &len) == 1 && digest[0] == 0xba &&
           RAND_bytes_ex(ctx, random, sizeof random, 0) == 1;
}

/* A key made, written, read and used, and nothing left in the error queue. */
static bool software_keys_work(OSSL_LIB_CTX *ctx)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(ctx, NULL, "EC", "P-256"), *again = NULL, *public = NULL;
    unsigned char sig[128], *spki = NULL;
    const unsigned char *at;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    BIO *pem = BIO_new(BIO_s_mem());
    size_t len = sizeof sig;
    int spki_len;
    bool ok = key != NULL && PEM_write_bio_PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL) == 1 &&
              (again = PEM_read_bio_PrivateKey_ex(pem, NULL, NULL, NULL, ctx, NULL)) != NULL &&
              EVP_DigestSignInit_ex(md, NULL, "SHA256", ctx, NULL, again, NULL) == 1 &&
              EVP_DigestSign(md, sig, &len, (const unsigned char *)"abc", 3) == 1;

    spki_len = i2d_PUBKEY(key, &spki);
    at = spki;
    ok = ok && spki_len > 0 && (public = d2i_PUBKEY_ex(NULL, &at, spki_len, ctx, NULL)) != NULL &&
         EVP_DigestVerifyInit_ex(md, NULL, "SHA256", ctx, NULL, public, NULL) == 1 &&
         EVP_DigestVerify(md, sig, len, (const unsigned char *)"abc", 3) == 1 && ERR_peek_error() == 0;
    OPENSSL_free(spki);
    EVP_MD_CTX_free(md);
    EVP_PKEY_free(public);
    EVP_PKEY_free(again);
    EVP_PKEY_free(key);
    BIO_free(pem);
    return ok;
}

static int is_active(const OSSL_PROVIDER *provider)
{
    int status = -1;
    OSSL_PARAM params[] = {OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, &status), OSSL_PARAM_END};

    MUST(OSSL_PROVIDER_get_params(provider, params) == 1);
    return status;
}

static int count_group(const OSSL_PARAM params[], void *arg)
{
    (void)params;
    ++*(unsigned *)arg;
    return 1;
}

/* ---- what most programs do ---- */

static int asks_what_is_answered_without_the_body(void)
{
    struct loaded l = load(built);
    char *name = NULL;
    uint64_t n_commands = 1;
    unsigned n_groups = 0;
    OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, &name, 0),
        OSSL_PARAM_uint64("tpm-commands", &n_commands),
        OSSL_PARAM_END,
    };

    MUST(OSSL_PROVIDER_get_params(l.ours, params) == 1);
    MUST(strcmp(name, "devid") == 0);
    MUST(n_commands == 0);
    MUST(is_active(l.ours) == 1);
    MUST(OSSL_PROVIDER_get_capabilities(l.ours, "TLS-GROUP", count_group, &n_groups) == 1);
    MUST(n_groups > 3);
    MUST(hashes(l.ctx));
    MUST(!has_body());
    unload(&l);
    MUST(!has_body());
    return 0;
}

static void a_program_without_keys_does_not_load_the_body(void **state)
{
    (void)state;
    in_a_child(asks_what_is_answered_without_the_body);
}

static int weighs_little(void)
{
    OSSL_LIB_CTX *ctx = OSSL_LIB_CTX_new();
    OSSL_PROVIDER *software, *ours;
    long before, more;

    MUST(OSSL_PROVIDER_set_default_search_path(ctx, built) == 1);
    software = OSSL_PROVIDER_load(ctx, "default");
    MUST(software != NULL && hashes(ctx));
    before = private_kilobytes();
    ours = OSSL_PROVIDER_load(ctx, "devid");
    MUST(ours != NULL && hashes(ctx));
    more = private_kilobytes() - before;
    (void)printf("# %ld kB more\n", more);
#ifndef SANITIZED
    MUST(more < 300);
#endif
    MUST(OSSL_PROVIDER_unload(ours) == 1 && OSSL_PROVIDER_unload(software) == 1);
    OSSL_LIB_CTX_free(ctx);
    return 0;
}

static void the_provider_takes_less_than_300_kb_of_a_program_without_keys(void **state)
{
    (void)state;
    if (private_kilobytes() < 0)
        skip();
    in_a_child(weighs_little);
}

/* ---- the body ---- */

static int asks_for_keys(void)
{
    struct loaded l = load(built);
    EVP_KEYMGMT *method = EVP_KEYMGMT_fetch(l.ctx, "EC", "provider=devid");

    MUST(method != NULL);
    MUST(has_body());
    EVP_KEYMGMT_free(method);
    MUST(software_keys_work(l.ctx));
    unload(&l);
    MUST(has_body()); /* a thread may be in it */
    return 0;
}

static void the_first_question_about_keys_loads_it(void **state)
{
    (void)state;
    in_a_child(asks_for_keys);
}

#define N_THREADS 8

struct racing {
    struct loaded *l;
    pthread_barrier_t *at_once;
    bool has_method;
};

static void *race(void *arg)
{
    static const char query[] = "provider=devid";
    struct racing *r = arg;
    EVP_KEYMGMT *method;
    EVP_SIGNATURE *signature;

    (void)pthread_barrier_wait(r->at_once);
    method = EVP_KEYMGMT_fetch(r->l->ctx, "RSA", query);
    signature = EVP_SIGNATURE_fetch(r->l->ctx, "ECDSA", query);
    r->has_method = method != NULL && signature != NULL;
    EVP_SIGNATURE_free(signature);
    EVP_KEYMGMT_free(method);
    return NULL;
}

static int asks_in_all_threads(void)
{
    struct loaded l = load(built);
    struct racing racers[N_THREADS];
    pthread_barrier_t at_once;
    pthread_t threads[N_THREADS];

    MUST(pthread_barrier_init(&at_once, NULL, N_THREADS) == 0);
    for (size_t i = 0; i < N_THREADS; i++) {
        racers[i] = (struct racing){&l, &at_once, false};
        MUST(pthread_create(&threads[i], NULL, race, &racers[i]) == 0);
    }
    for (size_t i = 0; i < N_THREADS; i++) {
        MUST(pthread_join(threads[i], NULL) == 0);
        MUST(racers[i].has_method);
    }
    (void)pthread_barrier_destroy(&at_once);
    unload(&l);
    return 0;
}

static void all_threads_may_be_the_first(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        in_a_child(asks_in_all_threads);
}

/* A program that is forked after it has read openssl.cnf: parent and child load the body each for themselves. */
static int asks_in_a_child(void)
{
    struct loaded l = load(built);
    int status = 1;
    pid_t pid = fork();

    if (pid == 0)
        _exit(EVP_KEYMGMT_fetch(l.ctx, "EC", "provider=devid") != NULL ? 0 : 1);
    if (waitpid(pid, &status, 0) != pid || status != 0 || has_body())
        return 1;
    unload(&l);
    return 0;
}

static void a_child_may_be_the_first(void **state)
{
    (void)state;
    in_a_child(asks_in_a_child);
}

static EVP_PKEY *late;

static void free_late(void)
{
    EVP_PKEY_free(late);
}

static int frees_a_key_after_libcrypto_has_ended(void)
{
    OSSL_PROVIDER *software, *ours;

    if (atexit(free_late) != 0) /* before libcrypto's own, so called after it */
        return 1;
    MUST(OSSL_PROVIDER_set_default_search_path(NULL, built) == 1);
    software = OSSL_PROVIDER_load(NULL, "default");
    ours = OSSL_PROVIDER_load(NULL, "devid");
    MUST(software != NULL && ours != NULL);
    late = EVP_PKEY_Q_keygen(NULL, "provider=devid", "EC", "P-256");
    MUST(late != NULL && OSSL_PROVIDER_unload(ours) == 1 && OSSL_PROVIDER_unload(software) == 1);
    return 0;
}

static void a_key_may_be_freed_after_libcrypto_has_ended(void **state)
{
    (void)state;
    in_a_child(frees_a_key_after_libcrypto_has_ended);
}

/*
 * Bytes that malloc has given away, with those it keeps for the thread's next calls: these grow, and end at some
 * 100 kB. Under AddressSanitizer 0: its LeakSanitizer looks there.
 */
static size_t bytes_in_use(void)
{
    struct mallinfo2 m = mallinfo2();

    return m.uordblks + m.hblkhd;
}

static int loads_a_thousand_times(void)
{
    static const char *const files[] = {"/", NULL};
    unsigned n_files = 0;
    size_t n_bytes = 0;

    for (int i = 0; i < 1000; i++) {
        struct loaded l = load(built);
        EVP_KEYMGMT *method = i % 10 == 0 ? EVP_KEYMGMT_fetch(l.ctx, "EC", "provider=devid") : NULL;

        if ((i % 10 == 0 && method == NULL) || (i % 100 == 0 && !software_keys_work(l.ctx)))
            return 1;
        EVP_KEYMGMT_free(method);
        unload(&l);
        if (i == 100) {
            n_files = count("/proc/self/maps", files);
            n_bytes = bytes_in_use();
        }
    }
    return count("/proc/self/maps", files) != n_files || bytes_in_use() > n_bytes + (size_t)899 * 256;
}

static void it_is_loaded_and_unloaded_a_thousand_times(void **state)
{
    (void)state;
    in_a_child(loads_a_thousand_times);
}

/* ---- when it cannot be loaded ---- */

/* A folder with a copy of devid.so, and with body as devid-provider.so if that is not NULL. */
static void make_folder(char folder[32], const char *body)
{
    char command[2048];

    (void)strcpy(folder, "/tmp/devid-front-XXXXXX");
    MUST(mkdtemp(folder) != NULL);
    (void)snprintf(command, sizeof command, "cp '%s/devid.so' %s", built, folder);
    MUST(system(command) == 0);
    (void)snprintf(command, sizeof command, "cp '%s/%s' %s/devid-provider.so", built, body, folder);
    MUST(body == NULL || system(command) == 0);
}

static void remove_folder(const char *folder)
{
    char command[64];

    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    MUST(system(command) == 0);
}

/* Empties the queue. How many errors of ours were in it, and the last one's sentence. */
static unsigned take_errors(char *sentence, size_t room)
{
    const char *data = NULL;
    unsigned long code;
    unsigned n = 0;
    int flags = 0;

    while ((code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0)
        if (ERR_lib_error_string(code) != NULL && strcmp(ERR_lib_error_string(code), "devid") == 0) {
            n++;
            (void)snprintf(sentence, room, "%s", data);
        }
    return n;
}

/* What is told when a key of the TPM is read. */
static unsigned read_reference(OSSL_LIB_CTX *ctx, char *sentence, size_t room)
{
    BIO *in = BIO_new_mem_buf(REFERENCE, -1);

    MUST(PEM_read_bio_PrivateKey_ex(in, NULL, NULL, NULL, ctx, NULL) == NULL);
    BIO_free(in);
    return take_errors(sentence, room);
}

static void must_be_lame(const struct loaded *l, const char *words)
{
    char sentence[512] = "";

    MUST(software_keys_work(l->ctx));
    MUST(is_active(l->ours) == 0);
    for (int i = 0; i < 2; i++) {
        bool is_told = read_reference(l->ctx, sentence, sizeof sentence) != 0;

        MUST(is_told || OpenSSL_version_num() >= 0x30200000); /* newer ones drop what is said before a decoder has begun */
        MUST(!is_told || (strstr(sentence, words) != NULL && strstr(sentence, "install devid again") != NULL));
    }
    sentence[0] = 0;
    MUST(OSSL_STORE_open_ex("handle:0x81000001", l->ctx, "provider=devid", NULL, NULL, NULL, NULL, NULL) == NULL);
    MUST(take_errors(sentence, sizeof sentence) != 0 && strstr(sentence, words) != NULL);
}

static int lacks_its_body(void)
{
    char folder[32], command[2048], sentence[512] = "";
    struct loaded l;

    make_folder(folder, NULL);
    l = load(folder);
    must_be_lame(&l, "devid-provider.so");

    (void)snprintf(command, sizeof command, "cp '%s/devid-provider.so' %s", built, folder);
    MUST(system(command) == 0);
    /* it is no reference; newer libcryptos keep the decoders that they found once */
    MUST(read_reference(l.ctx, sentence, sizeof sentence) == 1 || OpenSSL_version_num() >= 0x30200000);
    MUST(strstr(sentence, "install") == NULL);
    MUST(is_active(l.ours) == 1 || OpenSSL_version_num() >= 0x30200000);
    MUST(software_keys_work(l.ctx));
    unload(&l);
    remove_folder(folder);
    return 0;
}

static void without_it_software_keys_work_and_a_key_of_the_tpm_is_told_why_not(void **state)
{
    (void)state;
    in_a_child(lacks_its_body);
}

static int has_another_versions_body(void)
{
    char folder[32];
    struct loaded l;

    make_folder(folder, "libdevid-other-body.so");
    l = load(folder);
    must_be_lame(&l, "is of another version than devid.so");
    unload(&l);
    remove_folder(folder);
    return 0;
}

static void another_versions_body_is_not_used(void **state)
{
    (void)state;
    in_a_child(has_another_versions_body);
}

static int leaves_its_folder(void)
{
    char folder[32];
    EVP_KEYMGMT *method;
    struct loaded l;

    make_folder(folder, "devid-provider.so");
    MUST(chdir(folder) == 0);
    l = load(".");
    MUST(chdir("/") == 0);
    method = EVP_KEYMGMT_fetch(l.ctx, "EC", "provider=devid");
    MUST(method != NULL);
    EVP_KEYMGMT_free(method);
    unload(&l);
    remove_folder(folder);
    return 0;
}

static void a_program_that_leaves_its_folder_finds_it(void **state)
{
    (void)state;
    in_a_child(leaves_its_folder);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_without_keys_does_not_load_the_body),
        cmocka_unit_test(the_provider_takes_less_than_300_kb_of_a_program_without_keys),
        cmocka_unit_test(the_first_question_about_keys_loads_it),
        cmocka_unit_test(all_threads_may_be_the_first),
        cmocka_unit_test(a_child_may_be_the_first),
        cmocka_unit_test(a_key_may_be_freed_after_libcrypto_has_ended),
        cmocka_unit_test(it_is_loaded_and_unloaded_a_thousand_times),
        cmocka_unit_test(without_it_software_keys_work_and_a_key_of_the_tpm_is_told_why_not),
        cmocka_unit_test(another_versions_body_is_not_used),
        cmocka_unit_test(a_program_that_leaves_its_folder_finds_it),
    };

    if (getenv("DEVID_BUILD") == NULL || setenv("OPENSSL_CONF", "/dev/null", 1) != 0)
        return 77;
    (void)snprintf(built, sizeof built, "%s/.libs", getenv("DEVID_BUILD"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
