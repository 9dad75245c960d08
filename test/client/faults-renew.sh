#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# devid renew of a wrapped key and of a key at a handle, with each TPM command and each change of a file failing in turn. Whatever
# happened, the files for clients sign with the key that their certificate is for.
set -u
# shellcheck source=test/client/sweep.sh
. "${DEVID_SRC:?}/test/client/sweep.sh"
# shellcheck source=test/client/renew-lib.sh
. "$src/test/client/renew-lib.sh"

has_pair() { sign_with "$dir/clients/$1.pem" && "$devid" list | grep -q "azure:$2 .* valid " && no_second_key && no_rubbish; }
has_device_id() { has_pair device-id device-id; }
has_ldevid() { has_pair ldevid ldevid && sign_with "$dir/clients/ldevid.pem" handle:0x81000002; }

renew_openssl_conf
"$devid" provision >"$dir/out" 2>&1 || { cat "$dir/out"; echo "Bail out! provision failed"; exit 1; }
save whole

sweep "renew device-id" whole has_device_id "$devid" renew --force azure:device-id
sweep "renew LDevID" whole has_ldevid "$devid" renew --force azure:ldevid
power_cuts "renew LDevID" whole has_ldevid "$devid" renew --force azure:ldevid
sweep_end
