#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A software TPM with one EC key at 0x81000002, and est_keys on it.
set -eu

for tool in swtpm tpm2_createprimary tpm2_evictcontrol; do
    command -v "$tool" >/dev/null || { echo "SKIP: no $tool"; exit 77; }
done
folder=$(mktemp -d)
pid=
cleanup() {
    [ -z "$pid" ] || kill "$pid" 2>/dev/null || :
    rm -rf "$folder"
}
trap cleanup EXIT INT TERM

mkdir "$folder/tpm" "$folder/state"
swtpm socket --tpm2 --tpmstate "dir=$folder/tpm" --server "type=unixio,path=$folder/swtpm" \
    --ctrl "type=unixio,path=$folder/swtpm.ctrl" --flags not-need-init,startup-clear 2>"$folder/swtpm.log" &
pid=$!
tries=0
until [ -S "$folder/swtpm" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || { echo "swtpm does not start"; exit 1; }
    sleep 0.05
done
TPM2TOOLS_TCTI="swtpm:path=$folder/swtpm"
export TPM2TOOLS_TCTI
tpm2_createprimary -Q -C o -G ecc256:ecdsa-sha256 -c "$folder/key.ctx" \
    -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign|noda'
tpm2_evictcontrol -Q -C o -c "$folder/key.ctx" 0x81000002
tpm2_flushcontext -Q -t

cat >"$folder/devid.conf" <<EOF
[device]
tcti = swtpm:path=$folder/swtpm
state = $folder/state
EOF
DEVID_CONF=$folder/devid.conf OPENSSL_MODULES=$DEVID_BUILD/.libs OPENSSL_CONF=/dev/null
DEVID_TEST_KEY=handle:0x81000002
DEVID_TEST_EVICT="tpm2_evictcontrol -Q -C o -c 0x81000002"
DEVID_LOG=trace DEVID_LOG_FILE=$folder/log
export DEVID_CONF OPENSSL_MODULES OPENSSL_CONF DEVID_TEST_KEY DEVID_TEST_EVICT DEVID_LOG DEVID_LOG_FILE
"$DEVID_BUILD/test/tpm/est_keys"
left=$(tpm2_getcap handles-transient)
[ -z "$left" ] || { echo "left in the TPM: $left"; exit 1; }
