#!/bin/bash
# OpenSC's pkcs11-tool on the module: slots, objects, signatures that openssl verifies.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"

needs pkcs11-tool opensc
needs p11tool gnutls-bin
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

# tested OPTION...: all of the tool's own test. 0.23 counts an error where a mechanism is not there for it, so errors are counted.
tested() {
    tool --test "$@" && grep -q "No errors" out.new
}
ok "the token's own test" tested --token-label owner --login --pin 1234
ok "without a login" tested --token-label owner
ok "a child begins anew" tool --token-label owner --test-fork
ok "threads open and close" tool --use-locking --test-threads ILGT --test-threads ILGT --test-threads ILGT

# public_of LABEL: GnuTLS reads it. pkcs11-tool 0.23 reads memory that it has freed, of P-384 always: "cannot create EVP_PKEY"
public_of() {
    p11tool --provider "$module" --batch --export "pkcs11:token=$token;object=$1;type=public" --outfile public.pem >/dev/null 2>&1
}

# pairs OPTION...: each type of key is made, signs, shares a secret or decrypts, and is deleted
pairs() {
    local type curve id=a0 usage
    for type in EC:prime256v1 EC:secp384r1 rsa:2048 rsa:3072; do
        usage=--usage-derive
        [ "${type%:*}" = EC ] || usage=--usage-decrypt
        ok "a new key: $type" tool "$@" --keypairgen --key-type "$type" --label new --id "$id" --usage-sign "$usage"
        ok "its public half" public_of new
        if [ "${type%:*}" = EC ]; then
            curve=${type#*:}
            ok "signs" tool "$@" --sign -m ECDSA-SHA384 --id "$id" -i message -o signature --signature-format openssl
            openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:$curve" -out peer.pem 2>/dev/null
            openssl pkey -in peer.pem -pubout -outform DER -out peer.der
            ok "shares a secret" tool "$@" --derive -m ECDH1-DERIVE --id "$id" --input-file peer.der --output-file secret
            openssl pkeyutl -derive -inkey peer.pem -peerkey public.pem -out expected
            ok "which the peer has, too" cmp secret expected
        else
            ok "signs" tool "$@" --sign -m SHA384-RSA-PKCS --id "$id" -i message -o signature
            openssl pkeyutl -encrypt -pubin -inkey public.pem -in digest -out encrypted -pkeyopt rsa_padding_mode:oaep \
                -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256
            ok "decrypts, OAEP" tool "$@" --decrypt -m RSA-PKCS-OAEP --hash-algorithm SHA256 --mgf MGF1-SHA256 --id "$id" -i encrypted -o plain
            ok "what was encrypted" cmp plain digest
            openssl pkeyutl -encrypt -pubin -inkey public.pem -in digest -out encrypted
            ok "decrypts, PKCS#1" tool "$@" --decrypt -m RSA-PKCS --id "$id" -i encrypted -o plain
            ok "what was encrypted" cmp plain digest
        fi
        ok "is good" openssl dgst -sha384 -verify public.pem -signature signature message
        ok "is deleted" tool "$@" --delete-object --type privkey --id "$id"
        ok "with its public half" tool "$@" --delete-object --type pubkey --id "$id"
        ok "nothing is left of it" lacks "ID: *$id\$" pkcs11-tool --module "$module" "$@" -O
    done
}
token=owner
pairs --token-label owner

openssl x509 -in ca-cert.pem -outform DER -out ca.der
ok "a certificate is written" tool --token-label owner --write-object ca.der --type cert --label other --id c0
ok "and read" tool --token-label owner --read-object --type cert --id c0 -o read.der
ok "as it was" cmp read.der ca.der
ok "and deleted" tool --token-label owner --delete-object --type cert --id c0
echo "some text" >text
ok "data is written" tool --token-label owner --write-object text --type data --label note --application-label app
ok "and read" tool --token-label owner --read-object --type data --label note -o read
ok "as it was" cmp read text
ok "and deleted" tool --token-label owner --delete-object --type data --label note
openssl pkey -in peer.pem -pubout -outform DER -out peer.der
ok "another's public key is written" tool --token-label owner --write-object peer.der --type pubkey --label peer --id c1
ok "and deleted" tool --token-label owner --delete-object --type pubkey --id c1
fails "a private key is not" "CKR_TEMPLATE_INCONSISTENT" tool --token-label owner --write-object peer.pem --type privkey --label peer --id c2
for bytes in 1 32 2000; do ok "$bytes random bytes" tool --generate-random "$bytes" --token-label owner -o random; done

export ORDER=pkcs11-tool-pin
vault "$module"
token=vault
vault=(--token-label vault --login --pin 123456)
pairs "${vault[@]}"
ok "a key" tool "${vault[@]}" --keypairgen --key-type EC:prime256v1 --label kept --id 01
ok "an RSA key" tool "${vault[@]}" --keypairgen --key-type rsa:2048 --label kept --id 02
ok "the token's own test, with the PIN" tested "${vault[@]}"
ok "without it" tested --token-label vault
ok "who is not logged in sees no key" lacks Private pkcs11-tool --module "$module" --token-label vault -O --type privkey
ok "the PIN is changed" tool "${vault[@]}" --change-pin --new-pin 654321
ok "the key signs with the new one" tool --token-label vault --login --pin 654321 --sign -m ECDSA-SHA256 --id 01 -i message -o signature
ok "the officer's PIN is changed" tool --token-label vault --login --login-type so --so-pin 87654321 --change-pin --new-pin 12345678
ok "the officer gives the user another PIN" tool --token-label vault --login --login-type so --so-pin 12345678 --init-pin --new-pin 111111
ok "the key signs with that" tool --token-label vault --login --pin 111111 --sign -m ECDSA-SHA256 --id 01 -i message -o signature
slot=$(tool --list-slots | sed -n 's/^Slot [0-9]* (\(0x[0-9a-f]*\)): TPM 2.0: vault.*/\1/p')
fails "the token is not made anew with another PIN" "CKR_PIN_INCORRECT" tool --slot "$slot" --init-token --label vault --so-pin 00000000
ok "the token is made anew" tool --slot "$slot" --init-token --label again --so-pin 12345678
ok "it has no user yet" tool --token-label again --login --login-type so --so-pin 12345678 --init-pin --new-pin 222222
ok "and no key" lacks Object pkcs11-tool --module "$module" --token-label again --login --pin 222222 -O
tpm2_dictionarylockout -c # the wrong PIN of the officer was meant
export ORDER=pkcs11-tool
ok "the owner deletes a key" \
    tool --token-label owner --login --pin 1234 --delete-object --type privkey --id "$ec"
finish
