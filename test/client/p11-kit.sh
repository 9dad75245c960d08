#!/bin/bash
# p11-kit between client and module: its server, which gives a token to another process over a socket, and its proxy.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"

needs p11-kit p11-kit
needs pkcs11-tool opensc
needs swtpm swtpm
needs tpm2_createek tpm2-tools
client=$(pkg-config --variable=p11_module_path p11-kit-1)/p11-kit-client.so
[ -f "$client" ] || { echo "passed over: p11-kit-client.so is needed: apt-get install p11-kit-modules"; exit 77; }
world_start
world_manufacture || exit 1
"$DEVID_BUILD/test/client/prepare" "$FOLDER" || exit 1
cd "$FOLDER" || exit 1
export ORDER=p11-kit XDG_RUNTIME_DIR=$FOLDER
module=$DEVID_BUILD/.libs/devid-pkcs11.so

tool() {
    pkcs11-tool --module "$client" "$@"
}
# p11-kit 0.24 carries few mechanisms over its socket; ECDSA is one
signs() {
    tool --token-label owner --sign -m ECDSA --id "$1" -i digest -o signature --signature-format openssl
}
head -c 5000 /dev/urandom >message
openssl dgst -sha256 -binary -out digest message
p11-kit server --provider "$module" pkcs11:token=owner >address 2>&1
. ./address
export P11_KIT_SERVER_ADDRESS
ok "the owner's token is served" tool --list-slots
ok "and no other" test "$(grep -c 'token label' out)" = 1
ok "its objects" tool --token-label owner -O
cp out objects
ok "three keys" test "$(grep -c '^Private Key Object' objects)" = 3
id=$(awk '$1 == "label:" { it = $2 } $1 == "ID:" && it == "azure:ldevid" { print $2; exit }' objects)
ok "a signature" signs "$id"
openssl x509 -in azure-ldevid-cert.pem -noout -pubkey >public.pem
ok "is good" openssl dgst -sha256 -verify public.pem -signature signature message
ok "a key is made" tool --token-label owner --keypairgen --key-type EC:prime256v1 --label remote --id 7e
ok "it signs" signs 7e
ok "it is deleted" tool --token-label owner --delete-object --type privkey --id 7e
kill "$P11_KIT_SERVER_PID"
finish
