/* SPDX-License-Identifier: BSD-2-Clause */
/* What is put is there, whole, for everybody; what is damaged hides nothing else. */
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/cache.h"
#include "core/files.h"
#include "put.h"
#include "unit/folder.h"
#include "unit/shelf.h"

#define FILE_OF(label) "owner/" label ".pem"

/* ---- what is put is what is read ---- */

static void assert_same(const struct devid_identity *a, const struct devid_identity *b)
{
    assert_string_equal(a->token, b->token);
    assert_string_equal(a->label, b->label);
    assert_string_equal(a->public_label, b->public_label);
    assert_int_equal(a->role, b->role);
    assert_int_equal(a->key_place, b->key_place);
    assert_int_equal(a->handle, b->handle);
    assert_int_equal(a->parent, b->parent);
    assert_true(devid_slice_eq(a->blob, b->blob));
    assert_true(devid_slice_eq(a->object, b->object));
    assert_true(devid_slice_eq(a->made_by, b->made_by));
    assert_true(devid_slice_eq(devid_slice_of(a->pub.spki), devid_slice_of(b->pub.spki)));
    assert_true(devid_slice_eq(devid_slice_of(a->pub.area), devid_slice_of(b->pub.area)));
    assert_int_equal(a->cert_place, b->cert_place);
    assert_int_equal(a->nv_index, b->nv_index);
    assert_int_equal(a->n_chain, b->n_chain);
    for (size_t i = 0; i < a->n_chain; i++)
        assert_true(devid_slice_eq(a->chain[i].der, b->chain[i].der));
}

static void assert_put_and_read(struct shelf *s, struct sample *sample)
{
    struct devid_store *other;
    struct devid_snapshot *snap;

    must_put(s->store, &sample->identity);
    other = shelf_open(s); /* nothing but the folder tells it */
    snap = must_snapshot(other);
    assert_same(look_for(snap, sample->identity.label), &sample->identity);
    devid_snapshot_free(snap);
    devid_store_free(other);
}

static void a_wrapped_key_is_read_as_it_was_put(void **state)
{
    struct sample sample = sample_make("azure:device-id", "P-256", 0);

    assert_put_and_read(*state, &sample);
    sample_certify(&sample, "first");
    assert_put_and_read(*state, &sample);
    sample_certify(&sample, "second");
    assert_put_and_read(*state, &sample);
    assert_true(folder_has(((struct shelf *)*state)->state, "owner/azure%3Adevice-id.pem"));
    sample_free(&sample);
}

static void a_key_at_a_handle_is_read_with_attributes_and_saved_object(void **state)
{
    static const unsigned char object[] = "a saved ESYS object", template[] = "a TPMT_PUBLIC";
    struct sample sample = sample_make("azure:ldevid", "P-384", 0x81000002);

    sample.identity.object = SLICE(object);
    sample.identity.made_by = SLICE(template);
    sample_certify(&sample, "ldevid");
    assert_put_and_read(*state, &sample);
    sample_free(&sample);
    sample = sample_make("rsa", "RSA", 0x81000003);
    sample.identity.object = SLICE(object);
    assert_put_and_read(*state, &sample);
    sample_free(&sample);
}

static void a_certificate_in_nv_is_known_without_the_tpm(void **state)
{
    struct sample sample = sample_make("x", "P-256", 0x81000002);

    sample_certify(&sample, "x");
    sample.identity.cert_place = DEVID_PLACE_NV;
    sample.identity.nv_index = 0x01c90000;
    assert_put_and_read(*state, &sample);
    sample_free(&sample);
}

static void names_of_two_halves_and_ids_of_clients_are_kept(void **state)
{
    static const unsigned char id[] = {0, 1, 2, 0xff};
    struct sample sample = sample_make("the key", "P-256", 0);
    struct shelf *s = *state;
    const struct devid_query by_public_label = {.label = "its public half"}, by_id = {.id = SLICE(id)};
    const struct devid_identity *found;
    struct devid_snapshot *snap;

    sample.identity.public_label = "its public half";
    sample.identity.id = SLICE(id);
    assert_put_and_read(s, &sample);
    snap = must_snapshot(s->store);
    assert_int_equal(devid_snapshot_find(snap, &by_public_label, &found, NULL), DEVID_OK);
    assert_string_equal(found->label, "the key");
    assert_int_equal(devid_snapshot_find(snap, &by_id, &found, NULL), DEVID_OK);
    assert_true(devid_slice_eq(found->id, SLICE(id)));
    devid_snapshot_free(snap);
    sample_free(&sample);
}

