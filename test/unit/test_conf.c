/* SPDX-License-Identifier: BSD-2-Clause */
/* devid.conf: what a person writes, and what is said of what nobody can mean. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/conf.h"
#include "unit/folder.h"

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static int make_folder(void **state)
{
    *state = folder_make();
    return 0;
}

static int remove_folder(void **state)
{
    folder_remove(*state);
    return 0;
}

static devid_rc load(const char *folder, const char *text, struct devid_conf **conf, struct devid_error *err)
{
    char path[4096];

    folder_write_text(folder, "devid.conf", text);
    (void)snprintf(path, sizeof path, "%s/devid.conf", folder);
    return devid_conf_load(path, conf, err);
}

static struct devid_conf *must_load(const char *folder, const char *text)
{
    struct devid_conf *conf = NULL;
    struct devid_error err = {0};

    if (load(folder, text, &conf, &err) != DEVID_OK)
        fail_msg("%s", err.text);
    return conf;
}

/* "FILE:LINE: KEY: what was expected", to the letter; shown as "LINE: KEY: ...". */
static void assert_refused(const char *folder, const char *text, const char *sentence)
{
    struct devid_conf *conf = NULL;
    struct devid_error err = {0};
    char expected[sizeof err.text];

    assert_int_equal(load(folder, text, &conf, &err), DEVID_E_DATA);
    assert_null(conf);
    (void)snprintf(expected, sizeof expected, "%s/devid.conf:%s", folder, sentence);
    assert_string_equal(err.text, expected);
}

static const struct devid_conf_identity *must_find(const struct devid_conf *conf, const char *name)
{
    const struct devid_conf_identity *identity = devid_conf_find(conf, name);

    assert_non_null(identity);
    return identity;
}

static void an_empty_file_is_a_device_with_ek_and_idevid_at_their_usual_places(void **state)
{
    struct devid_conf *conf = must_load(*state, "");
    const struct devid_conf_identity *ek = must_find(conf, "ek"), *idevid = must_find(conf, "idevid");

    assert_int_equal(conf->n_identities, 2);
    assert_string_equal(conf->state, "/var/lib/devid");
    assert_string_equal(conf->owner_token, "owner");
    assert_false(conf->no_rsa_generation);
    assert_null(conf->tcti);
    assert_null(conf->serial);
    assert_int_equal(ek->role, DEVID_ROLE_EK);
    assert_int_equal(ek->handle, 0x81010001);
    assert_int_equal(ek->cert_place, DEVID_PLACE_NV);
    assert_int_equal(ek->nv_index, 0x01c00002);
    assert_string_equal(ek->token, "manufacturer");
    assert_int_equal(idevid->role, DEVID_ROLE_IDEVID);
    assert_int_equal(idevid->handle, 0x81020000);
    assert_int_equal(idevid->nv_index, 0x01c90000);
    assert_null(idevid->est);
    assert_null(idevid->headers[0]);
    devid_conf_free(conf);
}

