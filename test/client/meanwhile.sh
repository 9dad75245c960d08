#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What others do to an identity while a command works on it: between any two TPM commands of a step somebody switches a key or a certificate
# off, deletes the key, or makes one of that name. None of it is lost, and the command loses nothing to it.
set -u
# shellcheck source=test/client/sweep.sh
. "${DEVID_SRC:?}/test/client/sweep.sh"

file="$dir/state/owner/azure%3Aldevid.pem"
# the LDevID alone, and its key alone: no server is asked
sed -n '1,/^\[identity azure:device-ca\]/{/^\[identity azure:device-ca\]/d; p}' "$dir/devid.conf" >"$dir/three.conf"
sed '/^\[identity azure:ldevid\]/,${/^\(est\|authenticate\|secret-.*\|anchors\) *=/d}' "$dir/three.conf" >"$dir/key.conf"

# meanwhile NAME STAGE OTHER CHECK COMMAND...: OTHER (a program) is run before each TPM command of COMMAND in turn; then CHECK
meanwhile() {
    local name=$1 stage=$2 other=$3 check=$4 at n_commands
    shift 4
    n_broken=0
    load "$stage"
    : >"$dir/tpm.log"
    "$@" >"$dir/stdout" 2>"$dir/stderr"
    n_commands=$(wc -l <"$dir/tpm.log")
    for ((at = 1; at <= n_commands; at++)); do
        load "$stage"
        rm -f "$dir/done"
        : >"$dir/tpm.log"
        DEVID_TCTI_FAULT=$at:run DEVID_TCTI_RUN=$other "$@" >"$dir/stdout" 2>"$dir/stderr"
        status=$?
        "$check" >"$dir/again" 2>&1 || broken "$name, at command $at" "$check"
    done
    ok "$name: at each of $n_commands TPM commands" test "$n_broken" -eq 0 -a "$n_commands" -gt 1
}

# ---- somebody switches off ----

cat >"$dir/switch" <<END
#!/bin/sh
'$devid' disable "\$1" "\$2" >'$dir/said' 2>&1 && touch '$dir/done' || grep -q 'is not on this device\|has no certificate' '$dir/said'
END
chmod +x "$dir/switch"
# is_off NAME WHAT: it is, if somebody switched it off
is_off() { [ ! -e "$dir/done" ] || "$devid" show --json "$1" | grep "\"$2\": false"; }
# The key is moved to its handle all the same: what is switched off is not lost.
key_stays_off() {
    [ "$status" -eq 0 ] && is_off azure:ldevid enabled && "$devid" enable azure:ldevid && "$devid" --config "$dir/key.conf" provision &&
        [ "$(persistent)" = "0x81000001 0x81000002 0x81010001 0x81010016 0x81020000" ] && clean
}
certificate_stays_off() {
    [ "$status" -eq 0 ] && [ -e "$dir/done" ] && is_off idevid certificate_enabled && "$devid" show idevid | grep -i 'nv 0x01c90000' && clean
}

# ---- somebody deletes, or makes ----

# as C_DestroyObject does it with a key that is wrapped yet
cat >"$dir/delete" <<END
#!/bin/sh
[ ! -e '$file' ] || grep -q '^key: .*0x' '$file' || { rm '$file' && touch '$dir/done'; }
END
# and C_GenerateKeyPair
cat >"$dir/make" <<END
#!/bin/sh
[ -e '$file' ] || { mkdir -p '$dir/state/owner' && cp '$dir/other.pem' '$file' && touch '$dir/done'; }
END
chmod +x "$dir/delete" "$dir/make"
key_stays_away() {
    if [ -e "$dir/done" ]; then
        [ "$status" -eq 1 ] && [ ! -e "$file" ] && [ "$(persistent)" = "0x81000001 0x81010001 0x81010016 0x81020000" ] || return 1
    fi
    "$devid" --config "$dir/key.conf" provision azure:ldevid && [ "$(persistent)" = "0x81000001 0x81000002 0x81010001 0x81010016 0x81020000" ] && clean
}
key_of_ldevid() { "$devid" show azure:ldevid | sed -n '/BEGIN PUBLIC KEY/,/END PUBLIC KEY/p'; }
other_key_stays() {
    [ ! -e "$dir/done" ] || [ "$status" -eq 0 ] || { [ "$status" -eq 1 ] && grep 'another program made a key' "$dir/stderr"; } || return 1
    [ ! -e "$dir/done" ] || { key_of_ldevid | cmp - "$dir/other.key" && clean; }
}

save vendor
"$devid" provision idevid >"$dir/out" 2>&1 || { cat "$dir/out"; echo "Bail out! no IDevID"; exit 1; }
save idevid
sed '/^\[identity azure:ldevid\]/,$s/^handle.*//' "$dir/key.conf" >"$dir/wrapped.conf"
"$devid" --config "$dir/wrapped.conf" provision azure:ldevid >"$dir/out" 2>&1 || { cat "$dir/out"; echo "Bail out! no LDevID"; exit 1; }
cp "$file" "$dir/other.pem"
key_of_ldevid >"$dir/other.key"
ok "there is a key of another's" grep BEGIN "$dir/other.key"
load idevid
# as before the step that writes NV
sed -i 's/^certificate: nv:.*/certificate: file/' "$dir/state/manufacturer/idevid.pem"
save unwritten

meanwhile "a key is disabled while it is made" idevid "$dir/switch --key azure:ldevid" key_stays_off "$devid" --config "$dir/key.conf" provision azure:ldevid
meanwhile "a certificate is disabled while it is written to NV" unwritten "$dir/switch --certificate idevid" certificate_stays_off "$devid" provision idevid
meanwhile "a key is deleted while it is moved" idevid "$dir/delete" key_stays_away "$devid" --config "$dir/key.conf" provision azure:ldevid
meanwhile "a key is made by another while one is made" idevid "$dir/make" other_key_stays "$devid" --config "$dir/key.conf" provision azure:ldevid
echo "1..$n"
