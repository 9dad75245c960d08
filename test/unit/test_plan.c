/* SPDX-License-Identifier: BSD-2-Clause */
/* The plan is what makes a device match its file: tried for every state that one can be in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "plan.h"

#define NOW INT64_C(1800000000)
#define DAY INT64_C(86400)
#define GRACE (7 * DAY)

static const char *const no_headers[] = {NULL};

static const struct devid_conf_identity life[] = {
    {.name = "device-id", .token = "owner", .role = DEVID_ROLE_CLIENT, .alg = DEVID_EC, .bits = 256, .est = "https://field",
     .authenticate = "ldevid", .cert_place = DEVID_PLACE_FILE, .grace = GRACE, .renew_after = 80, .headers = no_headers},
    {.name = "ldevid", .token = "owner", .role = DEVID_ROLE_LDEVID, .alg = DEVID_EC, .bits = 256, .handle = 0x81000002,
     .est = "https://factory", .authenticate = "idevid", .cert_place = DEVID_PLACE_FILE, .grace = GRACE, .renew_after = 80,
     .pem = "/x/ldevid.pem", .headers = no_headers},
    {.name = "idevid", .token = "manufacturer", .role = DEVID_ROLE_IDEVID, .alg = DEVID_EC, .bits = 256,
     .handle = 0x81020000, .est = "https://maker", .cert_place = DEVID_PLACE_NV, .nv_index = 0x01c90000,
     .grace = GRACE, .renew_after = 80, .headers = no_headers},
    {.name = "ek", .token = "manufacturer", .role = DEVID_ROLE_EK, .handle = 0x81010001, .cert_place = DEVID_PLACE_NV,
     .nv_index = 0x01c00002, .grace = GRACE, .renew_after = 80, .headers = no_headers},
};
enum { DEVICE_ID, LDEVID, IDEVID, EK, N };

static const struct devid_conf conf = {.path = "devid.conf", .identities = life, .n_identities = N};

const struct devid_conf_identity *devid_conf_find(const struct devid_conf *c, const char *name)
{
    for (size_t i = 0; i < c->n_identities; i++)
        if (strcmp(c->identities[i].name, name) == 0)
            return &c->identities[i];
    return NULL;
}

static void complete(struct plan_found found[N])
{
    const struct plan_found key = {.has_key = true, .alg = DEVID_EC, .bits = 256, .has_cert = true,
                                   .not_before = NOW - DAY, .not_after = NOW + 30 * DAY, .due = NOW + DAY, .has_pem = true,
                                   .has_told = true};

    for (size_t i = 0; i < N; i++) {
        found[i] = key;
        found[i].handle = life[i].handle;
        found[i].cert_in_nv = life[i].cert_place == DEVID_PLACE_NV;
    }
    found[IDEVID].not_after = DEVID_CERT_NEVER;
    found[IDEVID].due = INT64_MAX;
}

static void assert_steps(const struct plan_found *found, const struct plan_step *expected, size_t n_expected)
{
    struct plan_step steps[N * PLAN_STEPS_EACH];
    size_t n = plan_make(&conf, found, NOW, steps);

    assert_int_equal(n, n_expected);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(steps[i].identity, expected[i].identity);
        assert_int_equal(steps[i].action, expected[i].action);
    }
}

static void an_empty_device_is_made_in_the_order_of_trust(void **state)
{
    const struct plan_found nothing[N] = {{0}};
    static const struct plan_step expected[] = {
        {PLAN_ABSENT, EK},        {PLAN_MAKE_KEY, IDEVID},  {PLAN_ENROLL, IDEVID},   {PLAN_WRITE_NV, IDEVID},
        {PLAN_MAKE_KEY, LDEVID},  {PLAN_PERSIST, LDEVID},   {PLAN_ENROLL, LDEVID},   {PLAN_WRITE_PEM, LDEVID},
        {PLAN_MAKE_KEY, DEVICE_ID}, {PLAN_ENROLL, DEVICE_ID},
    };

    (void)state;
    assert_steps(nothing, expected, sizeof expected / sizeof expected[0]);
}

static void a_device_that_matches_has_an_empty_plan(void **state)
{
    struct plan_found found[N];

    (void)state;
    complete(found);
    assert_steps(found, NULL, 0);
}

/* Wherever a run was killed, the next plan contains what is missing and nothing that is there. */
static void every_half_made_identity_is_finished(void **state)
{
    struct plan_found found[N];

    (void)state;
    complete(found);
    found[LDEVID].has_cert = false;
    found[LDEVID].handle = 0;
    found[LDEVID].has_pem = false;
    assert_steps(found, (struct plan_step[]){{PLAN_PERSIST, LDEVID}, {PLAN_ENROLL, LDEVID}, {PLAN_WRITE_PEM, LDEVID}}, 3);
    found[LDEVID].handle = 0x81000002;
    assert_steps(found, (struct plan_step[]){{PLAN_ENROLL, LDEVID}, {PLAN_WRITE_PEM, LDEVID}}, 2);
    found[LDEVID].has_cert = true;
    assert_steps(found, (struct plan_step[]){{PLAN_WRITE_PEM, LDEVID}}, 1);

    complete(found);
    found[IDEVID].cert_in_nv = false;
    assert_steps(found, (struct plan_step[]){{PLAN_WRITE_NV, IDEVID}}, 1);
}

