#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A software TPM with one EC key at 0x81000002, and est_keys on it.
. "$DEVID_SRC/test/tpm/world.sh"

for tool in swtpm tpm2_createprimary tpm2_evictcontrol; do
    command -v "$tool" >/dev/null || { echo "SKIP: no $tool"; exit 77; }
done
world_start
export TPM2TOOLS_TCTI=$WORLD_TCTI
tpm2_createprimary -Q -C o -G ecc256:ecdsa-sha256 -c "$FOLDER/key.ctx" \
    -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign|noda' &&
    tpm2_evictcontrol -Q -C o -c "$FOLDER/key.ctx" 0x81000002 && tpm2_flushcontext -Q -t || exit 1

export OPENSSL_MODULES=$DEVID_BUILD/.libs OPENSSL_CONF=/dev/null DEVID_TEST_KEY=handle:0x81000002
export DEVID_TEST_EVICT="tpm2_evictcontrol -Q -C o -c 0x81000002" DEVID_LOG=trace DEVID_LOG_FILE=$FOLDER/log
"$DEVID_BUILD/test/tpm/est_keys" && world_assert_clean
