#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# A provisioned device whose TPM was cleared, whose keys were evicted, or both: devid recover and devid provision make it whole, with
# the IDevID that it had; killed at each command and each rename they go on; and what cannot come back is named.
set -u
# shellcheck source=test/client/device.sh
. "${DEVID_SRC:?}/test/client/device.sh"

serial_of() { "$devid" show --json "$1" | grep -o '"serial": "[^"]*"'; }
valid() { [ "$("$devid" list | grep -c ' valid ')" -eq "$1" ]; }
gone() { [ "$("$devid" list | grep -c ' gone ')" -eq "$1" ]; }
# whole: the IDevID is the one of before, all is in its place, nothing is left over
whole() {
    "$devid" provision && tells '^nothing to do' "$devid" provision && valid 5 &&
        [ "$(idevid_key)" = "$key" ] && [ "$(serial_of idevid)" = "$serial" ] &&
        [ "$(persistent)" = "0x81000001 0x81000002 0x81010001 0x81020000" ] && clean && no_rubbish
}
signs() { # signs NAME: by the provider, in another process
    echo reading >"$dir/reading"
    OPENSSL_CONF=/dev/null openssl dgst -provider default -provider devid -sha256 -sign "devid:$1" -out "$dir/sig" "$dir/reading" &&
        "$devid" show "$1" | sed -n '/BEGIN PUBLIC/,/END PUBLIC/p' >"$dir/pub.pem" &&
        OPENSSL_CONF=/dev/null openssl dgst -sha256 -verify "$dir/pub.pem" -signature "$dir/sig" "$dir/reading"
}

"$devid" provision >"$dir/out" 2>&1 || { cat "$dir/out"; echo "Bail out! provision failed"; exit 1; }
key=$(idevid_key) serial=$(serial_of idevid)
ok "a whole device has nothing to recover" tells '^nothing to recover' "$devid" recover

# ---- the owner's clear ----

ldevid=$(serial_of azure:ldevid)
tpm2_clear -c l
ok "after TPM2_Clear all five are listed as gone" gone 5
ok "and in JSON" tells '"state": "gone"' "$devid" show --json azure:ldevid
ok "the doctor names the remedy" sh -c "'$devid' doctor | grep 'idevid: the TPM lost its key.*devid recover'"
ok "a dry run changes nothing" tells 'idevid: would recover' "$devid" recover --dry-run
ok "really nothing" test "$(persistent)" = ""
ok "devid provision would do it, too" tells 'azure:ldevid: would make the key' "$devid" provision --dry-run
ok "recover brings EK and IDevID back and says what is lost" tells 'azure:ldevid: its key is lost for ever; "devid provision azure:ldevid".*authenticated by idevid' "$devid" recover
ok "EK and IDevID are back" test "$(persistent)" = "0x81010001 0x81020000"
ok "the IDevID is the one of before" test "$(idevid_key)" = "$key"
ok "it signs" signs idevid
ok "the second run says only what is lost" sh -c "! '$devid' recover | grep recovered"
ok "provision makes the device whole" whole
ok "with a new LDevID" test "$ldevid" != "$(serial_of azure:ldevid)"
ok "which signs" signs azure:ldevid
ok "and the files for clients are the new ones" sh -c "'$devid' ref --chain azure:ldevid | cmp - '$dir/clients/ldevid.pem'"

# ---- evictions ----

tpm2_evictcontrol -Q -C o -c 0x81020000
ok "after the owner evicted it, one is gone" gone 1
ok "recover of one name" tells 'idevid: key recovered at 0x81020000' "$devid" recover idevid
ok "nothing else was touched" whole
device_id=$(serial_of azure:device-id)
for handle in 0x81020000 0x81010001 0x81000001; do tpm2_evictcontrol -Q -C o -c $handle; done
ok "an evicted root key is no reason to make new keys" tells 'azure:device-id: would recover' "$devid" provision --dry-run
ok "recover brings it back" tells 'the storage root key of its key is back' "$devid" recover
ok "all is as before" whole
ok "with the same wrapped keys" test "$device_id" = "$(serial_of azure:device-id)"
tpm2_evictcontrol -Q -C o -c 0x81000002
ok "an evicted LDevID is made anew" whole