/* RFC 5280, section 4.2.1.2 (1): what most CAs take for the subjectKeyIdentifier. */
static void the_usual_id_is_the_certificates_subject_key_identifier(void **state)
{
    static const char *const types[] = {"P-256", "P-384", "RSA"};
    struct shelf *s = *state;

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct sample sample = sample_make("x", types[i], 0);
        struct devid_snapshot *snap;
        const ASN1_OCTET_STRING *ski;
        const unsigned char *at;
        X509 *x;

        sample_certify(&sample, "x");
        must_put(s->store, &sample.identity);
        at = sample.cert.data;
        x = d2i_X509(NULL, &at, (long)sample.cert.len);
        ski = X509_get0_subject_key_id(x);
        snap = must_snapshot(s->store);
        assert_int_equal(look_for(snap, "x")->id.len, 20);
        assert_memory_equal(look_for(snap, "x")->id.data, ASN1_STRING_get0_data(ski), 20);
        devid_snapshot_free(snap);
        X509_free(x);
        sample_free(&sample);
    }
}

static void labels_of_any_bytes_are_files_of_their_own(void **state)
{
    static const char *const labels[] = {".", "..", "a/b", "a%2Fb", " x ", "\xc3\xa4\xff", "-----BEGIN", "a: b", "A", "a"};
    struct sample sample = sample_make("x", "P-256", 0);
    struct shelf *s = *state;
    struct devid_snapshot *snap;

    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        sample.identity.label = sample.identity.public_label = labels[i];
        must_put(s->store, &sample.identity);
    }
    snap = must_snapshot(s->store);
    assert_int_equal(count_identities(snap), sizeof labels / sizeof labels[0]);
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++)
        assert_string_equal(look_for(snap, labels[i])->label, labels[i]);
    devid_snapshot_free(snap);
    sample_free(&sample);
}

/* ---- what is refused ---- */

static void what_cannot_be_kept_is_refused_and_nothing_is_written(void **state)
{
    struct sample sample = sample_make("x", "P-256", 0), other = sample_make("y", "P-256", 0);
    char name[300];
    struct devid_identity wrong;
    struct shelf *s = *state;
    struct devid_error err = {0};

    sample_certify(&other, "other");
    wrong = sample.identity;
    wrong.chain = other.chain;
    wrong.n_chain = 1;
    assert_int_equal(put_identity(s->store, &wrong, &err), DEVID_E_DATA);
    assert_string_equal(err.text, "x: the certificate is for another key");
    wrong.n_chain = DEVID_CHAIN_MAX + 1;
    assert_int_equal(put_identity(s->store, &wrong, &err), DEVID_E_DATA);
    wrong = sample.identity;
    wrong.label = "";
    assert_int_equal(put_identity(s->store, &wrong, NULL), DEVID_E_ARG);
    wrong.label = "x\nhandle: 0x81000001";
    assert_int_equal(put_identity(s->store, &wrong, NULL), DEVID_E_ARG);
    wrong.label = "x";
    wrong.public_label = "x\nhandle: 0x81000001";
    assert_int_equal(put_identity(s->store, &wrong, NULL), DEVID_E_ARG);
    wrong.public_label = NULL;
    wrong.blob = (struct devid_slice){0};
    assert_int_equal(put_identity(s->store, &wrong, NULL), DEVID_E_ARG);
    wrong.blob = sample.identity.blob;
    memset(name, 'x', sizeof name);
    name[252] = 0;
    wrong.label = name;
    assert_int_equal(put_identity(s->store, &wrong, NULL), DEVID_E_ARG);
    for (size_t i = 0; i < 2; i++) {
        static const char *const tokens[] = {"", "two\nlines"};

        wrong.label = "x";
        wrong.token = tokens[i];
        assert_int_equal(put_identity(s->store, &wrong, NULL), DEVID_E_ARG);
    }
    assert_int_equal(folder_count(s->folder), 2); /* devid.conf, state */
    assert_true(folder_count(s->state) <= 1);
    (void)snprintf(name, sizeof name, "%s/owner", s->state);
    assert_int_equal(folder_count(name), 0);
    wrong.token = "owner";
    name[251] = 0;
    memset(name, 'x', 251);
    wrong.label = name;
    must_put(s->store, &wrong);
    wrong.token = "../.cache"; /* no name leads out of the folder, or to what is no token's */
    must_put(s->store, &wrong);
    (void)snprintf(name, sizeof name, "%s/%%2E.%%2F.cache", s->state);
    assert_int_equal(folder_count(name), 1);
    sample_free(&sample);
    sample_free(&other);
}