static void every_key_says_what_the_manual_says(void **state)
{
    struct devid_conf *conf = must_load(
        *state, "[device]\ntcti = swtpm:path=/x\nstate = /var/tmp/s\nserial = A1\ntoken = mine\nrsa-generation = no\n"
                "[identity a:b]\ntoken = other\nrole = ldevid\nkey = rsa-3072\nhandle = 0x81000002\n"
                "certificate = nv:0x01c90007\npem = /p\nest = https://ca.example:8443/x\nauthenticate = idevid\n"
                "secret-header = X-Secret\nsecret-file = /s\nuser = u\npassword-file = /w\nheader = A: 1\n"
                "header = B: 2\nanchors = /a\ncrl = /c\nproxy = http://p:3128\nproxy-user = pu\n"
                "proxy-password-file = /pp\nproof = tls-exporter\ncsr-attributes = no\n"
                "fingerprint = " HEX64 "\nsubject = CN=x\nsan = hardware-module\nenroll-by = tpmenroll\n"
                "lifetime = 30d\nrenew-after = 66%\nrenew-key = same\ngrace = 2h\non-renew = systemctl reload x\n");
    const struct devid_conf_identity *it = must_find(conf, "a:b");

    assert_string_equal(conf->tcti, "swtpm:path=/x");
    assert_string_equal(conf->state, "/var/tmp/s");
    assert_string_equal(conf->serial, "A1");
    assert_string_equal(conf->owner_token, "mine");
    assert_true(conf->no_rsa_generation);
    assert_string_equal(it->token, "other");
    assert_int_equal(it->role, DEVID_ROLE_LDEVID);
    assert_int_equal(it->alg, DEVID_RSA);
    assert_int_equal(it->bits, 3072);
    assert_int_equal(it->handle, 0x81000002);
    assert_int_equal(it->cert_place, DEVID_PLACE_NV);
    assert_int_equal(it->nv_index, 0x01c90007);
    assert_string_equal(it->pem, "/p");
    assert_string_equal(it->est, "https://ca.example:8443/x");
    assert_string_equal(it->authenticate, "idevid");
    assert_string_equal(it->secret_header, "X-Secret");
    assert_string_equal(it->secret_file, "/s");
    assert_string_equal(it->user, "u");
    assert_string_equal(it->password_file, "/w");
    assert_string_equal(it->headers[0], "A: 1");
    assert_string_equal(it->headers[1], "B: 2");
    assert_null(it->headers[2]);
    assert_string_equal(it->anchors, "/a");
    assert_string_equal(it->crl, "/c");
    assert_string_equal(it->proxy, "http://p:3128");
    assert_string_equal(it->proxy_user, "pu");
    assert_string_equal(it->proxy_password_file, "/pp");
    assert_int_equal(it->proof, DEVID_PROOF_TLS_EXPORTER);
    assert_true(it->skips_attributes);
    assert_string_equal(it->fingerprint, HEX64);
    assert_string_equal(it->subject, "CN=x");
    assert_true(it->san_hardware_module);
    assert_true(it->by_tpm);
    assert_int_equal(it->lifetime, 30 * 86400);
    assert_false(it->wants_never);
    assert_int_equal(it->renew_after, 66);
    assert_true(it->renews_same_key);
    assert_int_equal(it->grace, 7200);
    assert_string_equal(it->on_renew, "systemctl reload x");
    assert_int_equal(it->line, 7);
    devid_conf_free(conf);
}

static void what_the_file_does_not_say_is_the_usual(void **state)
{
    struct devid_conf *conf = must_load(*state, "[identity x]\nlifetime = never\nsecret-file = /s\n");
    const struct devid_conf_identity *it = must_find(conf, "x");

    assert_int_equal(it->role, DEVID_ROLE_CLIENT);
    assert_string_equal(it->token, "owner");
    assert_int_equal(it->alg, DEVID_EC);
    assert_int_equal(it->bits, 256);
    assert_int_equal(it->handle, 0);
    assert_int_equal(it->cert_place, DEVID_PLACE_FILE);
    assert_string_equal(it->secret_header, "Secret-Value");
    assert_int_equal(it->renew_after, 80);
    assert_false(it->renews_same_key);
    assert_int_equal(it->grace, 7 * 86400);
    assert_null(it->on_renew);
    assert_true(it->wants_never);
    assert_int_equal(it->lifetime, 0);
    assert_int_equal(it->proof, DEVID_PROOF_AS_ASKED);
    assert_false(it->skips_attributes);
    assert_null(it->proxy);
    devid_conf_free(conf);
}

static void a_section_counts_even_without_a_key(void **state)
{
    struct devid_conf *conf = must_load(*state, "[identity a]\n[identity b]\n[device]\n\n[identity c]");

    assert_int_equal(conf->n_identities, 5);
    assert_int_equal(must_find(conf, "a")->line, 1);
    assert_int_equal(must_find(conf, "b")->line, 2);
    assert_int_equal(must_find(conf, "c")->line, 5);
    devid_conf_free(conf);
    assert_refused(*state, "[device]\n[devcie]\n", "2: [devcie] is no section: [device] or [identity NAME] is expected");
}

