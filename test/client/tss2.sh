#!/bin/bash
# Key files of the other TPM programs: Debian's tpm2-openssl and tpm2-tools write them, programs use them by our provider.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"

needs swtpm swtpm
needs tpm2_encodeobject tpm2-tools
needs pkcs11-tool opensc
modules=$(openssl version -m | sed 's/.*"\(.*\)"/\1/')
[ -e "$modules/tpm2.so" ] || { echo "passed over: apt-get install tpm2-openssl"; exit 77; }
world_start
cd "$FOLDER" || exit 1
export TPM2TOOLS_TCTI=$WORLD_TCTI
echo "a message" >message
# shellcheck disable=SC2034  # lib.sh prints it
ORDER=files

# theirs FILE OPTION...: tpm2-openssl makes a key
theirs() {
    local file=$1
    shift
    keep env TPM2OPENSSL_TCTI="$WORLD_TCTI" OPENSSL_CONF=/dev/null openssl genpkey -provider tpm2 -provider default \
        -propquery '?provider=tpm2' "$@" -out "$file" || complain "tpm2-openssl makes $file"
}

# tools FILE EMPTY PARENT CREATE-OPTION...: tpm2-tools make a key; what they leave in the TPM is flushed. EMPTY is what the file shall
# say of an empty auth, as openssl shows it: versions do not agree about what -p means there.
tools() {
    local file=$1 empty=$2 parent=$3 option
    shift 3
    { keep tpm2_create -Q -C "$parent" -u tools.pub -r tools.priv "$@" && keep tpm2_flushcontext -Q -t; } ||
        complain "tpm2-tools make $file"
    for option in "" -p; do
        keep tpm2_encodeobject -Q -C "$parent" -u tools.pub -r tools.priv ${option:+"$option"} -o "$file" ||
            complain "tpm2-tools write $file"
        tpm2_flushcontext -Q -t
        tpm2_flushcontext -Q -l
        openssl asn1parse -in "$file" | grep -qE "BOOLEAN *:$empty$" && return
    done
    complain "tpm2-tools write $file with emptyAuth $empty"
}

# written FILE PARENT PUBLIC PRIVATE [FIELD...]: a file by the draft, of tpm2-tools' two halves; the fields stand before the parent's
written() {
    local file=$1 parent=$2 public=$3 private=$4 n=0 field
    shift 4
    {
        printf 'asn1 = SEQUENCE:key\n[key]\ntype = OID:2.23.133.10.1.3\n'
        for field in "$@"; do
            n=$((n + 1))
            printf 'field%d = %s\n' "$n" "$field"
        done
        printf 'parent = INTEGER:%s\n' "$parent"
        printf 'public = FORMAT:HEX,OCTETSTRING:%s\n' "$(od -An -vtx1 "$public" | tr -d ' \n')"
        printf 'private = FORMAT:HEX,OCTETSTRING:%s\n' "$(od -An -vtx1 "$private" | tr -d ' \n')"
        printf '[policy]\nfirst = SEQUENCE:pcr\n[pcr]\ncode = EXPLICIT:0,INTEGER:0x17f\nargument = EXPLICIT:1,OCTETSTRING:x\n'
    } >written.cnf
    openssl asn1parse -genconf written.cnf -noout -out written.der
    printf -- '-----BEGIN TSS2 PRIVATE KEY-----\n%s\n-----END TSS2 PRIVATE KEY-----\n' "$(base64 -w 64 written.der)" >"$file"
}

# under HIERARCHY ALGORITHM: tpm2-tools make a key, halves in under.pub and under.priv
under() {
    { keep tpm2_createprimary -Q -C "$1" -G "$2" -c primary.ctx -a "$storage" && rm -f under.pub under.priv &&
        keep tpm2_create -Q -C primary.ctx -G ecc256 -u under.pub -r under.priv -a "$signing" &&
        tpm2_flushcontext -Q -t; } || complain "tpm2-tools make a key under $1 $2"
}

# der FILE: without the PEM around it
der() {
    openssl asn1parse -in "$1" -noout -out "${1%.pem}.der"
}

