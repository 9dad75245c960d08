#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Certificates that have expired, on each side: the device's IDevID and LDevID as TLS client certificates, and the server's. It is told
# in one line, nothing is lost, and when it can be mended the next run mends it. And what the exit statuses mean.
set -u
# shellcheck source=test/client/device.sh
. "${DEVID_SRC:?}/test/client/device.sh"

# What the device keeps: files, handles, NV.
remember() {
    (cd "$dir/state" && find . -name .cache -prune -o -type f -print | sort | xargs sha256sum)
    tpm2_getcap handles-persistent
    tpm2_nvread -C o 0x01c90000 2>/dev/null | sha256sum
}
# keeps COMMAND...: and nothing of that is changed
keeps() {
    local before
    before=$(remember)
    "$@" && [ "$before" = "$(remember)" ]
}
# usage WORDS COMMAND...: wrong usage, which is told with how it is right
usage() {
    local words=$1 got
    shift
    "$@" >"$dir/stdout" 2>"$dir/stderr"
    got=$?
    cat "$dir/stdout" "$dir/stderr"
    [ $got -eq 2 ] && grep -q -- "$words" "$dir/stderr" && grep -q '^usage: ' "$dir/stderr"
}
listed() { "$devid" list | grep "$1.* $2 "; }

# An IDevID's certificate in NV is there for good, so this one is a file.
sed -i "s|^certificate *= *nv:0x01c90000|certificate = file|" "$dir/devid.conf"
ok "a device is made with an IDevID and an LDevID of ten seconds" "$devid" --config "$(changed \
    "s|$(url_of manufacturer)|&/ttl-10s|; s|$(url_of factory)|&/ttl-10s|")" provision
for ((i = 0; i < 300; i++)); do listed azure:ldevid expired >/dev/null && break; sleep 0.1; done
ok "devid list says that the IDevID has expired" listed idevid expired
ok "and the LDevID" listed azure:ldevid expired
ok "devid doctor says so, too" sh -c "'$devid' doctor | grep 'idevid.*expired'"
ok "an IDevID that has expired is told" keeps says 1 "127.0.0.2.*refused the client certificate, which has expired" "$devid" est enroll azure:ldevid
ok "an LDevID that has expired is told" keeps says 1 "127.0.0.3.*refused the client certificate, which has expired" "$devid" est enroll azure:device-id

# User and password beside a certificate that has expired: RFC 7030, 3.2.3 and 3.3.2.
with_password() { # with_password FILE
    changed "s|$(url_of field)|&/basic|; /^\[identity azure:device-ca\]/a user = device\npassword-file = $1"
}
echo wrong >"$dir/wrong-password"
ok "without a password an expired certificate is the end of it" keeps says 1 "azure:device-ca: .*refused the client certificate, which has expired" \
    "$devid" --config "$(changed "s|$(url_of field)|&/basic|")" est enroll azure:device-ca
ok "with a wrong one, too" keeps says 1 "azure:device-ca: .*status 401.*are user and password right" \
    "$devid" --config "$(with_password "$dir/wrong-password")" est enroll azure:device-ca
ok "with the right one it is granted, and that is told" sh -c \
    "'$devid' --config '$(with_password "$dir/ca/basic-password")' est enroll azure:device-ca >'$dir/told' && grep 'has expired and was refused: user and password are tried alone' '$dir/told'"
# of the last two requests: whose certificate was in TLS, and what was answered
last_two() { awk -F'\t' '$3 == "POST" && $4 ~ /basic\/simpleenroll/ {print $6, $7}' "$dir/ca/requests.log" | tail -n 2 | tr '\n' ' '; }
ok "the server saw no certificate, and the password when it had asked for it" test "$(last_two)" = "- 401 - 200 "
ok "provision gets others for the same keys" "$devid" provision
ok "all are valid" sh -c "[ \"\$('$devid' list | grep -c ' valid ')\" -eq 5 ]"

# estca_again OPTIONS: at the same addresses
estca_again() {
    kill "${pids[-1]}"
    wait "${pids[-1]}" 2>/dev/null
    unset 'pids[-1]'
    "$build/test/ca/estca" -dir "$dir/ca" "$@" >"$dir/ca.log" 2>&1 &
    pids+=($!)
    wait_for "$dir/ca/urls"
}
estca_again -expired-servers
ok "a server whose certificate has expired is told" keeps says 1 "127.0.0.3.*expired" "$devid" est reenroll azure:device-id
ok "the device goes on without it" sh -c "'$devid' provision | grep '^nothing to do'"
estca_again
ok "when the server has another one it is served" "$devid" est reenroll azure:device-id

ok "0: done" "$devid" list
ok "1: failed" says 1 "no-such" "$devid" show no-such
ok "2: no such command" usage "nonsense" "$devid" nonsense
ok "2: no such option" usage "option" "$devid" list --nonsense
ok "2: too many arguments" usage "one name" "$devid" show idevid ek
ok "75: to be tried again" says 75 "^devid: .*no TPM at" "$devid" --config "$(changed "s|^tcti.*|tcti = swtpm:path=$dir/nothing|")" provision
ok "75: the server says later" says 75 "503\|later" \
    "$devid" --config "$(changed "s|$(url_of field)|&/status-503|; s|^label.*||; s|azure:device-id|spare|")" provision --no-wait spare
ok "nothing is loaded, and no wrong password was counted" clean
echo "1..$n"
