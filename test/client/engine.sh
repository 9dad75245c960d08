#!/bin/bash
# libp11's engine, which old programs use: it takes over RSA and EC keys of the whole process, and a PIN must be proven all the same.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"

needs pkcs11-tool opensc
needs curl curl
needs swtpm swtpm
needs tpm2_createek tpm2-tools
openssl engine pkcs11 >/dev/null 2>&1 || { echo "passed over: the engine is needed: apt-get install libengine-pkcs11-openssl"; exit 77; }
world_start
world_manufacture || exit 1
"$DEVID_BUILD/test/client/prepare" "$FOLDER" || exit 1
cd "$FOLDER" || exit 1
export ORDER=engine
module=$DEVID_BUILD/.libs/devid-pkcs11.so
cat >engine.cnf <<EOF
openssl_conf = init
[init]
engines = engines
[engines]
pkcs11 = pkcs11
[pkcs11]
engine_id = pkcs11
MODULE_PATH = $module
init = 0
[req]
distinguished_name = dn
[dn]
EOF
export OPENSSL_CONF=$FOLDER/engine.cnf

tool() {
    pkcs11-tool --module "$module" "$@"
}
sign() {
    openssl dgst -sha256 -engine pkcs11 -keyform engine -sign "$1" -out signature message
}
good() {
    openssl dgst -sha256 -verify "$1" -signature signature message
}

head -c 5000 /dev/urandom >message
for name in azure:ldevid wrapped rsa; do
    openssl x509 -in "${name/:/-}-cert.pem" -noout -pubkey >public.pem
    ok "$name signs" sign "pkcs11:token=owner;object=${name/:/%3A};type=private"
    ok "is good" good public.pem
done
# what another scheme signs is proven in another way
ok "rsa signs by PSS" openssl dgst -sha256 -engine pkcs11 -keyform engine -sign "pkcs11:token=owner;object=rsa;type=private" \
    -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -out signature message
ok "is good" openssl dgst -sha256 -verify public.pem -sigopt rsa_padding_mode:pss -signature signature message
ok "a request" openssl req -new -engine pkcs11 -keyform engine -key "pkcs11:token=owner;object=azure%3Aldevid" -subj /CN=engine -out request.pem
ok "is good" openssl req -in request.pem -noout -verify

vault "$module"
id=0
for type in EC:prime256v1 rsa:2048; do
    id=$((id + 1))
    ok "a key in it, $type" tool --token-label vault --login --pin 123456 --keypairgen --key-type "$type" --label "key$id" --id "0$id"
    tool --token-label vault --read-object --type pubkey --id "0$id" -o public.der
    openssl pkey -pubin -inform DER -in public.der -out public.pem
    ok "signs with the PIN" sign "pkcs11:token=vault;object=key$id;type=private;pin-value=123456"
    ok "is good" good public.pem
    printf 123456 >pin # libp11 takes a line end for a part of the PIN
    ok "signs with the PIN of a file" sign "pkcs11:token=vault;object=key$id;type=private?pin-source=file:$FOLDER/pin"
    ok "is good" good public.pem
done
ok "a request with the PIN" openssl req -new -engine pkcs11 -keyform engine -subj /CN=mine -out request.pem \
    -key "pkcs11:token=vault;object=key1;type=private?pin-source=file:$FOLDER/pin"
ok "is good" openssl req -in request.pem -noout -verify
OPENSSL_CONF=/dev/null openssl x509 -req -in request.pem -CA ca-cert.pem -CAkey ca-key.pem -out key1-cert.pem
ok "its certificate is put beside the key" tool --token-label vault --login --pin 123456 --write-object key1-cert.pem --type cert --label key1 --id 01

owner="pkcs11:token=owner;object=azure%3Aldevid;type=private"
pinned="pkcs11:token=vault;object=key1;type=private;pin-value=123456"
software=(-key server.key -cert server.pem -CAfile ca-cert.pem)
localhost_cert
export ORDER=engine OPENSSL_CONF=$FOLDER/engine.cnf
for version in -tls1_2 -tls1_3; do
    ok "a TLS client, $version" handshake -engine pkcs11 -keyform engine -key "$owner" -cert azure-ldevid-cert.pem -CAfile ca-cert.pem \
        "$version" -- "${software[@]}"
    ok "with a PIN" handshake -engine pkcs11 -keyform engine -key "$pinned" -cert key1-cert.pem -CAfile ca-cert.pem \
        "$version" -- "${software[@]}"
    ok "with RSA" handshake -engine pkcs11 -keyform engine -key "pkcs11:token=owner;object=rsa;type=private" -cert rsa-cert.pem \
        -CAfile ca-cert.pem "$version" -- "${software[@]}"
    ok "a TLS server, $version" handshake "${software[@]}" "$version" -- -engine pkcs11 -keyform engine -key "$owner" \
        -cert azure-ldevid-cert.pem -CAfile ca-cert.pem
    ok "with a PIN" handshake "${software[@]}" "$version" -- -engine pkcs11 -keyform engine -key "$pinned" -cert key1-cert.pem \
        -CAfile ca-cert.pem
done

port=$(free_port)
openssl s_server -accept "127.0.0.1:$port" "${software[@]}" -Verify 2 -verify_return_error -www >server.log 2>&1 &
server=$!
wait_port "$port"
# fetch KEY CERTIFICATE [OPTION...]
fetch() {
    curl -sS --fail --max-time 60 --cacert ca-cert.pem --engine pkcs11 --key-type ENG --key "$1" --cert "$2" "${@:3}" "https://localhost:$port/"
}
for version in 1.2 1.3; do
    ok "curl, TLS $version" fetch "$owner" ./azure-ldevid-cert.pem "--tlsv$version" --tls-max "$version"
    ok "curl with RSA" fetch "pkcs11:token=owner;object=rsa;type=private" ./rsa-cert.pem "--tlsv$version" --tls-max "$version"
    ok "curl with a PIN" fetch "$pinned" ./key1-cert.pem "--tlsv$version" --tls-max "$version"
    ok "curl with the PIN of a file" fetch "pkcs11:token=vault;object=key1;type=private?pin-source=file:$FOLDER/pin" ./key1-cert.pem
done
ok "curl with a certificate of the token" fetch "$owner" "pkcs11:token=owner;object=azure%3Aldevid;type=cert" --cert-type ENG
ok "curl with one behind the PIN" fetch "$pinned" "pkcs11:token=vault;object=key1;type=cert;pin-value=123456" --cert-type ENG
kill "$server"
wait "$server" 2>/dev/null
finish