signing='fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign|noda'
storage='fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|decrypt|noda'
keep tpm2_createprimary -Q -C o -G ecc -c srk.ctx -a "$storage" || complain "a storage key"
keep tpm2_evictcontrol -Q -C o -c srk.ctx 0x81000005 || complain "a storage key at a handle"
tpm2_flushcontext -Q -t
keep tpm2_createprimary -Q -C e -G ecc256 -c signing.ctx -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign' \
    -p "of its own" || complain "a key with a password"
keep tpm2_evictcontrol -Q -C o -c signing.ctx 0x81000006 || complain "a key with a password at a handle"
tpm2_flushcontext -Q -t

theirs ec-owner.pem -algorithm EC -pkeyopt group:P-256
theirs rsa-owner.pem -algorithm RSA -pkeyopt bits:2048
theirs ec-handle.pem -algorithm EC -pkeyopt group:P-256 -pkeyopt parent:0x81000005
theirs auth-owner.pem -algorithm EC -pkeyopt group:P-256 -pkeyopt user-auth:secret
tools tools-owner.pem "(1|255)" srk.ctx -G ecc256 -a "$signing"
tools tools-handle.pem "(1|255)" 0x81000005 -G rsa2048 -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign|decrypt|noda'
tools tools-modest.pem 0 0x81000005 -G ecc256 -a "$signing"
tools tools-auth.pem 0 0x81000005 -G rsa2048 -p secret \
    -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign|decrypt|noda'

# keys whose scheme is fixed, and one that takes no digest from outside
attributes='fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda'
tools fixed-pkcs1.pem "(1|255)" 0x81000005 -G rsa2048:rsassa-sha256:null -a "$attributes|sign"
tools fixed-pss.pem "(1|255)" 0x81000005 -G rsa2048:rsapss-sha256:null -a "$attributes|sign"
tools fixed-ecdsa.pem "(1|255)" 0x81000005 -G ecc256:ecdsa-sha256:null -a "$attributes|sign"
for fixed in rsaes:null:0x81000009 oaep-sha256:null:0x81000008; do
    tools "fixed-${fixed%%[-:]*}.pem" "(1|255)" 0x81000005 -G "rsa2048:${fixed%:*}" -a "$attributes|decrypt"
    { tpm2_load -Q -C 0x81000005 -u tools.pub -r tools.priv -c opens.ctx && keep tpm2_evictcontrol -Q -C o -c opens.ctx "${fixed##*:}"; } ||
        complain "such a key at ${fixed##*:}"
    tpm2_flushcontext -Q -t
done
tools restricted.pem "(1|255)" 0x81000005 -G ecc256:ecdsa-sha256:null -a "$attributes|sign|restricted"
tools restricted-auth.pem 0 0x81000005 -G ecc256:ecdsa-sha256:null -p secret -a "$attributes|sign|restricted"

under o rsa2048
written rsa-primary.pem 0x40000001 under.pub under.priv EXPLICIT:0,BOOLEAN:TRUE EXPLICIT:5,BOOLEAN:TRUE
under e ecc256
written endorsement.pem 0x4000000B under.pub under.priv
written policy.pem 0x4000000B under.pub under.priv EXPLICIT:1,SEQUENCE:policy
under p ecc256
written platform.pem 0x4000000C under.pub under.priv
under n ecc256
written null.pem 0x40000007 under.pub under.priv
under o ecc256
written zero.pem 0 under.pub under.priv
written transient.pem 0x80000001 under.pub under.priv
# patched builds of tpm2-openssl name a key at a handle so
keep tpm2_createprimary -Q -C o -G ecc256 -c at-handle.ctx -a "$signing" || complain "a key"
keep tpm2_evictcontrol -Q -C o -c at-handle.ctx 0x81000007 || complain "a key at a handle"
tpm2_readpublic -Q -c 0x81000007 -o at-handle.pub
tpm2_flushcontext -Q -t
printf '\x81\x00\x00\x07' >at-handle.priv
written at-handle.pem 0x40000001 at-handle.pub at-handle.priv
tpm2_readpublic -Q -c 0x81000006 -o auth-handle.pub
printf '\x81\x00\x00\x06' >auth-handle.priv
written auth-handle.pem 0x40000001 auth-handle.pub auth-handle.priv EXPLICIT:0,BOOLEAN:FALSE

