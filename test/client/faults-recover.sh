#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# devid recover after TPM2_Clear, and after evictions by the owner, with each TPM command and each change of a file failing in turn.
set -u
# shellcheck source=test/client/sweep.sh
. "${DEVID_SRC:?}/test/client/sweep.sh"

same_idevid() { tpm2_readpublic -Q -c 0x81020000 -f pem -o "$dir/now.pub" && cmp "$dir/now.pub" "$dir/idevid.pub" && no_rubbish; }
manufacturers_only() { same_idevid && [ "$(persistent)" = "0x81010001 0x81020000" ]; }
with_wrapped_keys() { same_idevid && [ "$(persistent)" = "0x81000001 0x81000002 0x81010001 0x81010016 0x81020000" ] && signs azure:device-id; }
# by the storage root key that came back
signs() { OPENSSL_CONF=/dev/null openssl dgst -provider default -provider devid -sha256 -sign "devid:$1" -out "$dir/sig" "$dir/devid.conf"; }

"$devid" provision >"$dir/out" 2>&1 || { cat "$dir/out"; echo "Bail out! provision failed"; exit 1; }
tpm2_readpublic -Q -c 0x81020000 -f pem -o "$dir/idevid.pub"
save whole
tpm2_clear -c l
save cleared
load whole
for handle in 0x81020000 0x81010001 0x81000001; do tpm2_evictcontrol -Q -C o -c $handle; done
save evicted

sweep "recover after TPM2_Clear" cleared manufacturers_only "$devid" recover
sweep "recover after evictions" evicted with_wrapped_keys "$devid" recover
power_cuts "recover after TPM2_Clear" cleared manufacturers_only "$devid" recover
sweep_end
