#!/bin/bash
# libp11's engine, which old programs use: it takes over RSA and EC keys of the whole process, and a PIN must be proven all the same.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"

needs pkcs11-tool opensc
needs swtpm swtpm
needs tpm2_createek tpm2-tools
openssl engine pkcs11 >/dev/null 2>&1 || { echo "passed over: the engine is needed: apt-get install libengine-pkcs11-openssl"; exit 77; }
world_start
world_manufacture || exit 1
"$DEVID_BUILD/test/client/prepare" "$FOLDER" || exit 1
cd "$FOLDER" || exit 1
export ORDER=engine
module=$DEVID_BUILD/.libs/devid-pkcs11.so
cat >openssl.cnf <<EOF
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
export OPENSSL_CONF=$FOLDER/openssl.cnf

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
ok "a request" openssl req -new -engine pkcs11 -keyform engine -key "pkcs11:token=owner;object=azure%3Aldevid" -subj /CN=engine -out request.pem
ok "is good" openssl req -in request.pem -noout -verify

slot=$(tool --list-slots | sed -n 's/^Slot [0-9]* (\(0x[0-9a-f]*\)): TPM 2.0: room.*/\1/p')
ok "a token with a PIN is made" tool --slot "$slot" --init-token --label vault --so-pin 87654321
ok "its user's PIN" tool --token-label vault --login --login-type so --so-pin 87654321 --init-pin --new-pin 123456
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
ok "curl's way: a TLS client" handshake -engine pkcs11 -keyform engine -key "pkcs11:token=owner;object=azure%3Aldevid;type=private" \
    -cert azure-ldevid-cert.pem -CAfile ca-cert.pem -- -key ca-key.pem -cert ca-cert.pem -CAfile ca-cert.pem
finish