# the first command that uses a key which counts wrong passwords is to be sent twice after a start: TPM_RC_RETRY
for key in ec rsa; do
    env TPM2OPENSSL_TCTI="$WORLD_TCTI" OPENSSL_CONF=/dev/null openssl dgst -provider tpm2 -provider default \
        -propquery '?provider=tpm2' -sha256 -sign $key-owner.pem -out first message
done 2>/dev/null
tpm2_flushcontext -Q -l
# shellcheck disable=SC2034  # what world.sh compares with at the end
WORLD_LOCKOUT=$(world_lockout)

under_primary="CreatePrimary Load FlushContext Sign FlushContext"
proven="StartAuthSession Sign FlushContext"
salted="ReadPublic CreatePrimary ReadPublic" # there is no storage root key: the null hierarchy's primary

# signs FILE COMMANDS [OPTION...]: and the signature is good
signs() {
    local key=$1 commands=$2
    shift 2
    sends "$commands" "$key signs" openssl dgst -sha256 -sign "$key" "$@" -out signature message
    keep openssl pkey -in "$key" "$@" -pubout -out public.pem || complain "the public half of $key"
    ok "the signature by $key is good" openssl dgst -sha256 -verify public.pem -signature signature message
}

# a CA, a server, and certificates for the keys with a fixed scheme
openssl_conf default-first
openssl dgst -sha256 -binary -out digest256 message
openssl dgst -sha384 -binary -out digest384 message
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca-key.pem -subj /CN=ca -addext basicConstraints=critical,CA:TRUE -out ca.pem 2>out
oaep=(-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256)
pkcs1_type2=(-pkeyopt rsa_padding_mode:pkcs1)
for name in server fixed-pkcs1 fixed-pss fixed-rsaes; do
    [ $name != server ] || openssl genpkey -algorithm RSA -out server.pem 2>out
    keep openssl pkey -in $name.pem -pubout -out public.pem || complain "the public half of $name.pem"
    keep openssl x509 -new -subj /CN=$name -force_pubkey public.pem -CA ca.pem -CAkey ca-key.pem -out $name-cert.pem ||
        complain "a certificate of $name.pem"
done

