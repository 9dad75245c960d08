#!/bin/bash
# p11-kit between client and module: its server, which gives a token to another process over a socket, and its proxy, which has the
# modules that a user's configuration names.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"

needs p11-kit p11-kit
needs pkcs11-tool opensc
needs p11tool gnutls-bin
needs setpriv util-linux
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
rsa=$(awk '$1 == "label:" { it = $2 } $1 == "ID:" && it == "rsa" { print $2; exit }' objects)
ok "a signature" signs "$id"
openssl x509 -in azure-ldevid-cert.pem -noout -pubkey >public.pem
ok "is good" openssl dgst -sha256 -verify public.pem -signature signature message
ok "a key is made" tool --token-label owner --keypairgen --key-type EC:prime256v1 --label remote --id 7e
ok "it signs" signs 7e
ok "it is deleted" tool --token-label owner --delete-object --type privkey --id 7e
kill "$P11_KIT_SERVER_PID"

# The proxy. Root's own configuration is not read, so that root becomes nobody for this; who may not see the build has the module here.
export ORDER=p11-kit-proxy
proxy=$(pkg-config --variable=proxy_module p11-kit-1)
cp "$DEVID_BUILD/.libs/devid-pkcs11.so" "$DEVID_BUILD/.libs/libtss2-tcti-count.so" .
sed -i "s|$DEVID_BUILD/.libs/|$FOLDER/|" devid.conf
mkdir -p home/.config/pkcs11/modules
echo "user-config: only" >home/.config/pkcs11/pkcs11.conf
printf 'module: %s/devid-pkcs11.so\n' "$FOLDER" >home/.config/pkcs11/modules/devid.module
user=()
if [ "$(id -u)" = 0 ]; then
    user=(setpriv --reuid 65534 --regid 65534 --clear-groups)
    chown -R 65534:65534 .
fi
as_user() {
    "${user[@]}" env -u XDG_CONFIG_HOME "HOME=$FOLDER/home" "$@"
}
through() {
    as_user pkcs11-tool --module "$proxy" "$@"
}

ok "modules are listed" as_user p11-kit list-modules
cp out modules
ok "devid's is one" grep -qE "^(module: )?devid(: |$)" modules
ok "with its tokens" grep -q "token: owner" modules
ok "GnuTLS's programs have them without being told of the module" as_user p11tool --batch --list-token-urls
ok "the owner's" grep -q "token=owner" out
ok "and sign" as_user p11tool --batch --test-sign "pkcs11:token=owner;object=rsa;type=private"
ok "the proxy lists the tokens" through --list-slots
ok "the manufacturer's, too" grep -q "token label *: manufacturer" out
ok "a signature by the proxy" through --token-label owner --sign -m ECDSA-SHA256 --id "$id" -i message -o proxy.sig --signature-format openssl
ok "is good" openssl dgst -sha256 -verify public.pem -signature proxy.sig message
ok "an RSA signature with PSS" through --token-label owner --sign -m SHA256-RSA-PKCS-PSS --id "$rsa" -i message -o proxy.sig
openssl x509 -in rsa-cert.pem -noout -pubkey >public.pem
ok "is good" openssl dgst -sha256 -verify public.pem -sigopt rsa_padding_mode:pss -signature proxy.sig message
ok "a key is made by the proxy" through --token-label owner --keypairgen --key-type EC:secp384r1 --label proxied --id 7f
ok "it signs" through --token-label owner --sign -m ECDSA-SHA384 --id 7f -i message -o proxy.sig
ok "a token with a PIN is made" as_user p11tool --batch --initialize --label vault --set-so-pin 87654321 "pkcs11:manufacturer=devid;token="
ok "its user's PIN" as_user p11tool --batch --initialize-pin --set-so-pin 87654321 --set-pin 123456 pkcs11:token=vault
ok "a key is made in it" through --token-label vault --login --pin 123456 --keypairgen --key-type EC:prime256v1 --label mine --id 01
ok "it signs" through --token-label vault --login --pin 123456 --sign -m ECDSA-SHA256 --id 01 -i message -o proxy.sig
finish