static void a_certificate_is_renewed_from_its_time_on_and_enrolled_anew_when_it_is_too_late(void **state)
{
    struct plan_found found[N];

    (void)state;
    complete(found);
    found[DEVICE_ID].due = NOW + 1;
    assert_steps(found, NULL, 0);
    found[DEVICE_ID].due = NOW;
    assert_steps(found, (struct plan_step[]){{PLAN_RENEW, DEVICE_ID}}, 1);
    found[DEVICE_ID].retry = NOW + 1; /* it failed, and others are let go first */
    assert_steps(found, NULL, 0);
    found[DEVICE_ID].retry = NOW;
    assert_steps(found, (struct plan_step[]){{PLAN_RENEW, DEVICE_ID}}, 1);
    found[DEVICE_ID].retry = NOW + 1;
    found[DEVICE_ID].not_after = NOW;
    assert_steps(found, (struct plan_step[]){{PLAN_ENROLL, DEVICE_ID}}, 1);
}

/* At every moment one of the two keys is at the handle that the file names, or the new one is on its way there. */
static void a_renewed_key_gets_the_handle_when_the_grace_time_of_the_old_one_is_over(void **state)
{
    struct plan_found found[N];

    (void)state;
    complete(found);
    found[LDEVID].due = NOW;
    assert_steps(found, (struct plan_step[]){{PLAN_RENEW, LDEVID}, {PLAN_WRITE_PEM, LDEVID}}, 2);
    complete(found);
    found[LDEVID].handle = 0;
    found[LDEVID].has_previous = true;
    found[LDEVID].previous_handle = life[LDEVID].handle;
    found[LDEVID].replaced = NOW - GRACE + 1;
    assert_steps(found, NULL, 0);
    found[LDEVID].due = NOW; /* once more within the grace time: the oldest of the three goes, and nothing holds the handle */
    assert_steps(found, (struct plan_step[]){{PLAN_RENEW, LDEVID}, {PLAN_PERSIST, LDEVID}, {PLAN_WRITE_PEM, LDEVID}}, 3);
    found[LDEVID].due = NOW + 1;
    found[LDEVID].replaced = NOW - GRACE;
    assert_steps(found, (struct plan_step[]){{PLAN_END_GRACE, LDEVID}, {PLAN_PERSIST, LDEVID}}, 2);
    found[LDEVID].has_previous = false; /* killed between the two */
    found[LDEVID].previous_handle = 0;
    assert_steps(found, (struct plan_step[]){{PLAN_PERSIST, LDEVID}}, 1);
}