/* A server sends a chain of any size: what no reader would take is not written, and the key stays in its file. */
static void a_chain_that_no_reader_would_take_is_refused_and_the_identity_stays(void **state)
{
    static unsigned char big[0x4000] = {0x30, 0x82, 0x3f, 0xfc};
    struct sample sample = sample_make("x", "P-256", 0);
    struct devid_cert chain[DEVID_CHAIN_MAX];
    struct shelf *s = *state;
    struct devid_snapshot *snap;
    struct devid_error err = {0};
    struct devid_identity next;

    sample_certify(&sample, "x");
    must_put(s->store, &sample.identity);
    next = sample.identity;
    chain[0] = sample.chain[0];
    for (size_t i = 1; i < DEVID_CHAIN_MAX; i++)
        chain[i] = (struct devid_cert){.der = {big, sizeof big}};
    next.chain = chain;
    next.n_chain = DEVID_CHAIN_MAX;
    assert_int_equal(put_identity(s->store, &next, &err), DEVID_E_DATA);
    assert_non_null(strstr(err.text, "x: with its certificates"));
    next = sample.identity;
    next.public_label = memset(big, 'x', sizeof big - 1); /* a client's; that is long, and not too long */
    must_put(s->store, &next);
    snap = must_snapshot(s->store);
    assert_non_null(look_for(snap, "x"));
    devid_snapshot_free(snap);
    sample_free(&sample);
}

/* ---- what is damaged ---- */

static void an_identity_cut_off_anywhere_hides_no_other(void **state)
{
    struct sample handle = sample_make("cut", "P-256", 0x81000002), good = sample_make("good", "P-256", 0);
    struct shelf *s = *state;
    struct devid_bytes whole;
    size_t n_seen = 0;

    sample_certify(&handle, "x");
    must_put(s->store, &handle.identity);
    must_put(s->store, &good.identity);
    whole = folder_read(s->state, FILE_OF("cut"));
    for (size_t len = 0; len < whole.len; len++) {
        struct devid_snapshot *snap;

        folder_write(s->state, FILE_OF("cut"), (struct devid_slice){whole.data, len});
        devid_store_free(s->store); /* a change in place shows in no folder's time: none of ours makes one */
        s->store = shelf_open(s);
        snap = must_snapshot(s->store);
        assert_non_null(look_for(snap, "good"));
        if (look_for(snap, "cut") != NULL) { /* cut between its blocks: with its key, whole */
            assert_true(devid_slice_eq(devid_slice_of(look_for(snap, "cut")->pub.spki), devid_slice_of(handle.spki)));
            n_seen++;
        }
        devid_snapshot_free(snap);
    }
    assert_true(n_seen > 0 && n_seen < 40);
    devid_bytes_free(&whole);
    sample_free(&handle);
    sample_free(&good);
}

static void files_that_are_no_identity_are_passed_over(void **state)
{
    static const struct {
        const char *name, *text;
    } files[] = {
        {"owner/empty.pem", ""},
        {"owner/nolabel.pem", "format: 1\n"},
        {"owner/a.pem", "label: a\nhandle: 0\n"},
        {"owner/b.pem", "label: b\nhandle: 0x181000002\n"},
        {"owner/c.pem", "label: c\nhandle: 0x80000002\n"},
        {"owner/d.pem", "label: d\n-----BEGIN TSS2 PRIVATE KEY-----\n!!\n-----END TSS2 PRIVATE KEY-----\n"},
        {"owner/README", "label: readme\n"},
        {"owner/folder.pem/x", ""},
        {"loose.pem", "label: loose\n"},
        {".hidden/x.pem", "label: x\n"},
    };
    struct sample good = sample_make("good", "P-256", 0);
    struct shelf *s = *state;
    struct devid_bytes file;
    struct devid_snapshot *snap;

    must_put(s->store, &good.identity);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        folder_write_text(s->state, files[i].name, files[i].text);
    file = folder_read(s->state, FILE_OF("good"));
    folder_write(s->state, "owner/copy.pem", devid_slice_of(file)); /* two of one name would be in each other's way */
    folder_write(s->state, ".hidden/good.pem", devid_slice_of(file));
    memcpy(strstr((char *)file.data, "format: 1"), "format: 2", 9);
    memcpy(strstr((char *)file.data, "good"), "newf", 4);
    folder_write(s->state, "owner/newf.pem", devid_slice_of(file)); /* a newer version's */
    snap = must_snapshot(s->store);
    assert_int_equal(count_identities(snap), 1);
    assert_non_null(look_for(snap, "good"));
    devid_snapshot_free(snap);
    good.identity.label = good.identity.public_label = "newf";
    assert_int_equal(put_identity(s->store, &good.identity, NULL), DEVID_E_DATA); /* nor is it written over */
    devid_bytes_free(&file);
    sample_free(&good);
}

