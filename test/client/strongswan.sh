#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# strongSwan's pki, which hands a key's DER to libcrypto: requests and certificates by keys in the TPM.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"
. "$DEVID_SRC/test/client/keys.sh"

needs pki strongswan-pki
[ -e /usr/lib/ipsec/plugins/libstrongswan-openssl.so ] ||
    { echo "passed over: its openssl plugin is needed: apt-get install libstrongswan-standard-plugins"; exit 77; }
client_world
export PKI_PLUGINS="openssl pem x509 pkcs1 pkcs8 pubkey nonce random" # of all that it has, so that it does not tell what it has not
for order in default-first devid-first preferred; do
    openssl_conf "$order"
    for name in "${all_keys[@]}"; do
        type=ecdsa
        case $name in *rsa*) type=rsa ;; esac
        openssl x509 -in "$name-cert.pem" -noout -pubkey >expected.pem
        sends "" "the public half of $name" pki --pub --in "$name-key.pem" --type "$type" --outform pem
        ok "is the certificate's" cmp out expected.pem
        one=${tls_commands[$name]/RSA_Decrypt/Sign} # PKCS#1 needs no padding in software
        sends "$one" "a request by $name" pki --req --in "$name-key.pem" --type "$type" --dn "CN=gw-1" --outform pem
        ok "the request is good" openssl req -in out -verify -noout
        sends "$one" "a certificate by $name" pki --self --ca --in "$name-key.pem" --type "$type" --dn "CN=gw-ca" --outform pem
        cp out gw-ca.pem
        ok "the certificate is good" openssl verify -CAfile gw-ca.pem gw-ca.pem
    done
    at_rest
done
finish