static void who_uses_a_certificate_is_told_until_it_succeeds(void **state)
{
    struct devid_conf_identity told = life[DEVICE_ID];
    const struct devid_conf one = {.path = "x", .identities = &told, .n_identities = 1};
    struct plan_found found[N];
    struct plan_step steps[PLAN_STEPS_EACH];

    (void)state;
    told.authenticate = NULL;
    told.on_renew = "systemctl reload nginx";
    complete(found);
    assert_int_equal(plan_make(&one, found, NOW, steps), 0);
    found[0].has_told = false;
    assert_int_equal(plan_make(&one, found, NOW, steps), 1);
    assert_int_equal(steps[0].action, PLAN_HOOK);
    found[0].due = NOW;
    told.grace = 0;
    assert_int_equal(plan_make(&one, found, NOW, steps), 3);
    assert_int_equal(steps[0].action, PLAN_RENEW);
    assert_int_equal(steps[1].action, PLAN_END_GRACE);
    assert_int_equal(steps[2].action, PLAN_HOOK);
    told.renews_same_key = true; /* then there is no old pair */
    assert_int_equal(plan_make(&one, found, NOW, steps), 2);
}

static void a_key_that_contradicts_the_file_is_left_to_a_person(void **state)
{
    struct plan_found found[N];

    (void)state;
    complete(found);
    found[LDEVID].alg = DEVID_RSA;
    found[LDEVID].bits = 2048;
    assert_steps(found, (struct plan_step[]){{PLAN_CONFLICT, LDEVID}}, 1);
    complete(found);
    found[LDEVID].handle = 0x81000003;
    assert_steps(found, (struct plan_step[]){{PLAN_CONFLICT, LDEVID}}, 1);
}

static void a_key_is_no_contradiction_only_if_it_is_for_spire_too(void **state)
{
    const struct devid_conf_identity want = {.name = "spire", .role = DEVID_ROLE_CLIENT, .bits = 256, .for_spire = true};
    const struct devid_conf one = {.identities = &want, .n_identities = 1};
    struct plan_found found = {.has_key = true, .alg = DEVID_EC, .bits = 256};
    struct plan_step steps[PLAN_STEPS_EACH];

    (void)state;
    assert_int_equal(plan_make(&one, &found, NOW, steps), 1);
    assert_int_equal(steps[0].action, PLAN_CONFLICT);
    found.is_for_spire = true;
    assert_int_equal(plan_make(&one, &found, NOW, steps), 0);
}

static void what_the_tpm_lost_is_derived_again_or_made_anew(void **state)
{
    struct plan_found found[N];

    (void)state;
    complete(found);
    for (size_t i = 0; i < N; i++)
        found[i].is_gone = true;
    assert_steps(found,
                 (struct plan_step[]){{PLAN_RECOVER, EK}, {PLAN_RECOVER, IDEVID}, {PLAN_MAKE_KEY, LDEVID},
                                      {PLAN_PERSIST, LDEVID}, {PLAN_ENROLL, LDEVID}, {PLAN_WRITE_PEM, LDEVID},
                                      {PLAN_MAKE_KEY, DEVICE_ID}, {PLAN_ENROLL, DEVICE_ID}}, 8);
    complete(found);
    found[DEVICE_ID].is_rootless = true; /* its storage root key was evicted: the key itself is not lost */
    assert_steps(found, (struct plan_step[]){{PLAN_RECOVER, DEVICE_ID}}, 1);
    complete(found);
    found[IDEVID].is_gone = true; /* killed before its certificate was in NV */
    found[IDEVID].cert_in_nv = false;
    assert_steps(found, (struct plan_step[]){{PLAN_RECOVER, IDEVID}, {PLAN_WRITE_NV, IDEVID}}, 2);
}