/* The remedy of "not on this device" would make another key. */
static void who_finds_nothing_is_told_of_the_file_that_is_damaged(void **state)
{
    const struct devid_query by_label = {.label = "cut"}, by_token = {.token = "owner", .label = "cut"}, other = {.label = "other"},
                             elsewhere = {.token = "tpm", .label = "cut"}, by_handle = {.handle = 0x81000002}, any = {.token = "owner"};
    struct sample cut = sample_make("cut", "P-256", 0x81000002);
    const struct devid_identity *found;
    struct devid_snapshot *snap = NULL;
    struct devid_error err = {0};
    struct shelf *s = *state;
    struct devid_bytes whole;

    must_put(s->store, &cut.identity);
    whole = folder_read(s->state, FILE_OF("cut"));
    folder_write(s->state, FILE_OF("cut"), (struct devid_slice){whole.data, 12});
    for (int i = 0; i < 2; i++) {
        assert_int_equal(devid_store_find(s->store, i == 0 ? &by_label : &by_token, &snap, &found, &err), DEVID_E_DATA);
        assert_non_null(strstr(err.text, "cut: "));
        assert_non_null(strstr(err.text, "/owner/cut.pem is damaged: it has no label; put it back from a copy"));
    }
    assert_int_equal(devid_store_find(s->store, &any, &snap, &found, &err), DEVID_E_DATA);
    assert_int_equal(devid_store_find(s->store, &other, &snap, &found, &err), DEVID_E_ABSENT);
    assert_int_equal(devid_store_find(s->store, &elsewhere, &snap, &found, &err), DEVID_E_ABSENT);
    assert_int_equal(devid_store_find(s->store, &by_handle, &snap, &found, &err), DEVID_E_ABSENT); /* the TPM may have it */
    (void)nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL); /* the folder is settled */
    assert_int_equal(devid_store_find(s->store, &other, &snap, &found, &err), DEVID_E_ABSENT);
    folder_write(s->state, FILE_OF("cut"), devid_slice_of(whole));
    assert_int_equal(devid_store_find(s->store, &by_label, &snap, &found, &err), DEVID_OK); /* as soon as it is mended, in place */
    devid_snapshot_free(snap);
    devid_bytes_free(&whole);
    sample_free(&cut);
}

static void a_certificate_for_another_key_is_not_shown_with_this_one(void **state)
{
    struct sample one = sample_make("one", "P-256", 0), two = sample_make("two", "P-256", 0);
    struct shelf *s = *state;
    struct devid_bytes file, pem = {0};
    struct devid_snapshot *snap;

    must_put(s->store, &one.identity);
    sample_certify(&two, "two");
    must_put(s->store, &two.identity);
    file = folder_read(s->state, FILE_OF("one"));
    pem = folder_read(s->state, FILE_OF("two"));
    assert_int_equal(devid_bytes_append(&file, (struct devid_slice){(unsigned char *)strstr((char *)pem.data, "-----BEGIN CERT"),
                                                                    strlen(strstr((char *)pem.data, "-----BEGIN CERT"))},
                                        NULL),
                     DEVID_OK);
    folder_write(s->state, FILE_OF("one"), devid_slice_of(file));
    snap = must_snapshot(s->store);
    assert_null(look_for(snap, "one"));
    assert_non_null(look_for(snap, "two"));
    devid_snapshot_free(snap);
    devid_bytes_free(&file);
    devid_bytes_free(&pem);
    sample_free(&one);
    sample_free(&two);
}

