#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# devid renew of identities with enroll-by = tpmenroll: each time the CA sees again that the key is in this TPM, the next key as well, so
# no simplereenroll is sent until the section says so. Against the test CA and GlobalSign's own server.
set -u
# shellcheck source=test/client/device.sh
. "${DEVID_SRC:?}/test/client/device.sh"
# shellcheck source=test/client/estserver.sh
. "$src/test/client/estserver.sh"
# shellcheck source=test/client/renew-lib.sh
. "$src/test/client/renew-lib.sh"
renew_openssl_conf

# section NAME ROLE URL ANCHORS SUBJECT MORE...
section() {
    local name=$1 role=$2 url=$3 anchors=$4 subject=$5
    shift 5
    printf '[identity %s]\nrole = %s\nest = %s\nanchors = %s\nsubject = %s\nenroll-by = tpmenroll\n' "$name" "$role" "$url" "$anchors" "$subject"
    printf '%s\n' "$@" ""
}
sections() { sed -n '1,/^\[identity idevid\]/p' "$dir/quickstart.conf" | sed '$d'; }
cp "$dir/devid.conf" "$dir/quickstart.conf"
maker=$(url_of manufacturer) field=$(url_of field)
{
    sections
    section idevid idevid "$maker" "$dir/ca/manufacturer-root.pem" "CN=Gateway,serialNumber=1" "secret-file = $dir/ca/secret-manufacturer" \
        "san = hardware-module"
    section iak iak "$maker/ttl-10m" "$dir/ca/manufacturer-root.pem" "CN=Gateway,serialNumber=1" "certificate = file" \
        "secret-file = $dir/ca/secret-manufacturer" "san = hardware-module"
    section ldevid ldevid "$(url_of factory)" "$dir/ca/customer-root.pem" "CN=gw,O=Customer" "authenticate = idevid" \
        "secret-file = $dir/ca/secret-factory" "handle = 0x81000002" "pem = $dir/clients/ldevid.pem"
    section device client "$field" "$dir/ca/customer-root.pem" "CN=gw,O=Customer" "authenticate = ldevid" "pem = $dir/clients/device.pem"
    section lasting client "$field" "$dir/ca/customer-root.pem" "CN=gw,O=Customer" "key = rsa-2048" "authenticate = ldevid" "renew-key = same"
} >"$dir/devid.conf"
key_of() { "$devid" show "$1" | openssl x509 -noout -pubkey; }
# asked MESSAGE HOST CLIENT: the last request that the test CA had for a certificate, and whose certificate was in TLS
asked() { [ "$(awk -F'\t' '$3 == "POST"' "$dir/ca/requests.log" | tail -n 1 | awk -F'\t' '{print $4, $2, $6, $7}' | sed 's|.*/||')" = "$1 $2 $3 200" ]; }
# renews NAME: a new certificate, and a new key
renews() {
    local serial key
    serial=$(serial_of "$1") key=$(key_of "$1")
    "$devid" renew --force "$1" && [ "$serial" != "$(serial_of "$1")" ] && [ "$key" != "$(key_of "$1")" ]
}
# renews_certificate NAME: a new certificate for the same key
renews_certificate() {
    local serial key
    serial=$(serial_of "$1") key=$(key_of "$1")
    "$devid" renew --force "$1" && [ "$serial" != "$(serial_of "$1")" ] && [ "$key" = "$(key_of "$1")" ]
}

"$devid" provision >"$dir/out" 2>&1 || { sed 's/^/# /' "$dir/out"; echo "Bail out! no device"; exit 1; }
ok "nothing is due" sh -c "'$devid' renew | grep '^nothing to do'"

cp "$dir/clients/device.pem" "$dir/old.pem"
ok "a wrapped key and its certificate are renewed" renews device
ok "by /tpmenroll, with the certificate in TLS that the section names" asked tpmenroll field "CN=gw,O=Customer"
ok "which is told" sh -c "'$devid' renew --force device | grep 'renewed at .* authenticated by ldevid: '"
ok "the new file signs" sign_with "$dir/clients/device.pem"
renews device >"$dir/out" 2>&1
cp "$dir/clients/device.pem" "$dir/old.pem"
ok "and once more" renews device
ok "the old file signs, too, for its grace time" sign_with "$dir/old.pem"
ok "a key at a handle" renews ldevid
ok "with the IDevID in TLS" asked tpmenroll factory "SERIALNUMBER=1,CN=Gateway"
ok "its new file signs" sign_with "$dir/clients/ldevid.pem"
grace_is_over
ok "after the grace time the new key is at the handle" sh -c "'$devid' renew | grep 'key moved to 0x81000002'"
ok "that one, and no second" at_handle "$dir/clients/ldevid.pem"
ok "with renew-key = same the certificate alone" renews_certificate lasting
ok "by /tpmenroll" asked tpmenroll field "CN=gw,O=Customer"
ok "an IAK, which signs its request and no handshake: its certificate alone" renews_certificate iak
ok "by /tpmenroll, with the secret" asked tpmenroll manufacturer -
ok "an IDevID's that never expires is not renewed" sh -c "'$devid' renew --force idevid | grep '^nothing to do'"
ok "nothing is left in the TPM, nothing counted" clean

