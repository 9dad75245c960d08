#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# devid provision on a fresh software TPM against the test CA: killed after each TPM command in turn and run
# again, it ends complete, with nothing left over; and what it cannot do it says in one line.
set -u
# shellcheck source=test/client/device.sh
. "${DEVID_SRC:?}/test/client/device.sh"

echo wrong >"$dir/wrong-secret"
ok "a wrong secret is told" says 1 "status 403" "$devid" --config "$(changed "s|secret-manufacturer|../wrong-secret|")" provision idevid
ok "a wrong CA is told" says 1 "the certificate of .* is not from a CA in .*customer-root.pem" "$devid" --config "$(changed "s|ca/manufacturer-root|ca/customer-root|")" provision idevid
ok "a page instead of a certificate is told" says 1 "an HTML page instead of an answer" "$devid" --config "$(changed "s|$(url_of manufacturer)|&/html|")" provision idevid
ok "a failing server is told" says 1 "with status 500" "$devid" --config "$(changed "s|$(url_of manufacturer)|&/status-500|")" provision idevid
ok "a certificate for another key is told" says 1 "the certificate is for another key" "$devid" --config "$(changed "s|$(url_of manufacturer)|&/otherkey|")" provision idevid
ok "an expired certificate is told" says 1 "has expired: is this device.s clock right" "$devid" --config "$(changed "s|$(url_of manufacturer)|&/expired|")" provision idevid
ok "a server that is gone is told" says 1 "cannot connect to 127.0.0.1:9" "$devid" --config "$(changed "s|$(url_of manufacturer)|https://127.0.0.1:9/.well-known/est|")" provision idevid
ok "a TPM that is away is told" says 75 "^devid: .*no TPM at" "$devid" --config "$(changed "s|^tcti.*|tcti = swtpm:path=$dir/nothing|")" provision idevid
ok "an error in the file is told with its line" says 1 "changed.conf:[0-9]*: role:" "$devid" --config "$(changed "s|= ldevid|= ldevit|")" list

# Each run gets one command further than the last.

for ((kill_at = 1; kill_at < 60; kill_at++)); do
    DEVID_TCTI_KILL=$kill_at "$devid" provision >"$dir/out" 2>&1
    status=$?
    [ $status -eq 137 ] || break
done
[ "$status" -eq 0 ] || sed 's/^/# /' "$dir/out"
ok "killed $((kill_at - 1)) times, it ends complete" test "$status" -eq 0
ok "the next run has nothing to do" sh -c "'$devid' provision | grep -q '^nothing to do'"
ok "nothing is loaded, and no wrong password was counted" clean
ok "persistent: EK, SRK, LDevID and IDevID, no second key" test "$(persistent)" = "0x81000001 0x81000002 0x81010001 0x81010016 0x81020000"
ok "four identities and the EK are listed as valid" sh -c "[ \"\$('$devid' list | grep -c ' valid ')\" -eq 5 ]"
key=$("$devid" show idevid | sed -n '/BEGIN PUBLIC/,/END PUBLIC/p')
tpm2_readpublic -Q -c 0x81020000 -f pem -o "$dir/idevid.pem"
ok "the IDevID's certificate in NV is for the key at 0x81020000" sh -c \
    "tpm2_nvread -C o 0x01c90000 | openssl x509 -inform DER -pubkey -noout | cmp - '$dir/idevid.pem' && [ \"$key\" = \"\$(cat '$dir/idevid.pem')\" ]"
ok "it is write-locked and the platform's" sh -c "tpm2_nvreadpublic 0x01c90000 | grep -q 'writelocked.*' && tpm2_nvreadpublic 0x01c90000 | grep -q platformcreate"
ok "simplereenroll renews device-id" "$devid" est reenroll azure:device-id
echo "1..$n"