static void a_later_versions_fields_and_blocks_survive(void **state)
{
    static const char later[] = "-----BEGIN LATER-----\nAQID\n-----END LATER-----\n";
    struct sample sample = sample_make("x", "P-256", 0);
    struct shelf *s = *state;
    struct devid_bytes file, text = {0};

    must_put(s->store, &sample.identity);
    file = folder_read(s->state, FILE_OF("x"));
    assert_int_equal(devid_bytes_append(&text, TEXT("from-later: some value\n"), NULL), DEVID_OK);
    assert_int_equal(devid_bytes_append(&text, devid_slice_of(file), NULL), DEVID_OK);
    assert_int_equal(devid_bytes_append(&text, TEXT(later), NULL), DEVID_OK);
    folder_write(s->state, FILE_OF("x"), devid_slice_of(text));
    devid_bytes_free(&file);
    devid_bytes_free(&text);
    for (int i = 0; i < 3; i++) {
        sample_certify(&sample, "renewed");
        must_put(s->store, &sample.identity);
    }
    text = folder_read(s->state, FILE_OF("x"));
    assert_ptr_equal(strstr((char *)text.data, "from-later: some value\n"), (char *)text.data);
    assert_non_null(strstr((char *)text.data, later));
    assert_null(strstr(strstr((char *)text.data, later) + 1, later)); /* once */
    assert_non_null(strstr((char *)text.data, "-----BEGIN CERTIFICATE"));
    assert_null(strstr(strstr((char *)text.data, "-----BEGIN CERTIFICATE") + 1, "-----BEGIN CERTIFICATE"));
    devid_bytes_free(&text);
    sample_free(&sample);
}

/* ---- the cache ---- */

static void the_cache_may_be_deleted_damaged_or_of_another_key(void **state)
{
    struct sample sample = sample_make("x", "P-256", 0x81000002), other = sample_make("y", "P-256", 0x81000002);
    static const char *const contents[] = {"", "public: zz\n", "public: 0004000100\nobject: 00\n", "nothing\n"};
    struct shelf *s = *state;
    struct devid_bytes others;

    must_put(s->store, &other.identity);
    others = folder_read(s->state, ".cache/0x81000002");
    must_put(s->store, &sample.identity);
    for (size_t i = 0; i <= sizeof contents / sizeof contents[0]; i++) {
        struct devid_store *store = shelf_open(s);
        struct devid_snapshot *snap;

        if (i < sizeof contents / sizeof contents[0])
            folder_write_text(s->state, ".cache/0x81000002", contents[i]);
        else
            folder_write(s->state, ".cache/0x81000002", devid_slice_of(others));
        snap = must_snapshot(store);
        assert_int_equal(look_for(snap, "x")->pub.area.len, 0); /* unknown, not another's */
        assert_int_equal(look_for(snap, "x")->object.len, 0);
        assert_true(devid_slice_eq(devid_slice_of(look_for(snap, "x")->pub.spki), devid_slice_of(sample.spki)));
        devid_snapshot_free(snap);
        devid_store_free(store);
    }
    devid_bytes_free(&others);
    sample_free(&sample);
    sample_free(&other);
}

static void the_cache_gives_what_was_put_and_forgets_what_is_dropped(void **state)
{
    struct shelf *s = *state;
    struct devid_store *other;
    struct devid_bytes area = {0}, object = {0};

    assert_int_equal(devid_cache_get(s->store, 0x81000001, &area, &object, NULL), DEVID_E_ABSENT);
    devid_cache_put(s->store, 0x81000001, TEXT("area"), (struct devid_slice){0});
    devid_cache_put(s->store, 0x81000001, (struct devid_slice){0}, TEXT("object"));
    other = shelf_open(s);
    assert_int_equal(devid_cache_get(other, 0x81000001, &area, &object, NULL), DEVID_OK);
    assert_string_equal((char *)area.data, "area");
    assert_string_equal((char *)object.data, "object");
    devid_bytes_free(&area);
    devid_bytes_free(&object);
    assert_int_equal(devid_cache_get(other, 0x81000001, NULL, NULL, NULL), DEVID_OK);
    devid_cache_drop(other, 0x81000001);
    assert_int_equal(devid_cache_get(other, 0x81000001, &area, &object, NULL), DEVID_E_ABSENT);
    assert_false(folder_has(s->state, ".cache/0x81000001"));
    devid_store_free(other);
    /* a folder that cannot be written: this process knows nevertheless */
    folder_write_text(s->folder, "devid.conf", "[device]\nstate = /proc/self/devid\n");
    other = shelf_open(s);
    devid_cache_put(other, 0x81000001, TEXT("area"), TEXT("object"));
    assert_int_equal(devid_cache_get(other, 0x81000001, &area, NULL, NULL), DEVID_OK);
    devid_bytes_free(&area);
    devid_store_free(other);
}