for order in default-first devid-first preferred; do
    openssl_conf "$order"
    rm -rf state # the cache: each order begins as a new device
    mkdir state
    signs ec-owner.pem "$under_primary"
    signs rsa-owner.pem "$under_primary"
    signs tools-owner.pem "$under_primary"
    for key in rsa-primary endorsement platform null zero; do
        signs $key.pem "$under_primary"
    done
    signs at-handle.pem "ReadPublic ReadPublic Sign"
    signs ec-handle.pem "ReadPublic Load Sign FlushContext"
    signs tools-handle.pem "Load Sign FlushContext"
    signs auth-owner.pem "${under_primary% Sign*} $salted $proven FlushContext" -passin pass:secret
    signs tools-auth.pem "Load $salted $proven FlushContext" -passin pass:secret
    # the third look: no other key at the handle is tried with the password
    signs "handle:0x81000006?pin-value=of%20its%20own" "ReadPublic ReadPublic ReadPublic $salted StartAuthSession Sign FlushContext"
    signs auth-handle.pem "ReadPublic ReadPublic ReadPublic $salted StartAuthSession Sign FlushContext" -passin "pass:of its own"
    fails "without it the key is not tried: the TPM would count that" "has a password" \
        setsid openssl dgst -sha256 -sign auth-handle.pem -passin pass: -out signature message

    signs fixed-pkcs1.pem "Load Sign FlushContext"
    sends "Load Sign FlushContext" "fixed-pss.pem signs" openssl dgst -sha256 -sign fixed-pss.pem \
        -sigopt rsa_padding_mode:pss -out signature message
    sends "Load Sign FlushContext" "an ECDSA key with a fixed scheme signs any digest" \
        openssl dgst -sha384 -sign fixed-ecdsa.pem -out signature message
    keep openssl pkey -in fixed-ecdsa.pem -pubout -out public.pem || complain "the public half"
    ok "the signature is good" openssl dgst -sha384 -verify public.pem -signature signature message
    sends "Load Sign FlushContext" "a request takes the digest of the key" \
        openssl req -new -key fixed-pkcs1.pem -subj /CN=fixed -out fixed.csr
    world_forget_commands
    fails "another digest is refused" "fixed to PKCS#1 with SHA256: it does not sign with sha384" \
        openssl dgst -sha384 -sign fixed-pkcs1.pem -out signature message
    fails "another padding is refused" "not allowed with RSA-PSS" openssl dgst -sha256 -sign fixed-pss.pem \
        -sigopt rsa_padding_mode:pkcs1 -out signature message
    fails "a digest made elsewhere, too" "fixed to PKCS#1 with SHA256" openssl pkeyutl -sign -inkey fixed-pkcs1.pem \
        -pkeyopt digest:sha384 -in digest384 -out signature
    fails "a restricted key is called that" "restricted" openssl pkeyutl -sign -inkey restricted.pem -pkeyopt digest:sha256 \
        -in digest256 -out signature
    ok "before anything is sent" test -z "$(world_commands)"
    sends "Hash Load Sign FlushContext" "a restricted key signs what the TPM has hashed" \
        openssl dgst -sha256 -sign restricted.pem -out signature message
    sends "Hash Load $salted $proven FlushContext" "one with a password, too" \
        openssl dgst -sha256 -sign restricted-auth.pem -passin pass:secret -out signature message
    openssl pkey -in restricted-auth.pem -passin pass:secret -pubout -out public.pem
    ok "the signature is good" openssl dgst -sha256 -verify public.pem -signature signature message

    # the TPM takes off the padding that the key is made for
    for key in fixed-rsaes.pem fixed-oaep.pem handle:0x81000008; do
        opts=("${oaep[@]}")
        [ $key != fixed-rsaes.pem ] || opts=("${pkcs1_type2[@]}")
        sent="Load RSA_Decrypt FlushContext"
        [ $key != handle:0x81000008 ] || sent="ReadPublic ReadPublic ReadPublic RSA_Decrypt" # as with ECDH, the text does not tell whose key it was
        keep openssl pkey -in $key -pubout -out public.pem || complain "the public half of $key"
        openssl pkeyutl -encrypt -pubin -inkey public.pem -in digest256 "${opts[@]}" -out secret
        sends "$sent" "$key decrypts" openssl pkeyutl -decrypt -inkey $key -in secret "${opts[@]}" -out plain
        ok "what was encrypted" cmp plain digest256
    done
    fails "another padding is refused by name" "fixed to PKCS#1 encryption" openssl pkeyutl -decrypt -inkey fixed-rsaes.pem -in secret "${oaep[@]}" -out plain
    fails "another hash, too" "fixed to OAEP with SHA256" openssl pkeyutl -decrypt -inkey fixed-oaep.pem -in secret \
        -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha1 -out plain
    openssl cms -encrypt -binary -aes256 -in message -out cms.pem fixed-rsaes-cert.pem
    ok "CMS is decrypted by such a key" openssl cms -decrypt -in cms.pem -recip fixed-rsaes-cert.pem -inkey fixed-rsaes.pem -out plain
    ok "and is the message" cmp plain message

    # libssl asks each algorithm whether the key signs by its digest, and takes the next
    pkcs1=(-key fixed-pkcs1.pem -cert fixed-pkcs1-cert.pem -CAfile ca.pem)
    peer=(-key server.pem -cert server-cert.pem -CAfile ca.pem)
    sends "Load Sign FlushContext" "a TLS client with a key that is fixed to another digest than the first choice" \
        handshake "${pkcs1[@]}" -tls1_2 -- \
        "${peer[@]}" -client_sigalgs RSA+SHA384:RSA+SHA256 -sigalgs RSA+SHA384:RSA+SHA256
    # it does not ask about the padding, and prefers PSS
    for version in tls1_2 tls1_3; do
        fails "PKCS#1 alone is not what libssl chooses, $version" "no TLS 1.3, and TLS 1.2 only with SignatureAlgorithms = RSA+SHA256" \
            handshake "${pkcs1[@]}" -$version -- "${peer[@]}"
    done
    sends "Load Sign FlushContext" "a TLS client is told of it" handshake "${pkcs1[@]}" -tls1_2 -sigalgs RSA+SHA256 -- "${peer[@]}"
    sends "Load Sign FlushContext" "a TLS server, too" handshake "${peer[@]}" -tls1_2 -- "${pkcs1[@]}" -sigalgs RSA+SHA256
    sends "Load Sign FlushContext" "a TLS client with a key that is fixed to PSS" \
        handshake -key fixed-pss.pem -cert fixed-pss-cert.pem -CAfile ca.pem -tls1_3 -- \
        -key server.pem -cert server-cert.pem -CAfile ca.pem

    # tpm2-tools are known to say that a key has a password which has none
    signs tools-modest.pem "Load Sign FlushContext" -passin pass:

    der ec-owner.pem
    signs ec-owner.der "$under_primary"
    sends "" "the file is written as it was" openssl pkey -in ec-owner.pem -out again.pem
    ok "byte for byte" cmp ec-owner.pem again.pem
    sends "" "one with a password, too" openssl pkey -in auth-owner.pem -passin pass:secret -out again.pem
    ok "byte for byte" cmp auth-owner.pem again.pem

    fails "a parent that no reboot survives is refused" "0x80000001 is neither" \
        openssl dgst -sha256 -sign transient.pem -out signature message
    fails "a policy is refused by its name" "TPM2_PolicyPCR" openssl pkey -in policy.pem -noout
    fails "a wrong password is called that" "the key's password is wrong" \
        openssl dgst -sha256 -sign tools-auth.pem -passin pass:wrong -out signature message
    fails "nobody to ask is told of" "has a password" \
        setsid openssl dgst -sha256 -sign tools-auth.pem -passin pass: -out signature message
