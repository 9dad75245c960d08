#!/bin/bash
# RSA keys that sign PSS alone: made, written, read, certified, used by openssl's commands and TLS, in each order of providers.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"

needs swtpm swtpm
world_start
"$DEVID_BUILD/test/client/prepare" "$FOLDER" || exit 1
cd "$FOLDER" || exit 1
echo "a message" >message
localhost_cert
devid() { DEVID_CONF=$FOLDER/devid.conf "$DEVID_BUILD/devid" "$@"; }

# is_pss KEY: libcrypto calls it so
is_pss() {
    openssl pkey -in "$1" -pubout -outform DER | openssl asn1parse -inform DER | grep -q rsassaPss
}

n=0
for order in default-first devid-first preferred; do
    openssl_conf "$order"
    n=$((n + 1))
    ours=(-propquery provider=devid)
    [ "$order" = default-first ] || ours=()

    # ---- made ----
    sends "ReadPublic Create" "a wrapped key" openssl genpkey "${ours[@]}" -algorithm RSA-PSS -pkeyopt devid:wrapped -out wrapped.pem
    ok "in a file of its kind" grep -q "BEGIN TSS2 PRIVATE KEY" wrapped.pem
    sends "ReadPublic Create" "an identity, with a hash of its own" \
        openssl genpkey "${ours[@]}" -algorithm RSA-PSS -pkeyopt rsa_pss_keygen_md:sha384 -pkeyopt rsa_pss_keygen_mgf1_md:sha384 \
        -pkeyopt rsa_pss_keygen_saltlen:48 -pkeyopt "devid:label=pss-$n" -out identity.pem
    ok "is written as a reference" grep -q "BEGIN DEVID KEY REFERENCE" identity.pem
    fails "two digests" "one digest for both" openssl genpkey "${ours[@]}" -algorithm RSA-PSS -pkeyopt rsa_pss_keygen_md:sha256 \
        -pkeyopt rsa_pss_keygen_mgf1_md:sha384 -pkeyopt devid:wrapped -out odd.pem
    fails "a salt that the TPM does not make" "or say 32" openssl genpkey "${ours[@]}" -algorithm RSA-PSS \
        -pkeyopt rsa_pss_keygen_saltlen:20 -pkeyopt devid:wrapped -out odd.pem
    fails "a digest that it does not have" "SHA-1, SHA-256" openssl genpkey "${ours[@]}" -algorithm RSA-PSS \
        -pkeyopt rsa_pss_keygen_md:sha3-256 -pkeyopt devid:wrapped -out odd.pem
    sends "" "and who does not say so gets a software key" openssl genpkey "${ours[@]}" -algorithm RSA-PSS \
        -pkeyopt rsa_pss_keygen_md:sha256 -out software.pem
    ok "in a file of its kind" grep -q "BEGIN PRIVATE KEY" software.pem
    sends "" "which signs without the TPM" openssl dgst -sha256 -sign software.pem -out signature message
    ok "and is a PSS key" is_pss software.pem

    # ---- written and read ----
    ok "a reference by the command names the type" sh -c "DEVID_CONF=devid.conf '$DEVID_BUILD/devid' ref pss-$n >ref.pem"
    for key in wrapped.pem identity.pem ref.pem "pkcs11:token=owner;object=pss-$n" "devid:pss-$n"; do
        hash=sha384
        [ "$key" != wrapped.pem ] || hash=sha256
        sends "" "$key is a PSS key" is_pss "$key"
        sends "" "$key is copied" openssl pkey -in "$key" -out copy.pem
        ok "as it was" is_pss copy.pem
        ok "the same, to the bit" cmp <(openssl pkey -in "$key" -pubout) <(openssl pkey -in copy.pem -pubout)
        openssl pkey -in "$key" -pubout -out public.pem
        sends "Load Sign FlushContext" "$key signs" openssl dgst "-$hash" -sign "$key" -out signature message
        ok "the signature is good" openssl dgst "-$hash" -verify public.pem -signature signature message
        ok "to software alone, too" by_software openssl dgst "-$hash" -verify public.pem -signature signature message
        other=$([ $hash = sha256 ] && echo sha384 || echo sha256)
        fails "$key signs with no other digest" "" openssl dgst "-$other" -sign "$key" -out signature message
        fails "nor in another way" "" openssl dgst "-$hash" -sigopt rsa_padding_mode:pkcs1 -sign "$key" -out signature message
    done
    world_forget_commands
    fails "it decrypts nothing" "" openssl pkeyutl -decrypt -inkey wrapped.pem -in signature -out /dev/null
    ok "and the TPM is not asked" test -z "$(world_commands)"

    # ---- certified ----
    sends "Load Sign FlushContext" "a certificate of its own" \
        openssl req -x509 -key wrapped.pem -sha256 -subj /CN=localhost -addext subjectAltName=DNS:localhost -out self.pem
    ok "says RSASSA-PSS twice" test "$(openssl x509 -in self.pem -noout -text | grep -c 'rsassaPss')" -ge 2
    ok "and is good" by_software openssl verify -CAfile self.pem self.pem
    sends "Load Sign FlushContext" "a request" openssl req -new -key "devid:pss-$n" -sha384 -subj /CN=pss -out pss.csr
    ok "is good" by_software openssl req -in pss.csr -verify -noout
    by_software openssl x509 -req -in pss.csr -CA ca-cert.pem -CAkey ca-key.pem -out pss.pem 2>/dev/null
    # (OpenSSL has to be told the padding, of software keys as well)
    sends "Load Sign FlushContext" "a signed message" openssl cms -sign -in message -signer self.pem -inkey wrapped.pem \
        -keyopt rsa_padding_mode:pss -md sha256 -out signed.cms
    ok "is good" by_software openssl cms -verify -in signed.cms -CAfile self.pem -purpose any -out /dev/null

    # ---- TLS: rsa_pss_pss_*, which no other key may sign by ----
    cat ca-cert.pem self.pem >trusted.pem
    for version in -tls1_3 -tls1_2; do
        for with in "self.pem wrapped.pem rsa_pss_pss_sha256" "pss.pem identity.pem rsa_pss_pss_sha384"; do
            read -r cert key sigalg <<<"$with"
            world_forget_commands
            ok "a client, $version, $key" handshake -cert "$cert" -key "$key" -CAfile trusted.pem $version -- -cert server.pem \
                -key server.key -CAfile trusted.pem -client_sigalgs "$sigalg" $version
            ok "with the commands of one signature" test "$(world_commands | xargs)" = "Load Sign FlushContext"
            world_forget_commands
            ok "a server, $version, $key" handshake -cert azure-ldevid-cert.pem -key azure-ldevid-key.pem -CAfile trusted.pem $version \
                -sigalgs "$sigalg:ecdsa_secp256r1_sha256" -- -cert "$cert" -key "$key" -CAfile trusted.pem -client_sigalgs ecdsa_secp256r1_sha256 $version
            ok "as many, and the client's" test "$(world_commands | xargs)" = "Load Sign FlushContext Sign"
        done
    done
