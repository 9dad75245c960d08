#!/bin/bash
# GnuTLS on the module: p11tool, certtool, TLS clients and servers that have their keys in the TPM.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"

needs p11tool gnutls-bin
needs swtpm swtpm
needs tpm2_createek tpm2-tools
world_start
world_manufacture || exit 1
"$DEVID_BUILD/test/client/prepare" "$FOLDER" || exit 1
cd "$FOLDER" || exit 1
export ORDER=p11tool
module=$DEVID_BUILD/.libs/devid-pkcs11.so
ldevid="pkcs11:token=owner;object=azure%3Aldevid"

tool() {
    p11tool --provider "$module" --batch "$@"
}

ok "the EK is seen" tool --list-tokens
sends "" "tokens are listed" tool --list-tokens
ok "the owner's" grep -q "URL: .*manufacturer=devid;serial=[0-9a-f]\{16\};token=owner" out
sends "" "objects are listed" tool --list-all pkcs11:token=owner
ok "ten of them" test "$(tool --list-all pkcs11:token=owner | grep -cE 'Type: (X.509|Private|Public)')" = 10 # newer ones list profiles, too
sends "" "private keys are listed" tool --list-privkeys pkcs11:token=owner
ok "three of them" test "$(tool --list-privkeys pkcs11:token=owner | grep -c '^Object')" = 3
sends "" "the manufacturer's objects" tool --list-all pkcs11:token=manufacturer
sends "" "a certificate is exported" tool --export "$ldevid;type=cert" --outfile cert.pem
openssl x509 -in azure-ldevid-cert.pem -out expected.pem
ok "it is the one that was issued" diff <(openssl x509 -in cert.pem) expected.pem
sends "" "a public key is exported" tool --export "$ldevid;type=public" --outfile public.pem
ok "it is the certificate's" diff -B public.pem <(openssl x509 -in azure-ldevid-cert.pem -noout -pubkey)
sends "Sign" "an EC key signs" tool --test-sign "$ldevid;type=private"
sends "Load Sign FlushContext" "a wrapped key signs" tool --test-sign "pkcs11:token=owner;object=wrapped;type=private"
sends "Sign" "an RSA key signs" tool --test-sign "pkcs11:token=owner;object=rsa;type=private"
sends "RSA_Decrypt" "an RSA key signs with PSS" \
    tool --test-sign --sign-params=RSA-PSS "pkcs11:token=owner;object=rsa;type=private"
sends "Sign" "a login that nobody needs" tool --login --set-pin 1234 --test-sign "$ldevid;type=private"

export ORDER=certtool
cert() {
    certtool --provider "$module" "$@"
}
printf 'cn = "gateway 17"\nca\ncert_signing_key\nsigning_key\ntls_www_client\nexpiration_days = 100\nserial = 1\n' >own.tmpl
printf 'cn = "customer"\nsigning_key\ntls_www_client\nexpiration_days = 100\nserial = 2\n' >issued.tmpl
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key -subj /CN=other -out other.csr 2>/dev/null
# each LABEL OPTION...: a request, a certificate of its own, and another's certificate, by that key
each() {
    local key="pkcs11:token=owner;object=$1"
    export ORDER="certtool $*"
    shift
    ok "a request" cert --generate-request --load-privkey "$key;type=private" --load-pubkey "$key;type=public" --template own.tmpl \
        --outfile request.pem "$@"
    ok "is good" openssl req -in request.pem -noout -verify
    ok "a self-signed certificate" cert --generate-self-signed --load-privkey "$key;type=private" --load-pubkey "$key;type=public" \
        --template own.tmpl --outfile own.pem "$@"
    ok "is good for GnuTLS" certtool --verify --load-ca-certificate own.pem --infile own.pem
    ok "and for OpenSSL" openssl verify -check_ss_sig -CAfile own.pem own.pem
    ok "another's certificate is issued with it" cert --generate-certificate --load-request other.csr --load-ca-certificate own.pem \
        --load-ca-privkey "$key;type=private" --template issued.tmpl --outfile issued.pem "$@"
    ok "is good for GnuTLS" certtool --verify --load-ca-certificate own.pem --infile issued.pem
    ok "and for OpenSSL" openssl verify -CAfile own.pem issued.pem
}
each azure%3Aldevid
each wrapped
each rsa
each rsa --hash SHA512
each rsa --sign-params RSA-PSS
ok "a certificate of the token is shown" cert --certificate-info --infile "$FOLDER/cert.pem"
ok "a CRL" cert --generate-crl --load-ca-certificate own.pem --load-ca-privkey "pkcs11:token=owner;object=rsa;type=private" \
    --template own.tmpl --outfile crl.pem
