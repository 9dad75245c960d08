#!/bin/bash
# Software keys while devid is in openssl.cnf and no TPM is there: in every order all is as it was without it.
. "$DEVID_SRC/test/client/lib.sh"

FOLDER=$(mktemp -d)
trap 'rm -rf "$FOLDER"' EXIT
cd "$FOLDER" || exit 1
printf '[device]\ntcti = swtpm:path=%s/nobody\nstate = %s/state\n' "$FOLDER" "$FOLDER" >devid.conf
echo "a message" >message

# tls GROUPS VERSION: both ends with the same key
tls() {
    local options=(-key key.pem -cert cert.pem -CAfile cert.pem -groups "$1" "$2")
    handshake "${options[@]}" -- "${options[@]}"
}

ec() {
    ok "EC, old form" openssl ec -in key.pem -out old.pem -param_enc explicit
    ok "EC, parameters" openssl ecparam -name P-256 -genkey -noout -out other.pem
    ok "ECDH" openssl pkeyutl -derive -inkey key.pem -peerkey public.pem -out secret
}

rsa() {
    ok "RSA, old form" openssl rsa -in key.pem -traditional -out old.pem
    ok "RSA, old form read" openssl rsa -in old.pem -check -noout
    ok "RSA encryption" openssl pkeyutl -encrypt -pubin -inkey public.pem -in digest -out secret
    ok "RSA decryption" openssl pkeyutl -decrypt -inkey key.pem -in secret -out plain
    ok "RSA round trip" cmp plain digest
    ok "PSS" openssl dgst -sha256 -sign key.pem -sigopt rsa_padding_mode:pss -out signature message
    ok "PSS verified" openssl dgst -sha256 -verify public.pem -sigopt rsa_padding_mode:pss -signature signature message
    ok "recovery" openssl pkeyutl -verifyrecover -pubin -inkey public.pem -in signature -pkeyopt rsa_padding_mode:none
    ok "a certificate with PSS" \
        openssl req -x509 -new -key key.pem -subj /CN=a -sigopt rsa_padding_mode:pss -out pss.pem
    ok "a certificate with PSS verified" openssl verify -CAfile pss.pem pss.pem
}

# every KIND OPTION...: all that is done with a key of that kind
every() {
    local kind=$1
    shift
    ok "a new key: $*" openssl genpkey "$@" -out key.pem
    ok "checked" openssl pkey -in key.pem -check -noout
    ok "public half" openssl pkey -in key.pem -pubout -out public.pem
    ok "public half checked" openssl pkey -pubin -in public.pem -pubcheck -noout
    ok "a certificate" openssl req -x509 -new -key key.pem -subj /CN=a -out cert.pem
    ok "a certificate verified" openssl verify -CAfile cert.pem cert.pem
    ok "a signature" openssl dgst -sha384 -sign key.pem -out signature message
    ok "a signature verified" openssl dgst -sha384 -verify public.pem -signature signature message
    openssl dgst -sha256 -binary -out digest message
    ok "a digest signed" openssl pkeyutl -sign -inkey key.pem -in digest -out signature
    ok "a digest verified" openssl pkeyutl -verify -pubin -inkey public.pem -in digest -sigfile signature
    ok "CMS" openssl cms -sign -nodetach -signer cert.pem -inkey key.pem -in message -out cms.pem
    ok "CMS verified" openssl cms -verify -CAfile cert.pem -in cms.pem -purpose any -out /dev/null
    "$kind"
    ok "TLS 1.3, P-256" tls P-256:P-384 -tls1_3
    ok "TLS 1.3, X25519" tls X25519:P-256:P-384 -tls1_3
    ok "TLS 1.2, P-256" tls P-256:P-384 -tls1_2
}

for order in default-first devid-first preferred; do
    openssl_conf "$order"
    every ec -algorithm EC -pkeyopt ec_paramgen_curve:P-256
    every ec -algorithm EC -pkeyopt ec_paramgen_curve:P-384
    every rsa -algorithm RSA -pkeyopt rsa_keygen_bits:2048
    ok "Ed25519" openssl genpkey -algorithm ED25519 -out key.pem
done
[ "$n_failed" = 0 ]