done

# ---- the certificate's word: a key that could do more, at a handle ----
openssl_conf devid-first
key=$(openssl rsa -in rsa-key.pem -RSAPublicKey_out -outform DER 2>/dev/null | od -An -v -tx1 | tr -d ' \n')
cat >spki.cnf <<END
asn1=SEQUENCE:spki
[spki]
algorithm=SEQUENCE:algorithm
key=FORMAT:HEX,BITSTRING:$key
[algorithm]
oid=OID:1.2.840.113549.1.1.10
END
by_software openssl asn1parse -genconf spki.cnf -noout -out spki.der
by_software openssl pkey -pubin -inform DER -in spki.der -pubout -out spki.pem
by_software openssl x509 -new -force_pubkey spki.pem -subj /CN=rsa -CA ca-cert.pem -CAkey ca-key.pem -out rsa-pss.pem
ok "a certificate that calls it RSASSA-PSS is inserted" devid certificate insert rsa rsa-pss.pem
devid ref rsa >rsa-pss-ref.pem
for order in default-first devid-first preferred; do
    openssl_conf "$order"
    for key in rsa-pss-ref.pem devid:rsa; do
        ok "then $key is a PSS key" is_pss "$key"
        sends "RSA_Decrypt" "which makes any salt itself" openssl dgst -sha512 -sigopt rsa_pss_saltlen:17 -sign "$key" -out signature message
        ok "and the signature is good" by_software openssl dgst -sha512 -verify spki.pem -signature signature message
        fails "but nothing else" "" openssl dgst -sha256 -sigopt rsa_padding_mode:pkcs1 -sign "$key" -out signature message
    done
    ok "and a reference from before signs as it did" openssl dgst -sha256 -sign rsa-key.pem -out signature message
    for version in -tls1_3 -tls1_2; do
        ok "a client, $version, by its certificate" handshake -cert rsa-pss.pem -key rsa-pss-ref.pem -CAfile trusted.pem $version -- \
            -cert server.pem -key server.key -CAfile trusted.pem -client_sigalgs rsa_pss_pss_sha256 $version
    done
done
finish