static void an_identity_named_as_a_role_has_it(void **state)
{
    struct devid_conf *conf = must_load(*state, "[identity idevid]\nest = https://ca/\n[identity iak]\n[identity ca]\n");

    assert_int_equal(conf->n_identities, 4); /* and the EK */
    assert_int_equal(must_find(conf, "idevid")->role, DEVID_ROLE_IDEVID);
    assert_int_equal(must_find(conf, "idevid")->handle, 0x81020000);
    assert_int_equal(must_find(conf, "iak")->handle, 0x81020001);
    assert_string_equal(must_find(conf, "iak")->token, "manufacturer");
    assert_int_equal(must_find(conf, "ca")->role, DEVID_ROLE_CA);
    devid_conf_free(conf);
}

/* People indent, end lines as Windows does, and comment. */
static void blanks_comments_and_line_ends_do_not_matter(void **state)
{
    struct devid_conf *conf = must_load(*state, "\xef\xbb\xbf# devid\r\n[device] ; this box\r\n\r\n\ttoken=mine ; ours\r\n"
                                                "  serial : S\r\n   [ identity  a ]\r\n    key = ec-p384\r\n"
                                                "    ; no key\r\n    subject = CN=a;b\r\n  [identity c]\r\n role = ca");

    assert_string_equal(conf->owner_token, "mine");
    assert_string_equal(conf->serial, "S");
    assert_int_equal(must_find(conf, "a")->bits, 384);
    assert_string_equal(must_find(conf, "a")->subject, "CN=a;b");
    assert_int_equal(must_find(conf, "c")->role, DEVID_ROLE_CA);
    assert_int_equal(must_find(conf, "c")->line, 10);
    devid_conf_free(conf);
}

