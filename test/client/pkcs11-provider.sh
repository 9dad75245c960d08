#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# pkcs11-provider, by which OpenSSL 3 takes keys of any PKCS#11 module: store, signatures, requests, TLS on both ends, new keys, PINs.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"
. "$DEVID_SRC/test/client/registry.sh"

needs pkcs11-tool opensc
needs swtpm swtpm
needs tpm2_createek tpm2-tools
fetch_pkcs11_provider || exit 77
world_start
world_manufacture || exit 1
"$DEVID_BUILD/test/client/prepare" "$FOLDER" >"$FOLDER/prepare.log" 2>&1 || { cat "$FOLDER/prepare.log"; exit 1; }
cd "$FOLDER" || exit 1
export ORDER=pkcs11-provider
module=$DEVID_BUILD/.libs/devid-pkcs11.so
localhost_cert
# It makes copies of keys that may be copied, and logs in for that even where no login is needed: hence no cache of keys.
cat >provider.cnf <<EOF
openssl_conf = init
[init]
providers = providers
[providers]
default = default_provider
pkcs11 = pkcs11_provider
[default_provider]
activate = 1
[pkcs11_provider]
module = $PKCS11_PROVIDER
pkcs11-module-path = $module
pkcs11-module-cache-keys = false
activate = 1
[req]
distinguished_name = dn
[dn]
EOF
export OPENSSL_CONF=$FOLDER/provider.cnf

head -c 5000 /dev/urandom >message
openssl dgst -sha256 -binary -out digest message
ok "the store has the owner's objects" openssl storeutl -noout -text "pkcs11:token=owner"
ok "a certificate of it" sh -c "openssl storeutl -certs 'pkcs11:token=owner;object=azure%3Aldevid;type=cert' | openssl x509 -out cert.pem"
ok "is the one that was issued" diff cert.pem <(openssl x509 -in azure-ldevid-cert.pem)

# use KEY CERTIFICATE LABEL: all that is done with one key
use() {
    local version
    openssl x509 -in "$2" -noout -pubkey >public.pem
    ok "$3: a signature" openssl dgst -sha256 -sign "$1" -out signature message
    ok "is good" openssl dgst -sha256 -verify public.pem -signature signature message
    ok "$3: of a digest" openssl pkeyutl -sign -inkey "$1" -in digest -out signature -pkeyopt digest:sha256
    ok "is good" openssl pkeyutl -verify -pubin -inkey public.pem -in digest -sigfile signature -pkeyopt digest:sha256
    ok "$3: a request" openssl req -new -key "$1" -subj /CN=provider -out request.pem
    ok "is good" openssl req -in request.pem -noout -verify
    ok "$3: a signed message" openssl cms -sign -nodetach -signer "$2" -inkey "$1" -in message -binary -out cms.pem
    ok "is good" openssl cms -verify -CAfile ca-cert.pem -in cms.pem -purpose any -out /dev/null
    for version in -tls1_2 -tls1_3; do
        ok "$3: a TLS client, $version" handshake -key "$1" -cert "$2" -CAfile ca-cert.pem "$version" -- -key server.key -cert server.pem -CAfile ca-cert.pem
        ok "$3: a TLS server, $version" handshake -key server.key -cert server.pem -CAfile ca-cert.pem "$version" -- -key "$1" -cert "$2" -CAfile ca-cert.pem
    done
}
for name in azure:ldevid wrapped rsa; do
    use "pkcs11:token=owner;object=${name/:/%3A};type=private" "${name/:/-}-cert.pem" "$name"
done
rsa="pkcs11:token=owner;object=rsa;type=private"
openssl x509 -in rsa-cert.pem -noout -pubkey >public.pem
ok "PSS" openssl dgst -sha256 -sign "$rsa" -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest -out signature message
ok "is good" openssl dgst -sha256 -verify public.pem -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest -signature signature message
oaep=(-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256) # it gives out no hash by itself
openssl pkeyutl -encrypt -pubin -inkey public.pem -in digest -out secret "${oaep[@]}"
ok "decryption" openssl pkeyutl -decrypt -inkey "$rsa" -in secret -out plain "${oaep[@]}"
ok "gives what was encrypted" cmp plain digest

# Both providers: uri-schemes says whose pkcs11: is. Only pkcs11-provider calls a key so.
both() { # both LINE: that is in our section
    sed "s|^default = .*|&\ndevid = devid_provider|; s|^\[default_provider\]|[devid_provider]\nmodule = $DEVID_BUILD/.libs/devid.so\n$1\nactivate = 1\n&|" \
        provider.cnf >both.cnf
}
shown() { env OPENSSL_CONF="$FOLDER/both.cnf" openssl pkey -in "$1" -text -noout; }
theirs="PKCS11 RSA Private Key"
both ""
ok "pkcs11: is ours, which is named first" lacks "$theirs" shown "$rsa"
both "uri-schemes = devid handle"
ok "with uri-schemes, another provider is asked" shown "$rsa"
ok "and it is pkcs11-provider that opens it" grep -q "$theirs" out
ok "devid: is still ours" lacks "$theirs" shown devid:rsa

vault "$module"
tool=(pkcs11-tool --module "$module" --token-label vault --login --pin 123456)
ok "a key behind the PIN" "${tool[@]}" --keypairgen --key-type EC:prime256v1 --label mine --id 01
printf 123456 >pin
mine="pkcs11:token=vault;object=mine;type=private?pin-source=file:$FOLDER/pin"
ok "a request with it" openssl req -new -key "$mine" -subj /CN=mine -out request.pem
ok "is good" openssl req -in request.pem -noout -verify
OPENSSL_CONF=/dev/null openssl x509 -req -in request.pem -CA ca-cert.pem -CAkey ca-key.pem -out mine-cert.pem 2>/dev/null
use "$mine" mine-cert.pem "with a PIN"
finish