done

openssl_conf default-first
cat >>"$FOLDER/openssl.cnf" <<END
[ca]
default_ca = issue
[issue]
database = issued
serial = serial
new_certs_dir = .
default_md = sha256
default_days = 1
unique_subject = no
policy = any
[any]
commonName = supplied
END
: >issued
echo 01 >serial
openssl genpkey -algorithm EC -pkeyopt group:P-256 -out software.pem
openssl req -new -key software.pem -subj /CN=somebody -out request.pem
keep openssl req -x509 -new -key ec-owner.pem -subj /CN=issuer -out issuer.pem || complain "a certificate of the key's own"
# the primary is made twice, then the TPM's own saved context of the key serves
sends "$under_primary ${under_primary/FlushContext Sign/FlushContext ContextSave Sign} ContextLoad Sign FlushContext" \
    "a process that signs on and on does not make the primary each time" \
    openssl ca -batch -notext -cert issuer.pem -keyfile ec-owner.pem -infiles request.pem request.pem request.pem

# the same by PKCS#11
by_pkcs11() { DEVID_CONF=$FOLDER/pkcs11.conf pkcs11-tool --module "$DEVID_BUILD/.libs/devid-pkcs11.so" --label idevid "$@"; }
for key in "pkcs1 0x81000009 RSA-PKCS" "oaep 0x81000008 RSA-PKCS-OAEP --hash-algorithm SHA256 --mgf MGF1-SHA256"; do
    read -r label handle mechanism <<<"$key"
    rm -rf state
    (cat devid.conf && printf '[identity idevid]\nhandle = %s\n' "$handle") >pkcs11.conf
    opts=("${oaep[@]}")
    [ "$label" != pkcs1 ] || opts=("${pkcs1_type2[@]}")
    ok "$label: its public key" by_pkcs11 --read-object --type pubkey --output-file public.der
    openssl pkey -pubin -inform DER -in public.der -out public.pem
    openssl pkeyutl -encrypt -pubin -inkey public.pem -in digest256 "${opts[@]}" -out secret
    # shellcheck disable=SC2086  # its options
    ok "$label: decryption by PKCS#11" by_pkcs11 --decrypt -m $mechanism --input-file secret --output-file plain
    ok "gives what was encrypted" cmp plain digest256
done

# the storage root key, by which a session was salted before, is there no more
keep tpm2_evictcontrol -Q -C o -c srk.ctx 0x81000001 || complain "a storage root key"
tpm2_flushcontext -Q -t
proven_by() { openssl dgst -sha256 -sign tools-auth.pem -passin pass:secret -out signature message; }
ok "a password is proven by the storage root key" proven_by
keep tpm2_evictcontrol -Q -C o -c 0x81000001 || complain "the storage root key goes"
ok "and without it, as soon as it is gone" proven_by
openssl pkey -in tools-auth.pem -passin pass:secret -pubout -out public.pem
ok "the signature is good" openssl dgst -sha256 -verify public.pem -signature signature message

finish
