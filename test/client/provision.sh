#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# devid provision on a fresh software TPM against the test CA: killed after each TPM command in turn and run
# again, it ends complete, with nothing left over; and what it cannot do it says in one line.
set -u
build=${DEVID_BUILD:?} src=${DEVID_SRC:?}
dir=$(mktemp -d) n=0
pids=()
# shellcheck disable=SC2317  # called by the trap
stop() {
    local pid
    for pid in ${pids[@]+"${pids[@]}"}; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
    rm -rf "$dir"
}
trap stop EXIT

# ok NAME COMMAND...
ok() {
    local name=$1
    shift
    n=$((n + 1))
    if "$@" >"$dir/out" 2>&1; then echo "ok $n - $name"; else echo "not ok $n - $name"; sed 's/^/# /' "$dir/out"; fi
}
wait_for() { for ((i = 0; i < 200; i++)); do [ -e "$1" ] && return 0; sleep 0.05; done; return 1; }
start_tpm() {
    swtpm socket --tpm2 --tpmstate "dir=$dir/tpm" --server "type=unixio,path=$dir/sock" \
        --ctrl "type=unixio,path=$dir/sock.ctrl" --flags not-need-init,startup-clear 2>/dev/null &
    pids+=($!)
    wait_for "$dir/sock"
}

mkdir -p "$dir"/{tpm,vendor,ca,clients}
printf '%s\n' "create_certs_tool = $(command -v swtpm_localca)" "create_certs_tool_config = $dir/vendor/localca.conf" \
    "create_certs_tool_options = $dir/vendor/localca.options" >"$dir/vendor/setup.conf"
printf '%s\n' "statedir = $dir/vendor" "signingkey = $dir/vendor/k.pem" "issuercert = $dir/vendor/c.pem" \
    "certserial = $dir/vendor/serial" >"$dir/vendor/localca.conf"
printf '%s\n' "--platform-manufacturer Example" "--platform-version 1.0" "--platform-model Gateway" >"$dir/vendor/localca.options"
swtpm_setup --tpm2 --tpmstate "$dir/tpm" --create-ek-cert --lock-nvram --config "$dir/vendor/setup.conf" --overwrite \
    >"$dir/setup.log" 2>&1 || { cat "$dir/setup.log"; echo "Bail out! swtpm_setup failed"; exit 1; }
start_tpm
"$build/test/ca/estca" -dir "$dir/ca" >"$dir/ca.log" 2>&1 &
pids+=($!)
wait_for "$dir/ca/urls" || { echo "Bail out! no test CA"; exit 1; }
url_of() { sed -n "s/^$1=//p" "$dir/ca/urls"; }
count="$build/.libs/libtss2-tcti-count.so:log=$dir/tpm.log,swtpm:path=$dir/sock"
sed -e "s|@HERE@|$dir|g" -e "s|@MANUFACTURER@|$(url_of manufacturer)|" -e "s|@FACTORY@|$(url_of factory)|" \
    -e "s|@FIELD@|$(url_of field)|" -e "s|^tcti .*|tcti = $count|" "$src/doc/examples/quickstart.conf" >"$dir/devid.conf"
export DEVID_CONF=$dir/devid.conf OPENSSL_MODULES=$build/.libs TPM2TOOLS_TCTI=swtpm:path=$dir/sock
devid=$build/devid

# says STATUS WORDS COMMAND...: fails with that status and one line on stderr that has the words
says() {
    local status=$1 words=$2 got
    shift 2
    "$@" >"$dir/stdout" 2>"$dir/stderr"
    got=$?
    cat "$dir/stdout" "$dir/stderr"
    [ $got -eq "$status" ] && [ "$(wc -l <"$dir/stderr")" -eq 1 ] && grep -q -- "$words" "$dir/stderr"
}
changed() { sed "$1" "$dir/devid.conf" >"$dir/changed.conf"; echo "$dir/changed.conf"; }

echo wrong >"$dir/wrong-secret"
ok "a wrong secret is told" says 1 "403" "$devid" --config "$(changed "s|secret-manufacturer|../wrong-secret|")" provision idevid
ok "a wrong CA is told" says 1 "CA\|certificate" "$devid" --config "$(changed "s|ca/manufacturer-root|ca/customer-root|")" provision idevid
ok "a page instead of a certificate is told" says 1 "HTML" "$devid" --config "$(changed "s|$(url_of manufacturer)|&/html|")" provision idevid
ok "a failing server is told" says 1 "500" "$devid" --config "$(changed "s|$(url_of manufacturer)|&/status-500|")" provision idevid
ok "a certificate for another key is told" says 1 "key" "$devid" --config "$(changed "s|$(url_of manufacturer)|&/otherkey|")" provision idevid
ok "an expired certificate is told" says 1 "expired\|valid" "$devid" --config "$(changed "s|$(url_of manufacturer)|&/expired|")" provision idevid
ok "a server that is gone is told" says 1 "127.0.0.1" "$devid" --config "$(changed "s|$(url_of manufacturer)|https://127.0.0.1:9/.well-known/est|")" provision idevid
ok "a TPM that is away is told" says 75 "TPM" "$devid" --config "$(changed "s|^tcti.*|tcti = swtpm:path=$dir/nothing|")" provision idevid
ok "an error in the file is told with its line" says 1 "changed.conf:[0-9]*: role:" "$devid" --config "$(changed "s|= ldevid|= ldevit|")" list

# Each run gets one command further than the last.

for ((kill_at = 1; kill_at < 60; kill_at++)); do
    DEVID_TCTI_KILL=$kill_at "$devid" provision >"$dir/out" 2>&1
    status=$?
    [ $status -eq 137 ] || break
done
n=$((n + 1))
if [ "$status" -eq 0 ]; then echo "ok $n - killed $((kill_at - 1)) times, it ends complete"; else echo "not ok $n - status $status"; sed 's/^/# /' "$dir/out"; fi
ok "the next run has nothing to do" sh -c "'$devid' provision | grep -q '^nothing to do'"
ok "nothing is loaded" sh -c "[ -z \"\$(tpm2_getcap handles-transient)\$(tpm2_getcap handles-loaded-session)\" ]"
ok "the lockout counter is 0" sh -c "tpm2_getcap properties-variable | grep -q 'TPM2_PT_LOCKOUT_COUNTER: 0x0'"
ok "persistent: EK, SRK, LDevID and IDevID, no second key" sh -c \
    "[ \"\$(tpm2_getcap handles-persistent | tr -d '\n')\" = '- 0x81000001- 0x81000002- 0x81010001- 0x81010016- 0x81020000' ]"
ok "four identities and the EK are listed as valid" sh -c "[ \"\$('$devid' list | grep -c ' valid ')\" -eq 5 ]"
key=$("$devid" show idevid | sed -n '/BEGIN PUBLIC/,/END PUBLIC/p')
tpm2_readpublic -Q -c 0x81020000 -f pem -o "$dir/idevid.pem"
ok "the IDevID's certificate in NV is for the key at 0x81020000" sh -c \
    "tpm2_nvread -C o 0x01c90000 | openssl x509 -inform DER -pubkey -noout | cmp - '$dir/idevid.pem' && [ \"$key\" = \"\$(cat '$dir/idevid.pem')\" ]"
ok "it is write-locked and the platform's" sh -c "tpm2_nvreadpublic 0x01c90000 | grep -q 'writelocked.*' && tpm2_nvreadpublic 0x01c90000 | grep -q platformcreate"
ok "simplereenroll renews device-id" "$devid" est reenroll azure:device-id
echo "1..$n"
