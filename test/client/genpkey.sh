#!/bin/bash
# Keys made in the TPM by openssl genpkey and req; and that only who says so gets one.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"

needs swtpm swtpm
needs pkcs11-tool opensc
world_start
"$DEVID_BUILD/test/client/prepare" "$FOLDER" || exit 1
cd "$FOLDER" || exit 1
echo "a message" >message

# signs KEY COMMANDS [OPTION...]: and the signature is good
signs() {
    local key=$1 commands=$2
    shift 2
    keep openssl pkey -in "$key" "$@" -pubout -out public.pem || complain "the public half of $key"
    sends "$commands" "$key signs" openssl dgst -sha256 -sign "$key" "$@" -out signature message
    ok "the signature by $key is good" openssl dgst -sha256 -verify public.pem -signature signature message
}

# the first command that uses a key which counts wrong passwords is to be sent twice after a start: TPM_RC_RETRY
openssl_conf default-first
openssl genpkey -propquery provider=devid -algorithm EC -pkeyopt group:P-256 -pkeyopt user-auth:secret -out first.pem
openssl dgst -sha256 -sign first.pem -passin pass:secret -out signature message

n=0
for order in default-first devid-first preferred; do
    openssl_conf "$order"
    n=$((n + 1))
    ours=(-propquery provider=devid)
    [ "$order" = default-first ] || ours=()

    # ephemeral keys of TLS are made so
    for query in "" provider=devid "?provider=devid"; do
        sends "" "a key is software's unless one says otherwise ($query)" \
            openssl genpkey -propquery "$query" -algorithm EC -pkeyopt group:P-256 -out software.pem
        ok "in a file of its kind" grep -q "BEGIN PRIVATE KEY" software.pem
    done
    sends "" "an RSA key, too" openssl genpkey "${ours[@]}" -algorithm RSA -pkeyopt bits:2048 -out software.pem

    sends "ReadPublic Create" "a wrapped EC key" \
        openssl genpkey "${ours[@]}" -algorithm EC -pkeyopt group:P-384 -pkeyopt devid:wrapped -out ec.pem
    ok "in a file of its kind" grep -q "BEGIN TSS2 PRIVATE KEY" ec.pem
    signs ec.pem "Load Sign FlushContext"
    sends "ReadPublic Create" "a wrapped RSA key" openssl genpkey "${ours[@]}" -algorithm RSA -pkeyopt devid:wrapped -out rsa.pem
    signs rsa.pem "Load Sign FlushContext"
    sends "ReadPublic Create Load Sign FlushContext" "a request for a new key" \
        openssl req -new -newkey ec "${ours[@]}" -pkeyopt group:P-256 -pkeyopt devid:wrapped -nodes -subj /CN=new -keyout new.pem -out new.csr
    ok "the request is good" openssl req -in new.csr -verify -noout
    signs new.pem "Load Sign FlushContext"

    sends "ReadPublic Create" "an identity in a token" \
        openssl genpkey "${ours[@]}" -algorithm EC -pkeyopt group:P-256 -pkeyopt "devid:label=made-$n" -out identity.pem
    ok "is written as a reference" grep -q "BEGIN DEVID KEY REFERENCE" identity.pem
    signs identity.pem "Load Sign FlushContext"
    signs "pkcs11:token=owner;object=made-$n" "Load Sign FlushContext"
    fails "a name is given once" "has a key named made-$n" \
        openssl genpkey "${ours[@]}" -algorithm EC -pkeyopt group:P-256 -pkeyopt "devid:label=made-$n" -out again.pem
    ok "and nothing is written" test ! -s again.pem

    rm -f lost.pem
    fails "a file that is to be encrypted is not written" "devid ref lost-$n.*devid delete lost-$n" openssl req -new -newkey ec \
        ${ours[0]+-propquery "?provider=devid"} -pkeyopt group:P-256 -pkeyopt "devid:label=lost-$n" -passout pass:secret -subj /CN=new -keyout lost.pem \
        -out lost.csr
    ok "neither in plain" test ! -s lost.pem
    fails "the key is there" "devid ref lost-$n" \
        openssl genpkey "${ours[@]}" -algorithm EC -pkeyopt group:P-256 -pkeyopt "devid:label=lost-$n" -out again.pem
    DEVID_CONF=$FOLDER/devid.conf ok "its reference is written" "$DEVID_BUILD/devid" ref --out lost.pem "lost-$n"
    signs lost.pem "Load Sign FlushContext"
    DEVID_CONF=$FOLDER/devid.conf ok "it is removed" "$DEVID_BUILD/devid" delete --yes "lost-$n"
    ok "and made again" openssl genpkey "${ours[@]}" -algorithm EC -pkeyopt group:P-256 -pkeyopt "devid:label=lost-$n" -out again.pem
    rm again.pem

    # as tpm2-openssl has them
    sends "CreatePrimary ReadPublic StartAuthSession Create FlushContext" "a key with a password, under a hierarchy" \
        openssl genpkey "${ours[@]}" -algorithm EC -pkeyopt group:P-256 -pkeyopt parent:0x40000001 -pkeyopt user-auth:secret -out auth.pem
    signs auth.pem "CreatePrimary Load FlushContext ReadPublic StartAuthSession Sign FlushContext" -passin pass:secret

    sends "ReadPublic Create" "a key for ECDH" \
        openssl genpkey "${ours[@]}" -algorithm EC -pkeyopt group:P-256 -pkeyopt "devid:use=derive" -out ecdh.pem
    openssl genpkey -propquery provider=default -algorithm EC -pkeyopt group:P-256 -out peer.pem
    openssl pkey -in peer.pem -pubout -out peer.pub
    keep openssl pkey -in ecdh.pem -pubout -out ecdh.pub || complain "the public half"
    sends "Load ECDH_ZGen FlushContext" "which derives" \
        openssl pkeyutl -derive -inkey ecdh.pem -peerkey peer.pub -out secret.ours
    openssl pkeyutl -derive -inkey peer.pem -peerkey ecdh.pub -out secret.theirs
    ok "what the other side does" cmp secret.ours secret.theirs
    fails "and does not sign" "not for signing" openssl dgst -sha256 -sign ecdh.pem -out signature message

    fails "a curve that no TPM has" "P-256, P-384" \
        openssl genpkey "${ours[@]}" -algorithm EC -pkeyopt group:secp256k1 -pkeyopt devid:wrapped -out odd.pem
    fails "an exponent that no TPM takes" "65537" \
        openssl genpkey "${ours[@]}" -algorithm RSA -pkeyopt rsa_keygen_pubexp:3 -pkeyopt devid:wrapped -out odd.pem
    fails "a third prime" "two primes" \
        openssl genpkey "${ours[@]}" -algorithm RSA -pkeyopt rsa_keygen_primes:3 -pkeyopt devid:wrapped -out odd.pem
    ok "and nothing is written" test ! -s odd.pem
    sends "ReadPublic Create" "two primes are what it makes" \
        openssl genpkey "${ours[@]}" -algorithm RSA -pkeyopt rsa_keygen_primes:2 -pkeyopt devid:wrapped -out rsa.pem
    fails "a word that nobody knows" "wrapped, label=NAME" \
        openssl genpkey "${ours[@]}" -algorithm RSA -pkeyopt devid:wrap -out odd.pem
    fails "a token that is not there" "nowhere" \
        openssl genpkey "${ours[@]}" -algorithm EC -pkeyopt group:P-256 -pkeyopt "devid:token=nowhere;label=x" -out odd.pem
    fails "the manufacturer's" "manufacturer" \
        openssl genpkey "${ours[@]}" -algorithm EC -pkeyopt group:P-256 -pkeyopt "devid:token=manufacturer;label=x" -out odd.pem
    fails "a password beside a token's" "leave out" \
        openssl genpkey "${ours[@]}" -algorithm EC -pkeyopt group:P-256 -pkeyopt "devid:label=x" -pkeyopt user-auth:x -out odd.pem
