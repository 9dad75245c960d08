#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# GlobalSign's own EST server, as it is: built from the module that the test CA pins. Its CA is the test CA's customer; its label
# "csrattrs" sends the example of RFC 7030, "triggererrors" answers by the subject.
set -u
# shellcheck source=test/client/device.sh
. "${DEVID_SRC:?}/test/client/device.sh"
# shellcheck source=test/client/estserver.sh
. "$src/test/client/estserver.sh"
estserver_is_built || { echo "passed over: go is needed: apt-get install golang-go"; exit 77; }

port=$(free_port)
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$dir/server.key" -subj /CN=localhost -out "$dir/server.csr" 2>/dev/null
printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n' >"$dir/server.ext"
openssl x509 -req -in "$dir/server.csr" -CA "$dir/ca/customer-server.pem" -CAkey "$dir/ca/customer-server.key" -days 1 \
    -extfile "$dir/server.ext" -out "$dir/server.pem" 2>/dev/null
cat "$dir/ca/customer-server.pem" >>"$dir/server.pem"

# serve RATE: the server, at the same address
serve() {
    estserver_run "$port" "$dir/ca/customer-chain.pem" "$dir/ca/customer-issuing.key" "$dir/server.pem" "$dir/server.key" \
        "$dir/ca/customer-root.pem" "$1"
}

# with LABEL SUBJECT KEY [LINES [HOST]]: a configuration of one identity; the name of the key is that of the identity
with() {
    { sed -n '/^\[device\]/,/^$/p' "$dir/devid.conf"
      printf '[identity %s]\nkey = %s\nest = %s%s\nanchors = %s/ca/customer-root.pem\nsubject = %s\n%s\n' "$3" "$3" "${gs_url/127.0.0.1/${5:-127.0.0.1}}" \
          "${1:+/$1}" "$dir" "$2" "${4:-}"; } >"$dir/with.conf"
    echo "$dir/with.conf"
}
own="CN=gw-1,O=Example"

ok "the server starts" serve 1000
ok "its CA certificates are had, the issuing CA's first" sh -c \
    "'$devid' --config '$(with "" "$own" ec-p256)' est cacerts ec-p256 | openssl x509 -noout -subject | grep -q 'Customer Issuing CA'"
ok "it wants nothing" sh -c "'$devid' --config '$(with "" "$own" ec-p256)' est csrattrs ec-p256 | grep -qx 'nothing in particular'"
ok "by its label it wants what the standard's example has" sh -c \
    "'$devid' --config '$(with csrattrs "$own" ec-p256)' est csrattrs ec-p256 | grep -qx 'a key: ec-p384'"
ok "a key is certified" "$devid" --config "$(with "" "$own" ec-p256)" provision
ok "and its certificate renewed, which compares names byte for byte" "$devid" --config "$(with "" "$own" ec-p256)" est reenroll ec-p256
ok "a key of another type than it wants is told" says 1 "takes a key of ec-p384, and this one is ec-p256" \
    "$devid" --config "$(with csrattrs "$own" ec-p256)" est enroll ec-p256
ok "one of the type that it wants is certified, with the proof that it wants" "$devid" --config "$(with csrattrs "$own" ec-p384)" provision
ok "an RSA key as well" "$devid" --config "$(with "" "$own" rsa-2048)" provision
ok "a proof by exporter harms nothing" "$devid" --config "$(with "" "$own" ec-p256 "proof = tls-exporter")" est enroll ec-p256
ok "a refusal is told with its words" says 1 "refused simpleenroll (status 403: 403 triggered forbidden response)" \
    "$devid" --config "$(with triggererrors "CN=Trigger Error Forbidden" ec-p256)" est enroll ec-p256
ok "an error of its own is told" says 1 "with status 500" \
    "$devid" --config "$(with triggererrors "CN=Trigger Error Unknown" ec-p256)" est enroll ec-p256
with triggererrors "CN=Trigger Error Deferred" ec-p256 >/dev/null
sed -i 's/^\[identity .*/[identity spare]/' "$dir/with.conf"
ok "later is told with its time" says 75 "again in 600 s (status 202" "$devid" --config "$dir/with.conf" provision --no-wait
ok "and the request is kept" test -s "$dir/state/.pending/spare.csr"
before=$(sha256sum "$dir/state/.pending/spare.csr")
ok "the next run asks again" says 75 "again in 600 s" "$devid" --config "$dir/with.conf" provision --no-wait
ok "by the same request" test "$before" = "$(sha256sum "$dir/state/.pending/spare.csr")"
ok "a host that it does not serve is told" says 1 "status 400" \
    "$devid" --config "$(with "" "$own" ec-p256 "" localhost)" est enroll ec-p256
ok "a URL that ends in an operation is told" says 1 "is an operation: leave it out" \
    "$devid" --config "$(with simpleenroll "$own" ec-p256)" est enroll ec-p256
ok "the maker's IDevID is made" "$devid" provision idevid
sed "s|^est .*|est = $gs_url|; s|^secret.*||" "$dir/devid.conf" >"$dir/stranger.conf"
ok "the certificate of a CA that it does not know is told, in TLS 1.3" says 1 "refused the client certificate" \
    "$devid" --config "$dir/stranger.conf" provision azure:ldevid
kill "${pids[-1]}"; wait "${pids[-1]}" 2>/dev/null; unset 'pids[-1]'
ok "the server starts with a limit" serve 1
ok "a limit of its rate is told, which names no time" says 75 "again later (status 429: 429 rate limit exceeded)" \
    sh -c "for i in 1 2 3 4 5 6 7 8; do '$devid' --config '$(with "" "$own" ec-p256)' est cacerts ec-p256 >/dev/null || exit; done"
ok "nothing is loaded, and no wrong password was counted" clean
echo "1..$n"
