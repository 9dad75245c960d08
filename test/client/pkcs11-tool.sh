#!/bin/bash
# OpenSC's pkcs11-tool on the module: slots, objects, signatures that openssl verifies.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"

needs pkcs11-tool opensc
needs swtpm swtpm
needs tpm2_createek tpm2-tools
world_start
world_manufacture || exit 1
"$DEVID_BUILD/test/client/prepare" "$FOLDER" || exit 1
cd "$FOLDER" || exit 1
export ORDER=pkcs11-tool
module=$DEVID_BUILD/.libs/devid-pkcs11.so

tool() {
    pkcs11-tool --module "$module" "$@"
}

# id_of LABEL: CKA_ID of the private key, by which pkcs11-tool chooses it
id_of() {
    tool --token-label owner -O --type privkey | awk -v label="$1" '$1 == "label:" { it = $2 } $1 == "ID:" && it == label { print $2 }'
}

# verified FILE-OF-CERTIFICATE OPTION...: the file "signature" is one of "message" or "digest"
verified() {
    openssl x509 -in "$1" -noout -pubkey >public.pem
    shift
    openssl "$@"
}

ok "the EK is seen" tool --list-slots
sends "" "slots are listed" tool --list-slots
ok "the owner's token" grep -q "token label *: owner" out
ok "the manufacturer's token" test "$(tool --list-slots | grep -c 'token label')" = 2
sends "" "objects are listed" tool --token-label owner -O
ok "private keys" test "$(tool --token-label owner -O | grep -c '^Private Key Object')" = 3
ok "public keys" test "$(tool --token-label owner -O | grep -c '^Public Key Object')" = 3
ok "certificates, and their issuer once" test "$(tool --token-label owner -O | grep -c '^Certificate Object')" = 4
sends "" "objects are listed after a login that nobody needs" tool --token-label owner --login --pin 1234 -O
sends "" "the manufacturer's objects" tool --token-label manufacturer -O
sends "" "mechanisms" tool --token-label owner -M
ok "ECDSA" grep -q "ECDSA-SHA256, .*sign" out
sends "" "interfaces" tool --show-info
ok "the certificate is read" tool --token-label owner --read-object --type cert --label azure:ldevid -o cert.der
openssl x509 -in azure-ldevid-cert.pem -outform DER -out expected.der
ok "it is the one that was issued" cmp cert.der expected.der

head -c 5000 /dev/urandom >message
openssl dgst -sha256 -binary -out digest message
ec=$(id_of azure:ldevid) wrapped=$(id_of wrapped) rsa=$(id_of rsa)

sends "Sign" "ECDSA" \
    tool --token-label owner --sign -m ECDSA --id "$ec" -i digest -o signature --signature-format openssl
ok "is good" verified azure-ldevid-cert.pem pkeyutl -verify -pubin -inkey public.pem -in digest -sigfile signature
for hash in SHA1 SHA256 SHA384 SHA512; do
    sends "Sign" "ECDSA-$hash" \
        tool --token-label owner --sign -m "ECDSA-$hash" --id "$ec" -i message -o signature --signature-format openssl
    ok "is good" verified azure-ldevid-cert.pem dgst "-${hash,,}" -verify public.pem -signature signature message
    sends "Sign" "$hash-RSA-PKCS" tool --token-label owner --sign -m "$hash-RSA-PKCS" --id "$rsa" -i message -o signature
    ok "is good" verified rsa-cert.pem dgst "-${hash,,}" -verify public.pem -signature signature message
done
sends "Load Sign FlushContext" "ECDSA-SHA256 with a wrapped key" \
    tool --token-label owner --sign -m ECDSA-SHA256 --id "$wrapped" -i message -o signature --signature-format openssl
ok "is good" verified wrapped-cert.pem dgst -sha256 -verify public.pem -signature signature message
for hash in SHA256 SHA384 SHA512; do
    # padded in software, so that its salt is right
    sends "RSA_Decrypt" "$hash-RSA-PKCS-PSS" \
        tool --token-label owner --sign -m "$hash-RSA-PKCS-PSS" --id "$rsa" -i message -o signature
    ok "is good" verified rsa-cert.pem dgst "-${hash,,}" -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest \
        -verify public.pem -signature signature message
done
sends "RSA_Decrypt" "RSA-PKCS-PSS of a digest" \
    tool --token-label owner --sign -m RSA-PKCS-PSS --hash-algorithm SHA256 --id "$rsa" -i digest -o signature
ok "is good" verified rsa-cert.pem pkeyutl -verify -pubin -inkey public.pem -in digest -sigfile signature \
    -pkeyopt digest:SHA256 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:digest
openssl dgst -sha256 -binary message | cat <(printf '\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20') - >info
sends "Sign" "RSA-PKCS of a DigestInfo" tool --token-label owner --sign -m RSA-PKCS --id "$rsa" -i info -o signature
ok "is good" verified rsa-cert.pem dgst -sha256 -verify public.pem -signature signature message
sends "" "verified by the module" \
    tool --token-label owner --verify -m RSA-PKCS --id "$rsa" -i info --signature-file signature
ok "says so" grep -q "Signature is valid" out

ok "the token's own test" tool --token-label owner --test --login --pin 1234
ok "finds no error" grep -q "No errors" out
ok "a child begins anew" tool --token-label owner --test-fork
ok "threads open and close" tool --use-locking --test-threads ILGT --test-threads ILGT --test-threads ILGT
ok "the owner deletes a key" \
    tool --token-label owner --login --pin 1234 --delete-object --type privkey --id "$ec"
finish
