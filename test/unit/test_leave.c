/* SPDX-License-Identifier: BSD-2-Clause */
/* What disown and retire would do, for what a device may have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "leave.h"

static const struct devid_conf_identity sections[] = {
    {.name = "ek", .token = "manufacturer", .role = DEVID_ROLE_EK},
    {.name = "idevid", .token = "manufacturer", .role = DEVID_ROLE_IDEVID, .pem = "/x/idevid.pem"},
    {.name = "iak", .token = "manufacturer", .role = DEVID_ROLE_IAK},
    {.name = "ldevid", .token = "owner", .role = DEVID_ROLE_LDEVID, .pem = "/x/ldevid.pem"},
};
static const struct devid_conf conf = {.identities = sections, .n_identities = 4};
static const struct leave_identity identities[] = {
    {"manufacturer", "ek", true, false},
    {"manufacturer", "idevid", true, true},
    {"owner", "ldevid", false, false},
    {"owner", "mine", false, true},
};
static const char *const tokens[] = {"owner", "vault"}, *const kept[] = {"/s/.trust/ldevid.pem"}, *const secrets[] = {"/x/secret"};
static const bool has_key[] = {true, true, false, true}, has_pem[] = {false, true, false, true};
static const struct leave_found all = {.identities = identities, .n_identities = 4, .tokens = tokens, .n_tokens = 2, .kept = kept,
                                       .n_kept = 1, .secrets = secrets, .n_secrets = 1, .has_key = has_key, .has_pem = has_pem};

static void assert_plan(const struct leave_found *found, struct leave_wish wish, const struct leave_step *expected, size_t n_expected)
{
    struct leave_step steps[32];
    size_t n = leave_plan(&conf, found, &wish, steps);

    assert_true(n <= leave_room(&conf, found));
    for (size_t i = 0; i < n && i < n_expected; i++) {
        assert_int_equal(steps[i].action, expected[i].action);
        assert_string_equal(steps[i].what, expected[i].what);
        assert_true(strlen(leave_text(steps[i].action)) > 0);
    }
    assert_int_equal(n, n_expected);
}

#define PLAN(found, wish, ...)                                                                       \
    assert_plan(found, (struct leave_wish)wish, (const struct leave_step[]){__VA_ARGS__},            \
                sizeof((const struct leave_step[]){__VA_ARGS__}) / sizeof(struct leave_step))
#define WISH(...) {__VA_ARGS__}

static void disown_takes_the_owner_s_and_leaves_the_manufacturer_s(void **state)
{
    (void)state;
    PLAN(&all, WISH(0), {LEAVE_PEM, NULL, "/x/ldevid.pem"}, {LEAVE_ENABLE, NULL, "idevid"}, {LEAVE_IDENTITY, NULL, "ldevid"},
         {LEAVE_IDENTITY, NULL, "mine"}, {LEAVE_TOKEN, NULL, "owner"}, {LEAVE_TOKEN, NULL, "vault"},
         {LEAVE_FILE, NULL, "/s/.trust/ldevid.pem"}, {LEAVE_FILE, NULL, "/x/secret"});
    PLAN(&all, WISH(.keep_secrets = true), {LEAVE_PEM, NULL, "/x/ldevid.pem"}, {LEAVE_ENABLE, NULL, "idevid"},
         {LEAVE_IDENTITY, NULL, "ldevid"}, {LEAVE_IDENTITY, NULL, "mine"}, {LEAVE_TOKEN, NULL, "owner"},
         {LEAVE_TOKEN, NULL, "vault"}, {LEAVE_FILE, NULL, "/s/.trust/ldevid.pem"});
}

static void what_no_file_tells_of_any_more_goes_too(void **state)
{
    static const char *const handles[] = {"0x81000002"}, *const indices[] = {"0x01c90200"};
    static const bool no_pem[] = {false, false, false, false};
    static const struct leave_found left = {.handles = handles, .n_handles = 1, .indices = indices, .n_indices = 1, .has_key = has_key,
                                            .has_pem = no_pem};

    (void)state;
    PLAN(&left, WISH(0), {LEAVE_NV, NULL, "0x01c90200"}, {LEAVE_KEY, NULL, "0x81000002"});
    PLAN(&left, WISH(.clear = true), {LEAVE_CLEAR, NULL, "TPM"}, {LEAVE_RECOVER, NULL, "ek"}, {LEAVE_RECOVER, NULL, "idevid"},
         {LEAVE_NV, NULL, "0x01c90200"});
}

static void what_the_tpm_may_refuse_comes_first_and_its_keys_back_at_once(void **state)
{
    (void)state;
    PLAN(&all, WISH(.clear = true), {LEAVE_CLEAR, NULL, "TPM"}, {LEAVE_RECOVER, NULL, "ek"}, {LEAVE_RECOVER, NULL, "idevid"},
         {LEAVE_PEM, NULL, "/x/ldevid.pem"}, {LEAVE_ENABLE, NULL, "idevid"}, {LEAVE_IDENTITY, NULL, "ldevid"},
         {LEAVE_IDENTITY, NULL, "mine"}, {LEAVE_TOKEN, NULL, "owner"}, {LEAVE_TOKEN, NULL, "vault"},
         {LEAVE_FILE, NULL, "/s/.trust/ldevid.pem"}, {LEAVE_FILE, NULL, "/x/secret"});
}

static void without_a_seed_nothing_of_the_manufacturer_s_stays(void **state)
{
    (void)state;
    PLAN(&all, WISH(.change_seed = true, .clear = true), {LEAVE_SEED, NULL, "TPM"}, {LEAVE_CLEAR, NULL, "TPM"},
         {LEAVE_PEM, NULL, "/x/idevid.pem"}, {LEAVE_PEM, NULL, "/x/ldevid.pem"}, {LEAVE_IDENTITY, NULL, "ldevid"},
         {LEAVE_IDENTITY, NULL, "mine"}, {LEAVE_TOKEN, NULL, "owner"}, {LEAVE_TOKEN, NULL, "vault"},
         {LEAVE_FILE, NULL, "/s/.trust/ldevid.pem"}, {LEAVE_FILE, NULL, "/x/secret"}, {LEAVE_MAKER, NULL, "ek"},
         {LEAVE_MAKER, NULL, "idevid"});
}

static void a_device_without_an_owner_has_an_empty_plan(void **state)
{
    static const bool none[4];
    const struct leave_found maker = {.identities = identities, .n_identities = 1, .has_key = none, .has_pem = none};
    struct leave_step steps[32];

    (void)state;
    assert_int_equal(leave_plan(&conf, &maker, &(struct leave_wish){0}, steps), 0);
}

static void a_token_with_an_identity_of_the_manufacturer_s_stays(void **state)
{
    static const struct leave_identity mixed[] = {{"owner", "idevid", true, false}, {"owner", "ldevid", false, false}};
    static const bool none[4];
    const struct leave_found found = {.identities = mixed, .n_identities = 2, .tokens = tokens, .n_tokens = 2, .has_key = none,
                                      .has_pem = none};

    (void)state;
    PLAN(&found, WISH(0), {LEAVE_IDENTITY, NULL, "ldevid"}, {LEAVE_TOKEN, NULL, "vault"});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(disown_takes_the_owner_s_and_leaves_the_manufacturer_s),
        cmocka_unit_test(what_no_file_tells_of_any_more_goes_too),
        cmocka_unit_test(what_the_tpm_may_refuse_comes_first_and_its_keys_back_at_once),
        cmocka_unit_test(without_a_seed_nothing_of_the_manufacturer_s_stays),
        cmocka_unit_test(a_device_without_an_owner_has_an_empty_plan),
        cmocka_unit_test(a_token_with_an_identity_of_the_manufacturer_s_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
