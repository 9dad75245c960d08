#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# devid disown, and devid retire with TPM2_Clear, with each TPM command and each change of a file failing in turn.
set -u
# shellcheck source=test/client/sweep.sh
. "${DEVID_SRC:?}/test/client/sweep.sh"

no_owner() {
    tpm2_readpublic -Q -c 0x81020000 -f pem -o "$dir/now.pub" && cmp "$dir/now.pub" "$dir/idevid.pub" && [ ! -e "$dir/state/owner" ] &&
        [ -z "$(ls "$dir/clients")" ] && [ -e "$dir/state/manufacturer/idevid.pem" ] && no_rubbish
}
disowned() { no_owner && [ "$(persistent)" = "0x81000001 0x81010001 0x81010016 0x81020000" ]; }
retired() { no_owner && [ "$(persistent)" = "0x81010001 0x81020000" ]; }

"$devid" provision >"$dir/out" 2>&1 || { cat "$dir/out"; echo "Bail out! provision failed"; exit 1; }
"$devid" disable idevid
tpm2_readpublic -Q -c 0x81020000 -f pem -o "$dir/idevid.pub"
save whole
sweep "disown" whole disowned "$devid" disown --yes --keep-secrets
sweep "retire --clear-tpm" whole retired "$devid" retire --clear-tpm --yes --keep-secrets
load whole
head -c 300 "$dir/state/owner/azure%3Aldevid.pem" >"$dir/half" && cp "$dir/half" "$dir/state/owner/azure%3Aldevid.pem"
save damaged
sweep "disown with a damaged file" damaged disowned "$devid" disown --yes --keep-secrets
power_cuts "retire --clear-tpm" whole retired "$devid" retire --clear-tpm --yes --keep-secrets
sweep_end
