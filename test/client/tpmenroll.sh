#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# devid provision by /tpmenroll: IDevID, IAK and LDevID from the test CA, and from GlobalSign's own server, unmodified. The
# certificate comes encrypted to the EK, which the chip does not even have at its handle when it is delivered.
set -u
# shellcheck source=test/client/device.sh
. "${DEVID_SRC:?}/test/client/device.sh"
# shellcheck source=test/client/estserver.sh
. "$src/test/client/estserver.sh"

# section NAME ROLE URL ANCHORS SUBJECT MORE...: one identity that is enrolled by /tpmenroll
section() {
    local name=$1 role=$2 url=$3 anchors=$4 subject=$5
    shift 5
    printf '[identity %s]\nrole = %s\nest = %s\nanchors = %s\nsubject = %s\nenroll-by = tpmenroll\n' "$name" "$role" "$url" "$anchors" "$subject"
    printf '%s\n' "$@" ""
}
maker=$(url_of manufacturer)
{
    sed -n '1,/^\[identity idevid\]/p' "$dir/devid.conf" | sed '$d'
    for one in "idevid idevid ec-p256 0x81020000 0x01c90000" "iak iak ec-p256 0x81020001 0x01c90100" \
        "iak-rsa iak rsa-2048 0x81020003 0x01c90101"; do
        read -r name role key handle index <<<"$one"
        section "$name" "$role" "$maker" "$dir/ca/manufacturer-root.pem" "CN=Gateway,serialNumber=\${serial},O=Maker" \
            "key = $key" "handle = $handle" "certificate = nv:$index" "secret-file = $dir/ca/secret-manufacturer" "san = hardware-module"
    done
    section ldevid ldevid "$(url_of factory)" "$dir/ca/customer-root.pem" "CN=gw,O=Customer" "authenticate = idevid" \
        "secret-file = $dir/ca/secret-factory"
} >"$dir/tpmenroll.conf"
mv "$dir/tpmenroll.conf" "$dir/devid.conf"

labelled() { changed "s|$maker|&/$1|"; }

tpm2_evictcontrol -Q -C o -c 0x81010001
ok "the EK is brought back for it" "$devid" provision ek
ok "a page instead of a reply is told" says 1 "text/html instead of multipart/mixed\|HTML" "$devid" --config "$(labelled html)" provision idevid
ok "200 with nothing is told" says 1 "with status 200 and no content" "$devid" --config "$(labelled empty)" provision idevid
ok "a certificate for another key is told" says 1 "for the key\|another key" "$devid" --config "$(labelled otherkey)" provision idevid
ok "IDevID, IAKs of both types and LDevID are enrolled" "$devid" provision
ok "each by /tpmenroll, none by simpleenroll" sh -c \
    "[ \$(grep -c 'POST.*tpmenroll.*	200	' '$dir/ca/requests.log') -ge 4 ] && ! grep -q simpleenroll '$dir/ca/requests.log'"
ok "all are valid, and a second run has nothing to do" sh -c \
    "[ \"\$('$devid' list | grep -c ' valid ')\" -eq 5 ] && '$devid' provision | grep -q '^nothing to do'"
# issued NAME ROOT INTERMEDIATE...: its first certificate verifies
issued() {
    "$devid" show "$1" | sed -n '/BEGIN CERT/,$p' >"$dir/$1.pem" && openssl verify -CAfile "$2" -untrusted "$dir/$1.pem" "$dir/$1.pem"
}
for name in idevid iak iak-rsa; do
    ok "$name: the certificate is the manufacturer's" issued $name "$dir/ca/manufacturer-root.pem"
done
ok "a renewal with a new key goes the same way" sh -c "'$devid' est reenroll ldevid && ! grep -q simplereenroll '$dir/ca/requests.log'"
ok "an IAK signs its own request: ECDSA" sh -c "'$devid' csr iak | openssl req -verify -noout"
ok "an IAK signs its own request: PSS" sh -c "'$devid' csr iak-rsa | openssl req -verify -noout -text | grep -qi pss"
ok "the templates of the primaries are recorded" sh -c "[ \$(grep -l '^template: 00' '$dir'/state/manufacturer/*.pem | wc -l) -ge 3 ]"

if estserver_is_built; then
    ok "GlobalSign's server starts" estserver_start
    {
        sed -n '1,/^\[identity idevid\]/p' "$dir/devid.conf" | sed '$d'
        section gs-wrapped client "$gs_url" "$dir/gs/root.pem" "CN=gw,O=Customer"
        section gs-rsa client "$gs_url" "$dir/gs/root.pem" "CN=gw,O=Customer" "key = rsa-2048"
        section idevid idevid "$gs_url" "$dir/gs/root.pem" "CN=gw,serialNumber=1" "key = ec-p256" "handle = 0x81020000"
        section gs-iak iak "$gs_url" "$dir/gs/root.pem" "CN=gw,serialNumber=1" "key = ec-p384" "handle = 0x81020004" "certificate = file"
    } >"$dir/gs.conf"
    ok "GlobalSign's server: EC, RSA and IAK are enrolled" "$devid" --config "$dir/gs.conf" provision gs-wrapped gs-rsa gs-iak
    ok "GlobalSign's server: the certificates are its own" sh -c \
        "'$devid' --config '$dir/gs.conf' show gs-iak | sed -n '/BEGIN CERT/,\$p' >'$dir/iak.pem' && openssl verify -CAfile '$dir/gs/root.pem' -untrusted '$dir/gs/issuing.pem' '$dir/iak.pem'"
fi
ok "nothing is loaded, and no wrong password was counted" clean
echo "1..$n"