# ---- what goes wrong ----

away() { changed "s|^est = $field|est = $field/$1|"; }
before=$(serial_of device) pem=$(sha256sum "$dir/clients/device.pem")
for one in "otherkey for.the.key\|another.key" "html HTML\|text/html" "empty no.content" "drop closed" "status-500 500" "otherca CA\|certificate"; do
    read -r label words <<<"$one"
    ok "$label instead of a certificate is told" says 1 "^devid: device: .*\(${words//./ }\)" "$devid" --config "$(away "$label")" renew --force device
done
ok "the old pair is in use as before" test "$before" = "$(serial_of device)" -a "$pem" = "$(sha256sum "$dir/clients/device.pem")"
ok "the next try has its time" sh -c "'$devid' show device | grep '^failed *6 times in a row; the next try is not before 20'"
ok "later is told" says 75 "later\|again" "$devid" --config "$(away defer-10m)" renew --force --no-wait device
kept=$(sha256sum "$dir/state/.pending/device.renewal" "$dir/state/.renew/device.pem")
ok "request and key are kept" test -s "$dir/state/.pending/device.renewal" -a -s "$dir/state/.renew/device.pem"
ok "later once more" says 75 "later\|again" "$devid" --config "$(away defer-10m)" renew --force --no-wait device
ok "the same are kept" test "$kept" = "$(sha256sum "$dir/state/.pending/device.renewal" "$dir/state/.renew/device.pem")"
key=$(openssl_key "$dir/state/.renew/device.pem")
ok "who waits is served" "$devid" --config "$(away defer-2s)" renew --force device
ok "for the key that waited" test "$key" = "$(key_of device)"
ok "nothing waits any more" test -z "$(find "$dir/state/.renew" "$dir/state/.pending" -name 'device.*')"
tpm2_evictcontrol -Q -C o -c 0x81010001
ok "without the EK at its handle it is told what to do" says 1 "devid recover\|devid provision" "$devid" renew --force device
ok "provision brings it back" "$devid" provision
ok "and a renewal works again" renews device

# ---- when it is too late ----

ok "a certificate of two seconds" "$devid" --config "$(away ttl-2s)" renew --force device lasting
key=$(key_of device)
for ((i = 0; i < 300; i++)); do "$devid" list | grep -q 'device .* expired ' && break; sleep 0.1; done
ok "has expired" sh -c "'$devid' list | grep 'device .* expired '"
ok "provision enrols the same key, by /tpmenroll" sh -c "'$devid' provision | grep 'device: enrolled .* authenticated by ldevid'"
ok "that key, valid again" sh -c "[ '$key' = \"\$('$devid' show device | openssl x509 -noout -pubkey)\" ] && '$devid' list | grep 'device .* valid '"
ok "until now no simplereenroll was sent" sh -c "! grep simple '$dir/ca/requests.log'"

# ---- the other way, if the section says so ----

sed -i "s/^enroll-by.*/enroll-by = simpleenroll/" "$dir/devid.conf"
ok "enroll-by = simpleenroll: what /tpmenroll gave is renewed by simplereenroll" renews device
ok "with its own certificate in TLS" asked simplereenroll field "CN=gw,O=Customer"
ok "which is told" sh -c "'$devid' renew --force device | grep 'authenticated by device: '"

# ---- GlobalSign's own ----

if estserver_is_built; then
    ok "GlobalSign's server starts" estserver_start
    {
        sections
        section gs client "$gs_url" "$dir/gs/root.pem" "CN=gw,O=Customer"
        section gs-rsa client "$gs_url" "$dir/gs/root.pem" "CN=gw,O=Customer" "key = rsa-2048"
        section gs-iak iak "$gs_url" "$dir/gs/root.pem" "CN=gw,serialNumber=1" "key = ec-p384" "handle = 0x81020004" "certificate = file"
    } >"$dir/gs.conf"
    devid() { "$build/devid" --config "$dir/gs.conf" "$@"; }
    devid=devid
    ok "GlobalSign's server: a device is made" devid provision
    ok "a wrapped key and its certificate are renewed" renews gs
    ok "an RSA key" renews gs-rsa
    ok "an IAK's certificate" renews_certificate gs-iak
    ok "all are valid" test "$(devid list | grep -c 'gs.* valid ')" -eq 3
    sed -i "s/^enroll-by.*/enroll-by = simpleenroll/" "$dir/gs.conf"
    ok "simplereenroll takes what /tpmenroll gave: it compares names byte for byte" renews gs
    ok "of an RSA key, too" renews gs-rsa
fi
ok "nothing is left in the TPM, nothing counted" clean
echo "1..$n"
