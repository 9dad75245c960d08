#!/bin/bash
# The openssl command with keys in the TPM, in each order of providers.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"
. "$DEVID_SRC/test/client/keys.sh"

client_world
echo "a message" >message
key=azure-ldevid-key.pem cert=azure-ldevid-cert.pem

# tls CLIENT SERVER OPTION...: s_client and s_server, by the names of their keys
tls() {
    local client=$1 server=$2
    shift 2
    handshake -key "$client-key.pem" -cert "$client-cert.pem" -CAfile ca-cert.pem "$@" -- \
        -key "$server-key.pem" -cert "$server-cert.pem" -CAfile ca-cert.pem "$@"
}

refused() {
    ! "$@"
}

# decrypts NAME: what was encrypted for its certificate
decrypts() {
    openssl cms -decrypt -in "$1.enveloped" -recip "$1-cert.pem" -inkey "$1-key.pem" -out "$1.message" && cmp "$1.message" message
}

# in_cms COMMANDS: where libcrypto hides that a PKCS#1 padding is wrong in CMS, too (3.5.7), all of it is done twice the first time
in_cms() {
    case $1/$(openssl version) in
    *RSA*/"OpenSSL 3."[01].*) echo "$1" ;;
    *RSA*)
        world_forget_commands
        decrypts rsa >/dev/null 2>&1
        [ "$(world_commands | wc -l)" -eq 1 ] && echo "$1" || echo "$1 $1"
        ;;
    *) echo "$1" ;;
    esac
}

# issue NAME: as openssl ca does, with its database
issue() {
    rm -f index.txt*
    : >index.txt
    echo 01 >serial
    openssl ca -batch -config ca.cnf -name authority -in request.pem -keyfile "$1-key.pem" -cert "$1-ca.pem" -out issued.pem -notext
}

cat >ca.cnf <<END
[authority]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
default_days = 30
policy = policy
[policy]
commonName = supplied
END
for name in rsa wrapped wrapped-tss2 wrapped-rsa-tss2; do
    by_software openssl cms -encrypt -binary -aes256 -in message -recip "$name-cert.pem" -out "$name.enveloped"
done
declare -A decryption=([rsa]="RSA_Decrypt" [wrapped]="Load ECDH_ZGen FlushContext" [wrapped-tss2]="Load ECDH_ZGen FlushContext"
    [wrapped-rsa-tss2]="Load RSA_Decrypt FlushContext")