ok "is good" openssl crl -in crl.pem -noout -CAfile own.pem

openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out software-key.pem 2>/dev/null
(
    openssl_conf default-first
    openssl req -x509 -new -key software-key.pem -subj /CN=localhost -CA ca-cert.pem -CAkey ca-key.pem \
        -addext subjectAltName=DNS:localhost -out software-cert.pem
)
export ORDER=gnutls-cli

# gnutls VERSION LABEL: gnutls-cli shows the server a certificate whose key is in the TPM
gnutls() {
    local port server rc
    port=$(free_port)
    timeout 100 openssl s_server -accept "127.0.0.1:$port" -Verify 2 -verify_return_error -CAfile ca-cert.pem -naccept 1 \
        -key software-key.pem -cert software-cert.pem -www >server.log 2>&1 &
    server=$!
    wait_port "$port"
    printf 'GET / HTTP/1.0\r\n\r\n' | timeout 100 gnutls-cli --provider "$module" --x509cafile ca-cert.pem \
        --x509keyfile "pkcs11:token=owner;object=$2;type=private" \
        --x509certfile "pkcs11:token=owner;object=$2;type=cert" --priority "NORMAL:-VERS-ALL:+VERS-$1" \
        --port "$port" localhost
    rc=$?
    kill "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    return "$rc"
}
ok "an RSA client, TLS1.2" gnutls TLS1.2 rsa
ok "is let in" grep -q "200 ok" out
for version in TLS1.2 TLS1.3; do
    sends "Sign" "a client, $version" gnutls "$version" azure%3Aldevid
    ok "is let in" grep -q "200 ok" out
done
sends "RSA_Decrypt" "an RSA client, TLS1.3" gnutls TLS1.3 rsa
ok "is let in" grep -q "200 ok" out

# A token with a PIN: p11tool makes it, and gnutls-cli is let in with a key behind it.
export ORDER=gnutls-pin
# It lists no token that is not initialised, but finds the one without a label.
ok "a token is made" tool --initialize --label vault --set-so-pin 87654321 "pkcs11:manufacturer=devid;token="
ok "its user's PIN" tool --initialize-pin --set-so-pin 87654321 --set-pin 123456 pkcs11:token=vault
ok "a key is made in it" tool --login --set-pin 123456 --generate-ecc --curve=secp256r1 --label mine --outfile mine.pub pkcs11:token=vault
ok "it is hidden from who is not logged in" test -z "$(p11tool --provider "$module" --batch --list-privkeys pkcs11:token=vault 2>/dev/null | grep '^Object')"
ok "it is seen by who is" sh -c "p11tool --provider '$module' --batch --login --set-pin 123456 --list-privkeys pkcs11:token=vault | grep mine"
ok "it signs" tool --login --set-pin 123456 --test-sign "pkcs11:token=vault;object=mine;type=private"
echo 'cn = mine' >mine.tmpl
ok "a certificate" certtool --generate-certificate --load-pubkey mine.pub --load-ca-certificate ca-cert.pem --load-ca-privkey ca-key.pem \
    --template mine.tmpl --outfile mine.pem
