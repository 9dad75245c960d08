#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# devid provision, identity by identity, with each TPM command and each change of a file failing in turn.
set -u
# shellcheck source=test/client/sweep.sh
. "${DEVID_SRC:?}/test/client/sweep.sh"

is_valid() { "$devid" list | grep -q "$1 .* valid "; }
in_nv() {
    tpm2_nvread -C o 0x01c90000 2>/dev/null | openssl x509 -inform DER -pubkey -noout >"$dir/nv.pub" &&
        tpm2_readpublic -Q -c 0x81020000 -f pem -o "$dir/key.pub" && cmp "$dir/nv.pub" "$dir/key.pub"
}
# The template makes the same key each time; there is but one, and its certificate is written down.
has_idevid() {
    [ "$(persistent)" = "0x81010001 0x81010016 0x81020000" ] && in_nv && is_valid idevid && no_rubbish &&
        { [ ! -e "$dir/idevid.first" ] || cmp "$dir/key.pub" "$dir/idevid.first"; } && cp "$dir/key.pub" "$dir/idevid.first"
}
has_ldevid() { [ "$(persistent)" = "0x81000001 0x81000002 0x81010001 0x81010016 0x81020000" ] && in_nv && is_valid azure:ldevid && no_rubbish; }
has_device_ca() { has_ldevid && is_valid azure:device-ca; }

save vendor
"$devid" provision idevid >"$dir/out" 2>&1 || { cat "$dir/out"; echo "Bail out! no IDevID"; exit 1; }
save idevid
"$devid" provision azure:ldevid >"$dir/out" 2>&1 || { cat "$dir/out"; echo "Bail out! no LDevID"; exit 1; }
save ldevid

sweep "IDevID" vendor has_idevid "$devid" provision idevid
sweep "LDevID" idevid has_ldevid "$devid" provision azure:ldevid
sweep "device-ca" ldevid has_device_ca "$devid" provision azure:device-ca
power_cuts "IDevID" vendor has_idevid "$devid" provision idevid
power_cuts "LDevID" idevid has_ldevid "$devid" provision azure:ldevid
power_cuts "device-ca" ldevid has_device_ca "$devid" provision azure:device-ca
sweep_end