static void a_wrong_value_is_told_with_file_line_key_and_what_was_expected(void **state)
{
    static const struct {
        const char *line, *sentence;
    } cases[] = {
        {"key = ec-p257", "key: \"ec-p257\" is not a key type: ec-p256, ec-p384, ec-p521, rsa-2048 or rsa-3072"},
        {"role = boss", "role: \"boss\" is no role: ek, idevid, iak, ldevid, ca or client"},
        {"handle = 0x80000001", "handle: \"0x80000001\" is no owner's persistent handle: 0x81000000 to 0x817fffff"},
        {"handle = 0x81800000", "handle: \"0x81800000\" is no owner's persistent handle: 0x81000000 to 0x817fffff"},
        {"handle = 2164260866", "handle: \"2164260866\" is no owner's persistent handle: 0x81000000 to 0x817fffff"},
        {"handle = 0x1000081000002",
         "handle: \"0x1000081000002\" is no owner's persistent handle: 0x81000000 to 0x817fffff"},
        {"handle = 0x81000001", "handle: 0x81000001 is the storage root key's"},
        {"handle = 0x81000100", "handle: 0x81000100 is Azure tpmd's"},
        {"handle = 0x81010001", "handle: 0x81010001 is the EK's"},
        {"certificate = nv:0x02000000",
         "certificate: \"nv:0x02000000\" is no place for a certificate: nv:0x01000000 to nv:0x01ffffff, or file"},
        {"certificate = disk",
         "certificate: \"disk\" is no place for a certificate: nv:0x01000000 to nv:0x01ffffff, or file"},
        {"est = http://ca.example/", "est: \"http://ca.example/\" is no URL of an EST server: https://host/.well-known/est"},
        {"est = https:///x", "est: \"https:///x\" is no URL of an EST server: https://host/.well-known/est"},
        {"authenticate = nobody", "authenticate: there is no [identity nobody] in this file"},
        {"authenticate = x", "authenticate: x needs its own certificate to get it: another identity is expected"},
        {"user = u", "user: \"password-file =\" is expected too"},
        {"password-file = /w", "password-file: \"user =\" is expected too"},
        {"secret-header = X", "secret-header: \"secret-file =\" with the header's value is expected too"},
        {"header = no colon", "header: \"no colon\" is no header: Name: value"},
        {"fingerprint = 0011", "fingerprint: the SHA-256 of the root certificate is expected: 64 hexadecimal digits"},
        {"fingerprint = " HEX64 "00", "fingerprint: the SHA-256 of the root certificate is expected: 64 hexadecimal digits"},
        {"san = dns", "san: \"dns\" is no subjectAltName that is offered: hardware-module"},
        {"lifetime = 30", "lifetime: \"30\" is no lifetime: never, or a number with s, m, h, d or y, such as 30d"},
        {"lifetime = -1d", "lifetime: \"-1d\" is no lifetime: never, or a number with s, m, h, d or y, such as 30d"},
        {"renew-after = 100%", "renew-after: \"100%\" is no part of a lifetime: 1% to 99%"},
        {"renew-key = other", "renew-key: \"other\": new or same is expected"},
        {"grace = never", "grace: \"never\" is no grace time: none, or a number with s, m, h, d or y, such as 7d"},
        {"secret-file = credential:../x", "secret-file: \"../x\" is no name of a credential"},
        {"renew-after = 80", "renew-after: \"80\" is no part of a lifetime: 1% to 99%"},
        {"subject = CN=${serial}", "subject: ${serial} needs \"serial =\" or \"serial-file =\" in [device]"},
        {"token = 123456789 123456789 123456789 123", "token: \"123456789 123456789 123456789 123\" is no name of a token: at most 32 bytes"},
        {"token = manufacturer", "token: \"manufacturer\" holds ek, idevid and iak only: another name is expected"},
        {"key =", "key: a value is expected"},
        {"handel = 0x81000002", "handel: there is no such key: is \"handle\" meant?"},
        {"secretfile = /s", "secretfile: there is no such key: is \"secret-file\" meant?"},
        {"serial = 1", "serial: is expected in [device] only"},
        {"est = https://a/\nest = https://a/", "4: est: stands in line 3 already"},
        {"no equals sign", "\"key = value\" or \"[section]\" is expected"},
        {"[identity y", "\"key = value\" or \"[section]\" is expected"},
        {"[identity]", "an identity has a name: [identity NAME] is expected"},
        {"[identity x]", "[identity x] stands in line 2 already"},
        {"subject = CN=\x1b[31m", "a line without control characters is expected"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512], sentence[512];

        (void)snprintf(text, sizeof text, "# one\n[identity x]\n%s\npem = /after\n", cases[i].line);
        (void)snprintf(sentence, sizeof sentence, "%s%s", cases[i].sentence[0] == '4' ? "" : "3: ", cases[i].sentence);
        assert_refused(*state, text, sentence);
    }
}

static void a_key_for_spire_is_as_spire_wants_it(void **state)
{
    struct devid_conf *conf = must_load(*state, "[identity x]\npurpose = spire\n[identity y]\n");

    assert_true(must_find(conf, "x")->for_spire);
    assert_false(must_find(conf, "y")->for_spire);
    devid_conf_free(conf);
    assert_refused(*state, "[identity x]\npurpose = tls\n", "2: purpose: \"tls\" is no purpose that a key is made for: spire");
    assert_refused(*state, "[identity x]\npurpose = spire\nhandle = 0x81000005\n",
                   "3: handle: SPIRE loads its key from files: none is expected where \"purpose = spire\"");
    assert_refused(*state, "[identity x]\npurpose = spire\nkey = ec-p384\n",
                   "3: key: ec-p256 is expected where \"purpose = spire\"");
    assert_refused(*state, "[identity x]\nrole = iak\nrenew-key = same\npurpose = spire\n",
                   "4: purpose: SPIRE takes an owner's key: role = ldevid or client is expected");
}