# ---- both, on a disk that was replaced: the certificate in NV tells which key it was ----

tpm2_evictcontrol -Q -C o -c 0x81020000
tpm2_clear -c p
mv "$dir/state" "$dir/old-state"
ok "the certificates in NV are enough" tells 'idevid: key recovered' "$devid" recover
ok "from nothing but the TPM the device is whole" whole
tpm2_clear -c p
rm -rf "$dir/state"
ok "provision alone does it, too" whole

# ---- other keys and other TPMs ----

tpm2_evictcontrol -Q -C o -c 0x81020000
tpm2_createprimary -Q -C o -c "$dir/other.ctx" && tpm2_evictcontrol -Q -C o -c "$dir/other.ctx" 0x81020000 && tpm2_flushcontext -Q -t
tpm2_readpublic -c 0x81020000 >"$dir/before"
ok "another key at the handle is told" says 1 "0x81020000 holds another key, which is left alone" "$devid" recover
ok "by provision, too" says 1 "0x81020000 holds another key" "$devid" provision
ok "and left alone" sh -c "tpm2_readpublic -c 0x81020000 | cmp - '$dir/before'"
tpm2_evictcontrol -Q -C o -c 0x81020000
ok "a TPM that is away has lost nothing" says 75 "^devid: .*no TPM at" "$devid" --config "$(changed "s|^tcti.*|tcti = swtpm:path=$dir/nothing|")" recover
ok "a name that is not in the file is told" says 1 "no section \[identity nobody\]" "$devid" recover nobody
ok "the owner's are not derived" says 1 "cannot be derived" "$devid" recover azure:ldevid
ok "when all is mended it is whole" whole

# A chip vendor's P-384 EK of the high range, which swtpm_setup made.
printf '\n[identity ek-384]\nrole = ek\nhandle = 0x81010016\ncertificate = nv:0x01c00016\n' >"$dir/section"
cat "$dir/devid.conf" "$dir/section" >"$dir/two-eks.conf"
ok "an EK of the high range is derived from its certificate" tells 'ek-384: key recovered at 0x81010016: EK template, unique empty' \
    "$devid" --config "$dir/two-eks.conf" recover
tpm2_evictcontrol -Q -C o -c 0x81010016
rm -f "$dir/state/manufacturer/ek-384.pem"

# ---- cut off ----

# cut WORDS VARIABLE [PRELOAD]: recover, then provision, each run gets one further than the last
cut() {
    local words=$1 variable=$2 preload=${3-} command runs=0 status=0 at
    tpm2_clear -c p
    for command in recover provision; do
        for ((at = 1; at < 80; at++)); do
            (exec env ${preload:+"LD_PRELOAD=$preload"} "$variable=$at" "$devid" "$command" >"$dir/out" 2>&1) 2>/dev/null
            status=$?
            [ $status -eq 137 ] || break
            runs=$((runs + 1))
        done
        [ $status -eq 0 ] || break
    done
    [ $status -eq 0 ] || sed 's/^/# /' "$dir/out"
    ok "killed $words: $runs times, it ends" test "$status" -eq 0 -a "$runs" -gt 4
    ok "killed $words: the device is whole" whole
}
cut "after each command" DEVID_TCTI_KILL
cut "before each rename" KILL_BEFORE_RENAME "$build/.libs/libfile-fault.so"
cut "after each rename" KILL_AFTER_RENAME "$build/.libs/libfile-fault.so"

# ---- the end of the seed ----

tpm2_changeeps
ok "after TPM2_ChangeEPS it says that the IDevID is gone for ever" says 1 "idevid: .*this idevid is gone for ever" "$devid" \
    recover idevid
ok "its file and certificate are still there" sh -c "'$devid' show idevid | grep -q 'BEGIN CERTIFICATE'"
ok "no key was put in its place" test "$(persistent)" = "0x81000001 0x81000002"
ok "nothing is loaded, and no wrong password was counted" clean
echo "1..$n"