static void a_handle_that_holds_another_key_is_left_to_a_person(void **state)
{
    struct plan_found found[N];

    (void)state;
    complete(found);
    found[LDEVID].is_other = found[IDEVID].is_other = found[EK].is_other = true;
    assert_steps(found, (struct plan_step[]){{PLAN_TAKEN, EK}, {PLAN_TAKEN, IDEVID}, {PLAN_TAKEN, LDEVID}}, 3);
}

/* All combinations of what can be there: a plan never makes what exists, and always ends complete. */
static void no_state_leads_to_a_second_key_or_a_skipped_certificate(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 1U << 6; bits++) {
        struct plan_found found[N];
        struct plan_step steps[N * PLAN_STEPS_EACH];
        bool makes = false, enrolls = false, renews = false, persists = false, writes = false;
        size_t n;

        complete(found);
        found[LDEVID].has_key = (bits & 1) != 0;
        found[LDEVID].handle = (bits & 2) != 0 && found[LDEVID].has_key ? 0x81000002 : 0;
        found[LDEVID].has_cert = (bits & 4) != 0 && found[LDEVID].has_key;
        found[LDEVID].has_pem = (bits & 8) != 0;
        found[LDEVID].not_after = (bits & 16) != 0 ? NOW - 1 : NOW + 30 * DAY;
        found[LDEVID].due = (bits & 32) != 0 ? NOW - DAY : NOW + DAY;
        n = plan_make(&conf, found, NOW, steps);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(steps[i].identity, LDEVID);
            makes |= steps[i].action == PLAN_MAKE_KEY;
            persists |= steps[i].action == PLAN_PERSIST;
            enrolls |= steps[i].action == PLAN_ENROLL;
            renews |= steps[i].action == PLAN_RENEW;
            writes |= steps[i].action == PLAN_WRITE_PEM;
        }
        assert_int_equal(makes, !found[LDEVID].has_key);
        assert_int_equal(persists, found[LDEVID].handle == 0);
        assert_int_equal(enrolls, !found[LDEVID].has_cert || found[LDEVID].not_after <= NOW);
        assert_int_equal(writes, makes || enrolls || renews || !found[LDEVID].has_pem);
    }
}

static void a_circle_of_authentication_ends(void **state)
{
    static const struct devid_conf_identity circle[] = {
        {.name = "a", .role = DEVID_ROLE_CLIENT, .authenticate = "b", .est = "https://x", .headers = no_headers},
        {.name = "b", .role = DEVID_ROLE_CLIENT, .authenticate = "a", .est = "https://x", .headers = no_headers},
    };
    static const struct devid_conf round = {.path = "x", .identities = circle, .n_identities = 2};
    const struct plan_found nothing[2] = {{0}};
    struct plan_step steps[2 * PLAN_STEPS_EACH];

    (void)state;
    assert_int_equal(plan_make(&round, nothing, NOW, steps), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_device_is_made_in_the_order_of_trust),
        cmocka_unit_test(a_device_that_matches_has_an_empty_plan),
        cmocka_unit_test(every_half_made_identity_is_finished),
        cmocka_unit_test(a_certificate_is_renewed_from_its_time_on_and_enrolled_anew_when_it_is_too_late),
        cmocka_unit_test(a_renewed_key_gets_the_handle_when_the_grace_time_of_the_old_one_is_over),
        cmocka_unit_test(who_uses_a_certificate_is_told_until_it_succeeds),
        cmocka_unit_test(a_key_that_contradicts_the_file_is_left_to_a_person),
        cmocka_unit_test(a_key_is_no_contradiction_only_if_it_is_for_spire_too),
        cmocka_unit_test(what_the_tpm_lost_is_derived_again_or_made_anew),
        cmocka_unit_test(a_handle_that_holds_another_key_is_left_to_a_person),
        cmocka_unit_test(no_state_leads_to_a_second_key_or_a_skipped_certificate),
        cmocka_unit_test(a_circle_of_authentication_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