static void a_wrong_way_to_a_server_is_told(void **state)
{
    static const struct {
        const char *line, *sentence;
    } cases[] = {
        {"proxy-user = u\nproxy = environment", "proxy-user: \"proxy-password-file =\" is expected too"},
        {"proxy-password-file = /w", "proxy-password-file: \"proxy-user =\" is expected too"},
        {"proxy-user = u\nproxy-password-file = /w", "proxy-user: \"proxy =\" is expected too"},
        {"proxy = https://p:1", "proxy: \"https://p:1\" is no proxy: http://host:port, socks5h://host:port or environment"},
        {"proxy = http://u:w@p:1",
         "proxy: \"http://u:w@p:1\" is no proxy: http://host:port, socks5h://host:port or environment"},
        {"proof = tls-server-end-point", "proof: \"tls-server-end-point\" is no proof: none, tls-unique or tls-exporter"},
        {"csr-attributes = maybe", "csr-attributes: \"maybe\": yes or no is expected"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512], sentence[512];

        (void)snprintf(text, sizeof text, "[identity x]\n%s\n", cases[i].line);
        (void)snprintf(sentence, sizeof sentence, "2: %s", cases[i].sentence);
        assert_refused(*state, text, sentence);
    }
}

static void what_only_the_whole_file_tells_is_told_where_it_can_be_mended(void **state)
{
    assert_refused(*state, "key = ec-p256\n", "1: key: [device] or [identity NAME] is expected before the first key");
    assert_refused(*state, "[device]\nhandle = 0x81000002\n", "2: handle: is expected in [identity NAME] only");
    assert_refused(*state, "[device]\nrsa-generation = never\n", "2: rsa-generation: \"never\": yes or no is expected");
    assert_refused(*state, "[device]\ntoken = manufacturer\n",
                   "2: token: \"manufacturer\" is the token of ek, idevid and iak: another name is expected");
    assert_refused(*state, "[identity a]\nhandle = 0x81000002\n[identity b]\nkey = ec-p256\nhandle = 0x81000002\n",
                   "5: handle: 0x81000002 is that of [identity a] already");
    assert_refused(*state, "[identity a]\ncertificate = nv:0x01800000\n\n[identity b]\ncertificate = nv:0x1800000\n",
                   "5: certificate: nv:0x01800000 is that of [identity a] already");
    assert_refused(*state, "[identity a]\nkey = ec-p256\nhandle = 0x81020000\n",
                   "3: handle: 0x81020000 is that of [identity idevid] already");
    assert_refused(*state, "[identity a]\nauthenticate = b\n[identity b]\nrole = client\nauthenticate = a\n",
                   "2: authenticate: a needs its own certificate to get it: another identity is expected");
    assert_refused(*state, "[identity a]\nrole = idevid\n\nkey = rsa-3072\n",
                   "4: key: TCG has no template of this type: ec-p256, ec-p384, ec-p521 or rsa-2048 is expected");
    assert_refused(*state, "[device]\nserial = 1\nserial-file = /nowhere\n",
                   "3: serial-file: \"serial =\" is given too: one of the two is expected");
}

static void colons_in_a_fingerprint_are_welcome(void **state)
{
    char text[512] = "[identity x]\nfingerprint = 00";
    struct devid_conf *conf;

    for (int i = 1; i < 32; i++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), ":%02X", (unsigned)i);
    conf = must_load(*state, text);
    assert_int_equal(strlen(must_find(conf, "x")->fingerprint), 95);
    devid_conf_free(conf);
}

static void relative_paths_are_meant_from_the_file(void **state)
{
    const char *const folder = *state;
    char here[PATH_MAX], expected[PATH_MAX];
    struct devid_conf *conf = must_load(folder, "[device]\nstate = st\n[identity x]\nanchors = ca/root.pem\npem = ../x.pem\n"
                                                "secret-file = s\nuser = u\npassword-file = ./p\n");
    const struct devid_conf_identity *it = must_find(conf, "x");

    (void)snprintf(expected, sizeof expected, "%s/st", folder);
    assert_string_equal(conf->state, expected);
    (void)snprintf(expected, sizeof expected, "%s/ca/root.pem", folder);
    assert_string_equal(it->anchors, expected);
    (void)snprintf(expected, sizeof expected, "%s/../x.pem", folder);
    assert_string_equal(it->pem, expected);
    (void)snprintf(expected, sizeof expected, "%s/s", folder);
    assert_string_equal(it->secret_file, expected);
    devid_conf_free(conf);

    /* and absolute even if the file's own path is not: a server changes its folder after it read it */
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(devid_conf_load("devid.conf", &conf, NULL), DEVID_OK);
    (void)snprintf(expected, sizeof expected, "%s/st", folder);
    assert_string_equal(conf->state, expected);
    assert_string_equal(conf->path, "devid.conf");
    devid_conf_free(conf);
    assert_int_equal(chdir(here), 0);
}

