#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# devid attest makes evidence that a key lives in this TPM, devid verify checks it where there is neither TPM nor devid.conf, and
# says what it did not check. Evidence that was changed anywhere is refused.
set -u
# shellcheck source=test/client/device.sh
. "${DEVID_SRC:?}/test/client/device.sh"

# An auditor's machine.
verify() { env -i PATH="$PATH" OPENSSL_MODULES=/nowhere DEVID_CONF=/nowhere "$devid" verify "$@"; }
all() { verify --ek-roots "$dir/vendor/issuercert.pem" --roots "$dir/roots.pem" --nonce 00112233 "$@"; }

ok "the device has an IDevID and an LDevID" "$devid" provision idevid azure:ldevid azure:device-id
ok "without an IAK one is made for the purpose" "$devid" attest --nonce 00112233 --out "$dir/without.pem" idevid
ok "that is evidence, which tells that IAK and EK are not tied together" sh -c "
    '$devid' verify --nonce 00112233 '$dir/without.pem' >'$dir/told' && cat '$dir/told' && grep -q '^not checked: that attestation key and EK' '$dir/told'"
with_iak ec-p256
ok "an IAK is enrolled" "$devid" provision iak
cat "$dir/ca/manufacturer-root.pem" "$dir/ca/customer-root.pem" >"$dir/roots.pem"
for name in idevid azure:ldevid azure:device-id; do
    ok "$name is attested" "$devid" attest --nonce 00112233 --out "$dir/$name.pem" "$name"
    ok "$name: all is checked but revocation" sh -c "$(declare -f verify all); dir='$dir' devid='$devid'
        all '$dir/$name.pem' >'$dir/told' && cat '$dir/told' && [ \$(grep -c '^checked:' '$dir/told') -eq 6 ] &&
        [ \"\$(grep '^not checked:' '$dir/told')\" = 'not checked: whether a certificate was revoked' ]"
done
ok "it is written to standard output, too" sh -c "'$devid' attest idevid >'$dir/told' && [ \$(grep -c BEGIN '$dir/told') -ge 8 ]"
ok "without CAs and nonce it says what it did not check" sh -c "
    '$devid' verify '$dir/idevid.pem' >'$dir/told' && [ \$(grep -c '^not checked:' '$dir/told') -eq 6 ]"
ok "a key that is disabled is not attested" sh -c "'$devid' disable --key azure:ldevid && ! '$devid' attest azure:ldevid && '$devid' enable azure:ldevid"
ok "another nonce is refused" says 1 "its nonce is another one" verify --nonce 00112234 "$dir/idevid.pem"
ok "another chip maker is refused" says 1 "the EK's certificate does not verify" verify --ek-roots "$dir/roots.pem" "$dir/idevid.pem"
ok "another CA is refused" says 1 "certificate does not verify" verify --roots "$dir/ca/customer-root.pem" "$dir/idevid.pem"
ok "what is no evidence is told" says 1 "no evidence of devid" verify "$dir/roots.pem"
ok "a nonce that is none is told" says 1 "hexadecimal" sh -c "'$devid' attest --nonce xyz idevid 2>&1 >/dev/null | head -1 >&2; exit 1"

# tamper FILE: copies of it, each with one bit of one block changed, in the folder changed; each 7th byte of a block
tamper() {
    mkdir -p "$dir/changed" && python3 - "$1" "$dir/changed" <<'END'
import base64, re, sys
text = open(sys.argv[1]).read()
blocks = list(re.finditer(r'-----BEGIN ([^-]+)-----\n(.*?)-----END \1-----\n', text, re.S))
seen = {}
for n, block in enumerate(blocks):
    seen[block[1]] = seen.get(block[1], 0) + 1
    data = bytearray(base64.b64decode(block[2]))
    step = max(1, len(data) // 12)
    for at in list(range(0, len(data), step)) + [len(data) - 1]:
        data[at] ^= 1
        body = base64.encodebytes(bytes(data)).decode()
        data[at] ^= 1
        changed = text[:block.start(2)] + body + text[block.end(2):]
        open('%s/%d-%s-%d' % (sys.argv[2], n, block[1].replace(' ', '_'), at), 'w').write(changed)
assert len(seen) == 8, seen
END
}
# refused FILE...: none of them is good
refused() {
    local file bad=0
    for file; do all "$file" >"$dir/told" 2>&1 && { echo "good: $file"; bad=1; }; done
    echo "$# files"
    [ $# -ge 90 ] && return $bad
}
ok "evidence is changed in each of its blocks" tamper "$dir/idevid.pem"
ok "evidence that was changed anywhere is refused" refused "$dir"/changed/*
ok "a block that stands twice is refused" sh -c "cat '$dir/idevid.pem' '$dir/azure:ldevid.pem' >'$dir/twice.pem' && ! '$devid' verify '$dir/twice.pem'"
ok "another key's evidence under this certificate is refused" sh -c "
    { sed '/BEGIN CERTIFICATE/,\$d' '$dir/azure:ldevid.pem'; sed -n '/BEGIN CERTIFICATE/,\$p' '$dir/idevid.pem'; } >'$dir/mixed.pem'
    '$devid' verify '$dir/mixed.pem' 2>&1 | grep -q 'certificate is for another key'"
ok "nothing is loaded, and no wrong password was counted" clean
echo "1..$n"