done

openssl_conf default-first
fails "what is not asked of us is not made in silence" "devid" \
    openssl genpkey -algorithm EC -pkeyopt group:P-256 -pkeyopt devid:wrapped -out odd.pem

# TLS by the larger keys, on either side
localhost_cert
openssl genpkey -propquery provider=devid -algorithm EC -pkeyopt group:P-384 -pkeyopt devid:wrapped -out p384.pem
openssl genpkey -propquery provider=devid -algorithm RSA -pkeyopt bits:3072 -pkeyopt devid:wrapped -out rsa3072.pem
declare -A larger=([p384]="Load Sign FlushContext" [rsa3072]="Load RSA_Decrypt FlushContext") # PSS is padded in software
for name in "${!larger[@]}"; do
    openssl req -new -key "$name.pem" -subj "/CN=$name" -out "$name.csr"
    keep openssl x509 -req -in "$name.csr" -CA ca-cert.pem -CAkey ca-key.pem -out "$name-cert.pem" || complain "a certificate for $name"
done
ok "of that size" sh -c 'openssl x509 -in p384-cert.pem -noout -text | grep "384 bit" && openssl x509 -in rsa3072-cert.pem -noout -text | grep "3072 bit"'
for order in default-first devid-first; do
    openssl_conf "$order"
    for version in 1_2 1_3; do
        theirs=(-key server.key -cert server.pem -CAfile ca-cert.pem "-tls$version")
        for name in "${!larger[@]}"; do
            mine=(-key "$name.pem" -cert "$name-cert.pem" -CAfile ca-cert.pem "-tls$version")
            sends "${larger[$name]}" "a client with $name, TLS $version" handshake "${mine[@]}" -- "${theirs[@]}"
            sends "${larger[$name]}" "a server with $name, TLS $version" handshake "${theirs[@]}" -- "${mine[@]}"
        done
    done
