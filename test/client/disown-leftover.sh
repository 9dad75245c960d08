#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# devid disown and devid retire when files do not tell any more what is in the TPM: a key at a handle whose file is damaged or gone, and
# a certificate in NV memory. What is devid's by devid.conf and by what the TPM says of it goes; what is anybody else's stays.
set -u
# shellcheck source=test/client/device.sh
. "${DEVID_SRC:?}/test/client/device.sh"

has_index() { tpm2_getcap handles-nv-index | grep -qi "$1"; }
# says_nothing_of WORDS COMMAND...: it succeeds, and no line begins with one of them
says_nothing_of() {
    local words=$1
    shift
    "$@" >"$dir/told" && cat "$dir/told" && ! grep -E "^($words)" "$dir/told"
}
damage() { head -c 300 "$dir/state/owner/azure%3Aldevid.pem" >"$dir/half" && cp "$dir/half" "$dir/state/owner/azure%3Aldevid.pem"; }

cat >>"$dir/devid.conf" <<EOF

[identity in-nv]
est = $(url_of field)
anchors = $dir/ca/customer-root.pem
authenticate = azure:ldevid
subject = CN=gw-000123,O=Example Customer
certificate = nv:0x01c90300
EOF
ok "a device has an owner" "$devid" provision
ok "with a certificate in NV memory" has_index 0x1C90300

# ---- other people's, at places that devid.conf gives to the owner ----

cp "$dir/devid.conf" "$dir/owner.conf"
cat >>"$dir/devid.conf" <<'EOF'

[identity other-parent]
handle = 0x81000005

[identity other-kind]
handle = 0x81000006

[identity other-index]
certificate = nv:0x01c90301

[identity of-the-chip]
handle = 0x81010016
certificate = nv:0x01c00016
EOF
# other_key PARENT HANDLE MORE...: a key that a program of others has made
other_key() {
    local parent=$1 handle=$2
    shift 2
    tpm2_flushcontext -Q -t
    tpm2_create -Q -C "$parent" -G ecc -u "$dir/o.pub" -r "$dir/o.priv" -c "$dir/o.ctx" "$@" && tpm2_flushcontext -Q -t &&
        tpm2_evictcontrol -Q -C o -c "$dir/o.ctx" "$handle" && tpm2_flushcontext -Q -t
}
tpm2_createprimary -Q -C o -c "$dir/parent.ctx"
other_key "$dir/parent.ctx" 0x81000005 -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|sign'
other_key 0x81000001 0x81000006
tpm2_nvdefine -Q -C p -s 4 -a 'ppwrite|ppread|ownerread|authread|no_da|platformcreate' 0x01c90301
others="0x81000001 0x81000005 0x81000006 0x81010001 0x81010016 0x81020000"
ok "there are keys and an index of others" test "$(persistent)" = "${others/0x81000005/0x81000002 0x81000005}"

damage
ok "the file of the LDevID is damaged" sh -c "! '$devid' show azure:ldevid"
ok "a dry run says which handle and which index" says_nothing_of "0x8100000[156]|0x8101|0x8102|0x01c90301|0x01c0|0x01c90000" \
    "$devid" disown --dry-run
ok "this handle" grep -q "^0x81000002: would destroy the key at this handle" "$dir/told"
ok "this index" grep -q "^0x01c90300: would delete the certificate in NV memory" "$dir/told"
ok "disown takes them" "$devid" disown --yes --keep-secrets
ok "others' keys are there, and the manufacturer's" test "$(persistent)" = "$others"
ok "the certificate is gone from NV memory" sh -c "! tpm2_getcap handles-nv-index | grep -i 0x1C90300"
ok "others' index is there, and the manufacturer's" sh -c \
    "tpm2_getcap handles-nv-index | grep -i 0x1C90301 && tpm2_getcap handles-nv-index | grep -i 0x1C90000 && tpm2_getcap handles-nv-index | grep -i 0x1C00016"
ok "twice is once" sh -c "'$devid' disown --yes --keep-secrets | grep '^nothing to do'"
ok "nothing is loaded, and no wrong password was counted" clean
cp "$dir/owner.conf" "$dir/devid.conf"

# ---- no folder at all, killed at each command ----

ok "the next owner provisions it" "$devid" provision
rm -rf "$dir/state/owner"
ok "without the folder the key is found by devid.conf" sh -c "'$devid' disown --dry-run | grep '^0x81000002: would destroy the key'"
killed() {
    local at status=137
    for ((at = 1; at < 80 && status == 137; at++)); do
        (DEVID_TCTI_KILL=$at exec "$@" >"$dir/killed" 2>&1) 2>/dev/null
        status=$?
    done
    cat "$dir/killed"
    echo "killed $((at - 2)) times"
    [ "$status" -eq 0 ] && [ "$at" -gt 6 ]
}
ok "disown killed after each command ends" killed "$devid" disown --yes --keep-secrets
ok "and the key is gone" test "$(persistent)" = "$others"
ok "and the certificate" sh -c "! tpm2_getcap handles-nv-index | grep -i 0x1C90300"
ok "nothing is loaded, and no wrong password was counted" clean

# ---- who says no ----

ok "the next owner provisions it" "$devid" provision
damage
tpm2_changeauth -c owner secret-owner
tpm2_changeauth -c platform secret-platform
ok "passwords of owner and platform: both are told" sh -c \
    "! '$devid' disown --yes --keep-secrets 2>'$dir/why' && grep '0x01c90300.*platform hierarchy is closed' '$dir/why' && grep '0x81000002.*owner' '$dir/why'"
tpm2_changeauth -c owner -p secret-owner
tpm2_changeauth -c platform -p secret-platform
ok "when they may, the next run ends it" "$devid" disown --yes --keep-secrets
ok "the key is gone" test "$(persistent)" = "$others"
ok "the certificate, too" sh -c "! tpm2_getcap handles-nv-index | grep -i 0x1C90300"

# ---- retire ----

ok "the next owner provisions it" "$devid" provision
damage
ok "retire --clear-tpm takes both" "$devid" retire --clear-tpm --yes --keep-secrets
ok "the manufacturer's keys are there, and no other" test "$(persistent)" = "0x81010001 0x81020000"
ok "the certificate is gone, the manufacturer's is not" sh -c \
    "! tpm2_getcap handles-nv-index | grep -i 0x1C90300 && tpm2_getcap handles-nv-index | grep -i 0x1C90000"
ok "nothing is loaded, and no wrong password was counted" clean
echo "1..$n"