static void the_serial_number_is_put_into_subjects_as_rfc_4514_wants_it(void **state)
{
    char text[256] = "[device]\nserial = 12345678901234567890123456789012345678901234567890123456789012345678901234567890\n"
                     "[identity x]\nsubject = ";
    struct devid_conf *conf =
        must_load(*state, "[device]\nserial = a,b+c\"d\\e<f>g;h=i#j\n[identity x]\nsubject = CN=${serial}\n"
                          "[identity y]\nsubject = CN=y,serialNumber=${serial},O=${serial}.\n[identity z]\nsubject = CN=$serial\n");

    assert_string_equal(must_find(conf, "x")->subject, "CN=a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h\\=i\\#j");
    assert_string_equal(must_find(conf, "z")->subject, "CN=$serial");
    assert_non_null(strstr(must_find(conf, "y")->subject, "j,O=a\\,b"));
    assert_int_equal(must_find(conf, "y")->subject[strlen(must_find(conf, "y")->subject) - 1], '.');
    devid_conf_free(conf);

    for (int i = 0; i < 12; i++)
        (void)strcat(text, "${serial}"); /* nothing is cut off */
    conf = must_load(*state, text);
    assert_int_equal(strlen(must_find(conf, "x")->subject), 12 * 80);
    devid_conf_free(conf);
}

static void a_serial_number_is_read_as_firmware_and_device_trees_write_it(void **state)
{
    static const char nul[] = "SN 7\0trailing";
    static const char *const good[] = {"SN 7\n", "  SN 7 \t \n", "SN 7\r\nmore\n", "SN 7"};
    static const char *const bad[] = {"", "\n", "   \nSN 7\n", "a\x01z\n"};
    const char *const conf_text = "[device]\n\nserial-file = serial\n[identity x]\nsubject = CN=${serial}\n";
    char sentence[4096];
    struct devid_conf *conf;

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        folder_write_text(*state, "serial", good[i]);
        conf = must_load(*state, conf_text);
        assert_string_equal(conf->serial, "SN 7");
        assert_string_equal(must_find(conf, "x")->subject, "CN=SN 7");
        devid_conf_free(conf);
    }
    folder_write(*state, "serial", (struct devid_slice){(const unsigned char *)nul, sizeof nul});
    conf = must_load(*state, conf_text);
    assert_string_equal(conf->serial, "SN 7");
    devid_conf_free(conf);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        folder_write_text(*state, "serial", bad[i]);
        (void)snprintf(sentence, sizeof sentence,
                       "3: serial-file: %s/serial: a serial number of 1 to 128 printable bytes is expected in its first line",
                       (const char *)*state);
        assert_refused(*state, conf_text, sentence);
    }
    (void)snprintf(sentence, sizeof sentence, "2: serial-file: cannot open %s/none: No such file or directory",
                   (const char *)*state);
    assert_refused(*state, "[device]\nserial-file = none\n", sentence);
}

static void a_long_line_is_told_and_never_cut_off(void **state)
{
    char text[512] = "[device]\nstate = /";
    struct devid_conf *conf = NULL;
    struct devid_error err = {0};
    size_t longest = 0;

    for (size_t n = 0; n < 300; n++) {
        (void)strcat(text, "x");
        if (load(*state, text, &conf, &err) != DEVID_OK)
            break;
        assert_int_equal(strlen(conf->state), n + 2);
        longest = n + 10;
        devid_conf_free(conf);
    }
    assert_true(longest > 150);
    assert_non_null(strstr(err.text, "devid.conf:2: a line of at most "));
}