ok "is written beside it" tool --login --set-pin 123456 --write --label mine --load-certificate mine.pem pkcs11:token=vault
# gnutls_pin VERSION
gnutls_pin() {
    local port server rc
    port=$(free_port)
    timeout 100 openssl s_server -accept "127.0.0.1:$port" -Verify 2 -verify_return_error -CAfile ca-cert.pem -naccept 1 \
        -key software-key.pem -cert software-cert.pem -www >server.log 2>&1 &
    server=$!
    wait_port "$port"
    printf 'GET / HTTP/1.0\r\n\r\n' | GNUTLS_PIN=123456 timeout 100 gnutls-cli --provider "$module" --x509cafile ca-cert.pem \
        --x509keyfile "pkcs11:token=vault;object=mine;type=private" --x509certfile "pkcs11:token=vault;object=mine;type=cert" \
        --priority "NORMAL:-VERS-ALL:+VERS-$1" --port "$port" localhost
    rc=$?
    kill "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    return "$rc"
}
for version in TLS1.2 TLS1.3; do
    ok "a client with a key behind a PIN, $version" gnutls_pin "$version"
    ok "is let in" grep -q "200 ok" out
done

# gnutls-serv listens on every address: it has a network of its own, of which there is only the loopback.
export ORDER=gnutls-serv
cat >serve.sh <<'EOF'
# serve.sh KEY CERTIFICATE CLIENT-OPTION...: its key is in the TPM, and openssl s_client is served
. "$DEVID_SRC/test/client/lib.sh"
ip link set lo up
GNUTLS_PIN=123456 timeout 100 gnutls-serv --provider "$MODULE" --http --port 5556 --x509keyfile "$1" --x509certfile "$2" \
    --x509cafile ca-cert.pem --require-client-cert >server.log 2>&1 &
wait_port 5556
printf 'GET / HTTP/1.0\r\n\r\n' | timeout 60 openssl s_client -connect 127.0.0.1:5556 -ign_eof -CAfile ca-cert.pem \
    -verify_return_error -key software-key.pem -cert software-cert.pem "${@:3}"
rc=$?
kill "$!"
wait "$!"
exit "$rc"
EOF
# serves KEY CERTIFICATE CLIENT-OPTION...
serves() {
    MODULE=$module timeout 100 unshare -rn bash serve.sh "$@" && grep -q "Verification: OK" out.new && grep -q "HTTP/1.0 200" out.new
}
if unshare -rn true 2>/dev/null; then
    for version in -tls1_2 -tls1_3; do
        for label in azure%3Aldevid wrapped rsa; do
            ok "a server, $label, $version" serves "pkcs11:token=owner;object=$label;type=private" "pkcs11:token=owner;object=$label;type=cert" "$version"
        done
        ok "a server with its key behind a PIN, $version" serves "pkcs11:token=vault;object=mine;type=private" \
            "pkcs11:token=vault;object=mine;type=cert" "$version"
    done
else
    echo "ok - gnutls-serv # SKIP no network of its own"
fi

export ORDER=certtool-pin GNUTLS_PIN=123456
mine="pkcs11:token=vault;object=mine"
ok "a request with the PIN" certtool --provider "$module" --generate-request --load-privkey "$mine;type=private" --load-pubkey mine.pub \
    --template own.tmpl --outfile request.pem
ok "is good" openssl req -in request.pem -noout -verify
ok "a self-signed certificate with the PIN" certtool --provider "$module" --generate-self-signed --load-privkey "$mine;type=private" \
    --load-pubkey mine.pub --template own.tmpl --outfile own.pem
ok "is good" openssl verify -CAfile own.pem own.pem
# what it prints of a token, a program of OpenSSL takes as it is
export ORDER=p11tool
url=$(tool --list-token-urls | grep 'token=owner')
openssl_conf default-first
ok "OpenSSL opens its URL, with model, manufacturer and serial number" openssl pkey -in "$url;object=azure%3Aldevid" -pubout -out url.pem
ok "to the same key" diff url.pem <(openssl x509 -in azure-ldevid-cert.pem -noout -pubkey)
other=${url/serial=????????????????/serial=0123456789abcdef}
fails "that of another TPM it does not" "not on this device" openssl pkey -in "$other;object=azure%3Aldevid" -pubout -out url.pem
finish