/* ---- many ---- */

static double seconds_since(const struct timespec *from)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - from->tv_sec) + (double)(now.tv_nsec - from->tv_nsec) / 1e9;
}

static void a_thousand_identities_are_listed_in_order_and_found(void **state)
{
    struct sample sample = sample_make("n0000", "P-256", 0);
    const struct timespec settle = {.tv_nsec = 30000000};
    char label[16], name[32];
    struct shelf *s = *state;
    struct devid_bytes file;
    struct devid_snapshot *snap, *again;
    const struct devid_identity *at = NULL;
    struct timespec from;

    must_put(s->store, &sample.identity);
    file = folder_read(s->state, FILE_OF("n0000"));
    for (int i = 999; i > 0; i--) {
        (void)snprintf(label, sizeof label, "n%04d", i);
        (void)snprintf(name, sizeof name, "owner/%s.pem", label);
        memcpy(strstr((char *)file.data, "label: n") + 7, label, 5);
        folder_write(s->state, name, devid_slice_of(file));
    }
    (void)nanosleep(&settle, NULL);
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    snap = must_snapshot(s->store);
    print_message("# 1,000 identities are read in %.1f ms\n", 1e3 * seconds_since(&from));
    for (int i = 0; i < 1000; i++) {
        at = devid_snapshot_next(snap, at);
        (void)snprintf(label, sizeof label, "n%04d", i);
        assert_string_equal(at->label, label);
        assert_ptr_equal(look_for(snap, label), at);
    }
    assert_null(devid_snapshot_next(snap, at));
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    for (int i = 0; i < 1000; i++) {
        again = must_snapshot(s->store);
        assert_ptr_equal(again, snap);
        devid_snapshot_free(again);
    }
    print_message("# and once read, looked after in %.1f us\n", 1e3 * seconds_since(&from));
    devid_snapshot_free(snap);
    devid_bytes_free(&file);
    sample_free(&sample);
}

static void who_is_not_there_is_told_by_what_was_asked(void **state)
{
    struct shelf *s = *state;
    const struct devid_query by_label = {.label = "azure:ldevid"}, by_handle = {.handle = 0x81000002},
                             by_token = {.token = "customer"};
    struct devid_snapshot *snap = must_snapshot(s->store), *other = NULL;
    const struct devid_identity *found;
    struct devid_error err = {0};

    assert_int_equal(devid_snapshot_find(snap, &by_label, &found, &err), DEVID_E_ABSENT);
    assert_string_equal(err.text, "azure:ldevid is not on this device: run \"devid provision\", or see \"devid list\"");
    assert_int_equal(devid_store_find(s->store, &by_handle, &other, &found, &err), DEVID_E_ABSENT);
    assert_string_equal(err.text, "no identity of this device has its key at 0x81000002");
    assert_int_equal(devid_store_find(s->store, &by_token, &other, &found, &err), DEVID_E_ABSENT);
    assert_null(other);
    assert_int_equal(count_identities(snap), 0);
    assert_null(devid_snapshot_next(snap, NULL));
    devid_snapshot_free(snap);
    devid_snapshot_free(NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, shelf_make, shelf_end)
    const struct CMUnitTest tests[] = {
        TEST(a_wrapped_key_is_read_as_it_was_put),
        TEST(a_key_at_a_handle_is_read_with_attributes_and_saved_object),
        TEST(a_certificate_in_nv_is_known_without_the_tpm),
        TEST(names_of_two_halves_and_ids_of_clients_are_kept),
        TEST(the_usual_id_is_the_certificates_subject_key_identifier),
        TEST(labels_of_any_bytes_are_files_of_their_own),
        TEST(what_cannot_be_kept_is_refused_and_nothing_is_written),
        TEST(a_chain_that_no_reader_would_take_is_refused_and_the_identity_stays),
        TEST(an_identity_cut_off_anywhere_hides_no_other),
        TEST(files_that_are_no_identity_are_passed_over),
        TEST(who_finds_nothing_is_told_of_the_file_that_is_damaged),
        TEST(a_certificate_for_another_key_is_not_shown_with_this_one),
        TEST(a_later_versions_fields_and_blocks_survive),
        TEST(the_cache_may_be_deleted_damaged_or_of_another_key),
        TEST(the_cache_gives_what_was_put_and_forgets_what_is_dropped),
        TEST(a_thousand_identities_are_listed_in_order_and_found),
        TEST(who_is_not_there_is_told_by_what_was_asked),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