for order in default-first devid-first preferred; do
    openssl_conf "$order"

    sends "" "version reads openssl.cnf" openssl version
    sends "" "the provider is active" openssl list -providers
    sends "" "random numbers are not ours" openssl rand -hex 8
    sends "" "the public half is written" openssl pkey -in "$key" -pubout -out public.pem
    openssl x509 -in "$cert" -noout -pubkey >expected.pem
    ok "the public half is the certificate's" cmp public.pem expected.pem
    sends "" "the public half is shown" openssl pkey -in "$key" -text_pub -noout
    sends "" "the key is written as a reference" openssl pkey -in "$key" -out private.pem
    ok "the reference is the same" cmp private.pem "$key"
    ok "a passphrase has nothing to protect" refused openssl pkey -in "$key" -aes128 -passout pass:x -out encrypted.pem
    ok "then nothing is written" test ! -s encrypted.pem
    for name in azure-ldevid rsa wrapped-tss2; do
        sends "" "$name is written as DER" openssl pkey -in "$name-key.pem" -outform DER -out private.der
        sends "" "and read" openssl pkey -in private.der -out private.pem
        openssl pkey -in "$name-key.pem" -out expected.pem
        ok "as what it was" cmp private.pem expected.pem
        rm -f bare.pem bag.p12
        fails "PKCS #8 is refused with the reason" "never leaves the TPM" openssl pkcs8 -topk8 -nocrypt -in "$name-key.pem" -out bare.pem
        fails "PKCS #8 with a password, too" "never leaves the TPM" openssl pkcs8 -topk8 -passout pass:x -in "$name-key.pem" -out bare.pem
        fails "PKCS #12, too" "never leaves the TPM" \
            openssl pkcs12 -export -inkey "$name-key.pem" -in "$name-cert.pem" -passout pass:x -out bag.p12
        ok "nothing is written of either" test ! -s bare.pem -a ! -s bag.p12
    done

    sends "Sign" "a request" openssl req -new -key "$key" -subj /CN=gw-1 -out request.pem
    ok "the request is good" openssl req -in request.pem -verify -noout
    sends "Load Sign FlushContext" "a request with a wrapped key" \
        openssl req -new -key wrapped-key.pem -subj /CN=gw-1 -out request.pem
    sends "RSA_Decrypt" "a request with PSS" openssl req -new -key rsa-key.pem -subj /CN=gw-1 -out request-pss.pem \
        -sigopt rsa_padding_mode:pss
    ok "the request with PSS is good" openssl req -in request-pss.pem -verify -noout
    sends "Sign" "a self-signed certificate" openssl req -x509 -new -key "$key" -subj /CN=gw-ca -addext basicConstraints=critical,CA:TRUE -out gw-ca.pem
    ok "the self-signed certificate is good" openssl verify -CAfile gw-ca.pem gw-ca.pem
    sends "Sign" "a certificate issued" openssl x509 -req -in request.pem -CA gw-ca.pem -CAkey "$key" -extfile /dev/null -out issued.pem
    ok "the certificate issued is good" openssl verify -CAfile gw-ca.pem issued.pem

    for name in "${all_keys[@]}"; do
        one=${tls_commands[$name]/RSA_Decrypt/Sign} # PKCS#1 needs no padding in software
        openssl x509 -in "$name-cert.pem" -noout -pubkey >expected.pem
        sends "$one" "a signature with $name" openssl dgst -sha256 -sign "$name-key.pem" -out signature message
        ok "the signature is good" openssl dgst -sha256 -verify expected.pem -signature signature message
        openssl dgst -sha384 -binary -out digest message
        sends "$one" "a digest signed with $name" \
            openssl pkeyutl -sign -inkey "$name-key.pem" -in digest -pkeyopt digest:SHA384 -out signature
        ok "the digest's signature is good" openssl pkeyutl -verify -pubin -inkey expected.pem -in digest \
            -pkeyopt digest:SHA384 -sigfile signature
        sends "$one" "an authority with $name" openssl req -x509 -new -key "$name-key.pem" -subj /CN=gw-ca -addext basicConstraints=critical,CA:TRUE -out "$name-ca.pem"
        sends "$one" "a certificate issued by openssl ca with $name" issue "$name"
        ok "the certificate is good" openssl verify -CAfile "$name-ca.pem" issued.pem
        sends "$one" "a CMS signature with $name" \
            openssl cms -sign -in message -signer "$name-cert.pem" -inkey "$name-key.pem" -nodetach -out cms.pem
        ok "the CMS signature is good" openssl cms -verify -in cms.pem -CAfile ca-cert.pem -purpose any -out /dev/null
        [ -z "${decryption[$name]:-}" ] || sends "$(in_cms "${decryption[$name]}")" "a CMS message decrypted with $name" decrypts "$name"
        sends "${tls_commands[$name]}" "client with $name, TLS 1.2" tls "$name" software -tls1_2
        sends "${tls_commands[$name]}" "client with $name, TLS 1.3" tls "$name" software -tls1_3
        sends "${tls_commands[$name]}" "server with $name, TLS 1.2" tls software "$name" -tls1_2
        sends "${tls_commands[$name]}" "server with $name, TLS 1.3" tls software "$name" -tls1_3
    done
    sends "" "the identities are listed" openssl storeutl -noout "pkcs11:token=owner"
    ok "by name" grep -q "object=azure" out
    sends "" "an identity is opened" openssl storeutl -noout "pkcs11:token=owner;object=azure:ldevid"
    ok "with key, certificate and chain" grep -q "Total found: 3" out
    sends "Sign" "a request by handle" openssl req -new -key handle:0x81000002 -subj /CN=gw-1 -out request.pem
    sends "Sign" "a request by name" openssl req -new -key devid:azure:ldevid -subj /CN=gw-1 -out request.pem
    sends "Sign" "a request by URI" \
        openssl req -new -key "pkcs11:token=owner;object=azure:ldevid" -subj /CN=gw-1 -out request.pem
    sends "" "all identities are opened" openssl storeutl -noout -r "pkcs11:token=owner"
    ok "with all certificates" test "$(grep -c Certificate out)" = 6
    sends "" "a public key by URI" openssl storeutl -noout -keys "devid:rsa"
    fails "a name that nobody has" "nobody" openssl req -new -key devid:nobody -subj /CN=gw-1
    at_rest
done
finish
