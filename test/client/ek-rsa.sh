#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# A chip whose EK is RSA 3072, of the high range (template H-6), at another handle and with its certificate in another NV index: a
# key is enrolled by /tpmenroll against it, evidence and the TCG's request are good, and devid recover brings it back.
set -u
swtpm_setup --print-capabilities 2>/dev/null | grep -q tpm2-rsa-keysize-3072 || { echo "passed over: this swtpm has no RSA 3072"; exit 77; }
# shellcheck disable=SC2034  # device.sh reads it
tpm_options="--rsa-keysize 3072"
# shellcheck source=test/client/device.sh
. "${DEVID_SRC:?}/test/client/device.sh"
# shellcheck source=test/client/estserver.sh
. "$src/test/client/estserver.sh"

ok "the doctor says where this chip has its EK" sh -c "'$devid' doctor >'$dir/told'; cat '$dir/told'
    grep -q 'RSA 3072: set \"handle = 0x8101001c\" and \"certificate = nv:0x01c0001c\" in \[identity ek\]\$' '$dir/told'"
sed -i 's/0x81010001/0x8101001c/; s/nv:0x01c00002/nv:0x01c0001c/' "$dir/devid.conf"
ek_key() { tpm2_readpublic -Q -c 0x8101001c -f pem -o "$dir/ek.pem" && cat "$dir/ek.pem"; }
key=$(ek_key)

ok "IDevID and LDevID are enrolled" "$devid" provision idevid azure:ldevid
if estserver_start; then
    cat >>"$dir/devid.conf" <<END
[identity gs]
role = client
est = $gs_url
enroll-by = tpmenroll
anchors = $dir/gs/root.pem
subject = CN=gw,O=Customer
END
    ok "GlobalSign's server encrypts a certificate to it, which it opens" "$devid" provision gs
    ok "that is the key's" sh -c "'$devid' list | grep -q 'gs .*valid'"
fi
ok "the EK is listed as what it is" sh -c "'$devid' list | grep '^ek\|ek ' && '$devid' show ek | grep -q 'RSA 3072'"
ok "evidence has it" "$devid" attest --nonce 00112233 --out "$dir/evidence.pem" idevid
ok "and is good" sh -c "'$devid' verify --ek-roots '$dir/vendor/issuercert.pem' --nonce 00112233 '$dir/evidence.pem' >'$dir/told'; cat '$dir/told'
    grep -q \"^checked: the EK's certificate is for this key, and by one of the CAs given\" '$dir/told' && grep -q '^good' '$dir/told'"
ok "so has the TCG's request" sh -c "'$devid' export --tcg-csr --out '$dir/csr' idevid && '$devid' verify --tcg-csr --ek-roots '$dir/vendor/issuercert.pem' '$dir/csr'"

tpm2_clear -Q -c l
ok "after TPM2_Clear it is brought back" "$devid" recover ek
ok "as the key that it was" test "$(ek_key)" = "$key"
tpm2_evictcontrol -Q -C o -c 0x8101001c
rm -r "$dir/state"
ok "so it is from its certificate in NV alone" sh -c "'$devid' recover ek | tee '$dir/told'; grep -q 'ek: key recovered at 0x8101001c: EK template, unique empty' '$dir/told'"
ok "as the key that it was, again" test "$(ek_key)" = "$key"
ok "provision makes the device whole" sh -c "'$devid' provision idevid azure:ldevid && '$devid' list | grep -q 'ldevid.*valid'"
ok "nothing is loaded" sh -c "[ -z \"\$(tpm2_getcap handles-transient)\$(tpm2_getcap handles-loaded-session)\" ]"
ok "the lockout counter is 0" sh -c "tpm2_getcap properties-variable | grep -q 'TPM2_PT_LOCKOUT_COUNTER: 0x0'"
echo "1..$n"