done
openssl_conf default-first

# a name may look like a PIN
odd='what?pin-value=1'
ok "an identity with a ? in its name" openssl genpkey -propquery provider=devid -algorithm EC -pkeyopt group:P-256 -pkeyopt "devid:label=$odd" -out odd.pem
ok "is written as a reference" openssl pkey -in "devid:$odd" -out again.pem
signs again.pem "Load Sign FlushContext"

# what devid.conf names is made by its command
printf '[identity gateway]\nhandle = 0x81000009\n' >>devid.conf
fails "an identity of devid.conf" "devid provision" openssl genpkey -propquery provider=devid -algorithm EC -pkeyopt group:P-256 \
    -pkeyopt "devid:label=gateway" -out odd.pem

# a token with a PIN
export DEVID_CONF=$FOLDER/devid.conf
module=$DEVID_BUILD/.libs/devid-pkcs11.so
slot=$(pkcs11-tool --module "$module" --list-slots | sed -n 's/^Slot [0-9]* (\(0x[0-9a-f]*\)): TPM 2.0: room.*/\1/p')
tool() { keep pkcs11-tool --module "$module" "$@" || complain "pkcs11-tool $*"; }
tool --slot "$slot" --init-token --label vault --so-pin 87654321
tool --token-label vault --login --login-type so --so-pin 87654321 --init-pin --new-pin 123456
unset DEVID_CONF
fails "nobody is logged in" "has a PIN: name a file" openssl genpkey -propquery provider=devid -algorithm EC -pkeyopt group:P-256 \
    -pkeyopt "devid:token=vault;label=mine" -out odd.pem
(umask 077 && echo 123456 >pin)
sed -i "s|^\[devid_provider\]\$|&\nauth = file:$FOLDER/pin|" openssl.cnf
ok "a key behind a PIN" openssl genpkey -propquery provider=devid -algorithm EC -pkeyopt group:P-256 \
    -pkeyopt "devid:token=vault;label=mine" -out mine.pem
ok "which signs" openssl dgst -sha256 -sign mine.pem -out signature message
finish
