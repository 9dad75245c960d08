#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What is kept of a server between runs: the anchors that it taught, which follow its change of root and no one else's, and a request
# that it put off, which is sent again byte for byte.
set -u
# shellcheck source=test/client/device.sh
. "${DEVID_SRC:?}/test/client/device.sh"

# The manufacturer's server, known by the fingerprint of its root.
print=$(openssl x509 -in "$dir/ca/manufacturer-root.pem" -outform DER | sha256sum | cut -d' ' -f1)
wrong=$(tr 0-9a-f 1-9a-f0 <<<"$print")
sed -i "s|^anchors .*manufacturer-root.pem|fingerprint = $print|" "$dir/devid.conf"
kept=$dir/state/.trust/idevid.pem
roots() { openssl crl2pkcs7 -nocrl -certfile "$kept" | openssl pkcs7 -print_certs -noout | grep -c '^subject'; }

ok "a wrong fingerprint is told with what was seen" says 1 "$print" \
    "$devid" --config "$(changed "s|$print|$wrong|")" provision idevid
ok "nothing is kept of it" test ! -e "$kept"
ok "who is asked to come later does not wait" says 75 "again in" "$devid" --config "$(changed "s|$(url_of manufacturer)|&/defer-3s|")" provision --no-wait idevid
ok "the root is kept" test "$(roots)" = 1
ok "and the request" grep -q "^est: .*/defer-3s" "$dir/state/.pending/idevid.csr"
sleep 3.5
ok "after the time the same request is granted: another would be put off again" \
    "$devid" --config "$(changed "s|$(url_of manufacturer)|&/defer-3s|")" provision --no-wait idevid
ok "and is kept no longer" test ! -e "$dir/state/.pending/idevid.csr"
# one URL: a configuration of one identity
one() {
    { sed -n '/^\[device\]/,/^$/p' "$dir/devid.conf"
      printf '[identity one]\nest = %s\nanchors = %s/ca/customer-root.pem\nauthenticate = azure:ldevid\nsubject = CN=one\n' "$1" "$dir"
      sed -n '/^\[identity idevid\]/,/^\[identity azure:device-ca/p' "$dir/devid.conf" | sed '$d'; } >"$dir/one.conf"
    echo "$dir/one.conf"
}
ok "an LDevID is made" "$devid" provision azure:ldevid
pending=$dir/state/.pending/one.csr
ok "a request is put off for an hour" says 75 "again in" "$devid" --config "$(one "$(url_of field)/defer-3600s")" provision --no-wait one
before=$(sha256sum "$pending")
ok "the next run sends the same" says 75 "again in" "$devid" --config "$(one "$(url_of field)/defer-3600s")" provision --no-wait one
ok "byte for byte" test "$before" = "$(sha256sum "$pending")"
ok "another server gets a request of its own" says 75 "again in" "$devid" --config "$(one "$(url_of field)/defer-3601s")" provision --no-wait one
ok "which is kept instead" test "$before" != "$(sha256sum "$pending")"
ok "a served one neither" "$devid" --config "$(one "$(url_of field)")" provision one
ok "nothing is left of it" test ! -e "$pending"

# The next root: of the same name, as RFC 4210 has it.
cd "$dir/ca" || exit 99
openssl ecparam -name prime256v1 -genkey -noout -out new.key
printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n' >ca.ext
subject=$(openssl x509 -in manufacturer-root.pem -noout -subject -nameopt compat | sed 's/^subject=//')
openssl req -new -key new.key -subj "$subject" -out new.csr
openssl req -new -key manufacturer-root.key -subj "$subject" -out old.csr
openssl x509 -req -in new.csr -signkey new.key -days 3650 -extfile ca.ext -out new.pem 2>/dev/null
openssl x509 -req -in new.csr -CA manufacturer-root.pem -CAkey manufacturer-root.key -days 365 -extfile ca.ext -out new-with-old.pem 2>/dev/null
openssl x509 -req -in old.csr -CA new.pem -CAkey new.key -days 365 -extfile ca.ext -out old-with-new.pem 2>/dev/null
cd "$dir" || exit 99
cat ca/new.pem >ca/manufacturer-also.pem
ok "a new root alone is shown" "$devid" est cacerts idevid
ok "and not trusted" test "$(roots)" = 1
cat ca/new.pem ca/new-with-old.pem ca/old-with-new.pem >ca/manufacturer-also.pem
ok "a new root that the old one vouches for is shown" "$devid" est cacerts idevid
ok "and trusted beside it" test "$(roots)" = 2
ok "the file says for which server and fingerprint it is good" sh -c "grep -q '^fingerprint: $print' '$kept' && grep -q '^est: https://127.0.0.1' '$kept'"
rm ca/manufacturer-also.pem
ok "the device goes on" "$devid" provision
ok "a file of anchors of the operator's is never written" sh -c "[ ! -e '$dir/state/.trust/azure:ldevid.pem' ] && [ ! -e '$dir/state/.trust/azure%3Aldevid.pem' ]"
ok "another fingerprint is another trust" says 1 "no root of the server has the configured fingerprint" \
    "$devid" --config "$(changed "s|$print|$wrong|")" est cacerts idevid

# A server that the system's list vouches for, which is a file here.
sed -i "s|^fingerprint.*||" "$dir/devid.conf"
ok "a server of the system's list teaches its root" env SSL_CERT_FILE="$dir/ca/manufacturer-root.pem" "$devid" est cacerts idevid
ok "which alone counts from then on" env SSL_CERT_FILE=/dev/null "$devid" est cacerts idevid
ok "nothing is loaded, and no wrong password was counted" clean
echo "1..$n"