static void there_is_room_for_256_identities_and_16_headers(void **state)
{
    char *text = calloc(300, 40), *at = text;
    struct devid_conf *conf;

    for (int i = 0; i < 256; i++)
        at += sprintf(at, "[identity n%d]\nkey = ec-p384\n", i);
    conf = must_load(*state, text);
    assert_int_equal(conf->n_identities, 258);
    assert_int_equal(must_find(conf, "n255")->bits, 384);
    devid_conf_free(conf);
    (void)sprintf(at, "[identity more]\n");
    assert_refused(*state, text, "513: more than 256 identities");
    at = text + sprintf(text, "[identity x]\n");
    for (int i = 0; i < 16; i++)
        at += sprintf(at, "header = N%d: v\n", i);
    devid_conf_free(must_load(*state, text));
    (void)sprintf(at, "header = N: v\n");
    assert_refused(*state, text, "18: header: more than 16 headers");
    free(text);
}

static void a_missing_file_is_an_error_if_somebody_named_it(void **state)
{
    struct devid_conf *conf = NULL;
    struct devid_error err = {0};
    char path[4096];

    (void)snprintf(path, sizeof path, "%s/none.conf", (const char *)*state);
    assert_int_equal(devid_conf_load(path, &conf, &err), DEVID_E_FILE);
    assert_non_null(strstr(err.text, "there is no configuration "));
    assert_int_equal(setenv("DEVID_CONF", path, 1), 0);
    assert_int_equal(devid_conf_load(NULL, &conf, &err), DEVID_E_FILE);
    folder_write_text(*state, "none.conf", "[device]\ntoken = here\n");
    assert_int_equal(devid_conf_load(NULL, &conf, &err), DEVID_OK);
    assert_string_equal(conf->owner_token, "here");
    assert_int_equal(unsetenv("DEVID_CONF"), 0);
    devid_conf_free(conf);
    assert_int_equal(devid_conf_load(*state, &conf, &err), DEVID_E_FILE); /* a folder */
    devid_conf_free(NULL);
}

static void the_keys_can_be_listed(void **state)
{
    size_t device = 0, identity = 0;

    (void)state;
    while (devid_conf_key_name("device", device) != NULL)
        device++;
    while (devid_conf_key_name("identity", identity) != NULL)
        identity++;
    assert_int_equal(device, 6);
    assert_int_equal(identity, 30);
    assert_null(devid_conf_key_name("other", 0));
}

static void roles_have_words(void **state)
{
    enum devid_role role;

    (void)state;
    for (enum devid_role r = DEVID_ROLE_EK; r <= DEVID_ROLE_CLIENT; r++) {
        assert_true(devid_role_of(devid_role_name(r), &role));
        assert_int_equal(role, r);
    }
    assert_false(devid_role_of("IDevID", &role));
    assert_false(devid_role_of("", &role));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(an_empty_file_is_a_device_with_ek_and_idevid_at_their_usual_places),
        TEST(every_key_says_what_the_manual_says),
        TEST(what_the_file_does_not_say_is_the_usual),
        TEST(a_section_counts_even_without_a_key),
        TEST(an_identity_named_as_a_role_has_it),
        TEST(blanks_comments_and_line_ends_do_not_matter),
        TEST(a_wrong_value_is_told_with_file_line_key_and_what_was_expected),
        TEST(a_key_for_spire_is_as_spire_wants_it),
        TEST(a_wrong_way_to_a_server_is_told),
        TEST(what_only_the_whole_file_tells_is_told_where_it_can_be_mended),
        TEST(colons_in_a_fingerprint_are_welcome),
        TEST(relative_paths_are_meant_from_the_file),
        TEST(the_serial_number_is_put_into_subjects_as_rfc_4514_wants_it),
        TEST(a_serial_number_is_read_as_firmware_and_device_trees_write_it),
        TEST(a_long_line_is_told_and_never_cut_off),
        TEST(there_is_room_for_256_identities_and_16_headers),
        TEST(a_missing_file_is_an_error_if_somebody_named_it),
        TEST(the_keys_can_be_listed),
        TEST(roles_have_words),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
