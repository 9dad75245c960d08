#!/bin/bash
# devid doctor and the classic mistakes in openssl.cnf.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"

needs swtpm swtpm
world_start
cd "$FOLDER" || exit 1
mkdir state
openssl_conf default-first
cp openssl.cnf good.cnf
# shellcheck disable=SC2034  # lib.sh prints it
ORDER=doctor

# diagnosis EXPRESSION WORDS: good.cnf, changed by sed's EXPRESSION; then one line of the doctor says the words
diagnosis() {
    sed "$1" good.cnf >openssl.cnf
    keep "$DEVID_BUILD/devid" --config "$FOLDER/devid.conf" doctor
    if grep -q "$2" out; then echo "ok - $2"; else complain "$2"; fi
}

diagnosis '' "ok   .*openssl.cnf activates devid and default"
diagnosis '/^default = /d' 'BAD .*activates devid but not "default"'
diagnosis 's/^\[default_provider\]/&\nactivate = 0\n[other]/' 'BAD .*activates devid but not "default"'
diagnosis '/^devid = /d' "BAD .*does not activate the provider"
diagnosis '/^openssl_conf = /d' "BAD .*does not activate the provider"
diagnosis 's|^module = .*|module = /nowhere/devid.so|' "BAD .*module = /nowhere/devid.so: No such file"
mkdir alone
cp "$DEVID_BUILD/.libs/devid.so" alone
diagnosis "s|^module = .*|module = $FOLDER/alone/devid.so|" "BAD .*alone/devid-provider.so: No such file .* install devid again"
diagnosis 's|^config = .*|config = /nowhere/devid.conf|' "BAD .*config = /nowhere/devid.conf: No such file"
diagnosis '/^module = /d' "ok   .*openssl.cnf activates devid and default"
diagnosis 's|^config = .*|&\ntcti = swtpm:path=/nowhere|' "BAD .*openssl.cnf: tcti = swtpm:path=/nowhere: no TPM at swtpm:path=/nowhere"
diagnosis "s|^config = .*|&\ntcti = swtpm:path=$FOLDER/swtpm|" "ok   .*openssl.cnf: tcti = swtpm:path=.*: the TPM answers"
for name in preconect conf TCTI; do
    diagnosis "s|^config = .*|&\n$name = yes|" "BAD .*openssl.cnf: \"$name =\" in devid's section means nothing: there are tcti, config, auth, uri-schemes and preconnect"
done
diagnosis 's|^config = .*|&\npreconnect = yes\nuri-schemes = devid\nauth = file:/nowhere\nsoft_load = 1\nidentity = devid|' \
    "ok   .*openssl.cnf activates devid and default"
ok "of settings that there are it says nothing" sh -c '! grep -q "means nothing" out'
export OPENSSL_MODULES=$FOLDER/modules
diagnosis '/^module = /d' "BAD .*modules/devid.so: No such file .*where OpenSSL's programs look .*add \"module = "
unset OPENSSL_MODULES
diagnosis 's|^\[providers\]|[providers|' "BAD .*cannot be understood, line"
export OPENSSL_CONF=$FOLDER/nowhere.cnf
diagnosis '' "BAD .*nowhere.cnf: No such file or directory; .*copy"
export OPENSSL_CONF=$FOLDER/openssl.cnf
if [ -x /usr/bin/node ] || [ -x /usr/local/bin/node ]; then
    diagnosis '' "BAD .*no \"nodejs_conf"
    diagnosis 's/^openssl_conf = .*/&\nnodejs_conf = init/' "activates devid and default"
    ok "Node.js is served" sh -c '! grep -q nodejs_conf out'
fi

# who DESCRIPTION WORDS: for user nobody
who() {
    keep "$DEVID_BUILD/devid" --config "$FOLDER/devid.conf" doctor --user nobody
    if grep -q "$2" out; then echo "ok - $1"; else complain "$1"; fi
}
chmod 755 "$FOLDER" state
chmod 644 devid.conf
who "a user who may read everything" "ok   .*devid.conf: user nobody may"
chmod 600 devid.conf
who "the configuration is closed to it" "BAD .*devid.conf: user nobody may not"
chmod 644 devid.conf
chmod 700 state
who "the folder is" "BAD .*state: user nobody may not"
chmod 711 "$FOLDER"
who "a folder above that may be entered" "ok   .*devid.conf: user nobody may"
chmod 700 "$FOLDER"
who "one that may not" "BAD  $FOLDER: user nobody may not enter it, for .*devid.conf"
chmod 755 "$FOLDER"
cp devid.conf mine.conf
echo secret >device
chmod 600 device
sed -i "s|^tcti = .*|tcti = device:$FOLDER/device|" devid.conf
who "a TPM's device that is closed to it" "BAD .*$FOLDER/device: user nobody may not: add it to the group"
mv mine.conf devid.conf
keep "$DEVID_BUILD/devid" --config "$FOLDER/devid.conf" doctor --user no-such-user
ok "a user that is not there" grep -q "there is no user no-such-user" out

# A device with identities, and what happens to it.
chmod 755 state
DEVID_CONF=$FOLDER/devid.conf "$DEVID_BUILD/test/client/prepare" "$FOLDER" || exit 1
cp devid.conf whole.conf
printf '[identity azure:ldevid]\nhandle = 0x81000002\n' >>whole.conf
cp whole.conf devid.conf

# finds WORDS PATTERN: a line of the doctor
finds() {
    keep "$DEVID_BUILD/devid" --config "$FOLDER/devid.conf" doctor
    if grep -q "$2" out; then echo "ok - $1"; else complain "$1: no \"$2\""; fi
}
# is_well WORDS PATTERN: there is none
is_well() {
    keep "$DEVID_BUILD/devid" --config "$FOLDER/devid.conf" doctor
    if grep -q "$2" out; then complain "$1: \"$2\""; else echo "ok - $1"; fi
}

rm -f devid.conf
finds "there is no configuration" "there is no configuration .*devid.conf: write it"
sed 's/^state/stat/' whole.conf >devid.conf
finds "a configuration with a word that it does not know" "devid.conf:[0-9]*: "
sed "s|^tcti = .*|tcti = device:/dev/no-tpm|" whole.conf >devid.conf
finds "another TPM than there is" "BAD .*no TPM at device:/dev/no-tpm .*tcti ="
cp whole.conf devid.conf

finds "a good identity" "ok   azure:ldevid "
is_well "and nothing about its folder" "BAD .*state"
chmod o+w state/owner
finds "a folder that everybody may write" "BAD .*state/owner may be changed by everybody, .*chmod -R o-w "
chmod o-w state/owner
if [ "$(id -u)" = 0 ]; then
    chown nobody state/owner
    finds "a folder of another user" "BAD .*state/owner is not root's, .*chown -R root: "
    chown root state/owner
fi
chmod 600 state/owner/azure%3Aldevid.pem
who "one file of an identity that is closed to it" "BAD .*owner/azure%3Aldevid.pem: user nobody may not: .*chmod a+r .*state/owner/[*].pem"
chmod 644 state/owner/azure%3Aldevid.pem
who "and none" "ok   .*devid.conf: user nobody may"
ok "of which it says nothing" sh -c '! grep -q "pem: user nobody may not" out'
chmod 700 state/owner
who "a token's folder that is closed to it" "BAD .*state/owner: user nobody may not: .*chmod a+rx"
chmod 755 state/owner
cp state/owner/azure%3Aldevid.pem ldevid.copy
echo rubbish >state/owner/azure%3Aldevid.pem
finds "a damaged file" "BAD .*owner/azure%3Aldevid.pem is damaged"
cp ldevid.copy state/owner/azure%3Aldevid.pem
for file in state/.cache/*; do echo rubbish >"$file"; done
is_well "a damaged cache is nobody's trouble" "BAD .*\(damaged\|azure:ldevid\)"

# certificate FROM UNTIL: the LDevID has one that is valid from so many days on, until so many days from now
cat >ca.cnf <<END
[ca]
default_ca = device
[device]
database = index
rand_serial = yes
new_certs_dir = .
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
END
: >index
printf 'subject = CN=device\n' >>devid.conf
certificate() {
    "$DEVID_BUILD/devid" --config devid.conf csr --out request.pem azure:ldevid &&
        by_software openssl ca -batch -notext -config ca.cnf -cert ca-cert.pem -keyfile ca-key.pem -in request.pem -out dated.pem \
            -startdate "$(date -u -d "$1 days" +%Y%m%d%H%M%SZ)" -enddate "$(date -u -d "$2 days" +%Y%m%d%H%M%SZ)" &&
        "$DEVID_BUILD/devid" --config devid.conf certificate insert azure:ldevid dated.pem
}
export OPENSSL_MODULES=$DEVID_BUILD/.libs
ok "a certificate of the past" certificate -3 -1
finds "it has expired" "BAD .*azure:ldevid: its certificate expired at .* the clock says $(date -u +%Y).*devid provision"
ok "a certificate of the future" certificate 1 3
finds "or is not valid yet" "BAD .*azure:ldevid: its certificate is not valid yet, for the clock says $(date -u +%Y).*set the clock"
ok "one of today" certificate -1 3
cp devid.conf whole.conf

# with LINE...: in the section of the LDevID
with() {
    cp whole.conf devid.conf
    printf '%s\n' "$@" >>devid.conf
}
by_software openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key -subj /CN=other -out other.pem 2>/dev/null
localhost_cert
port=$(free_port)
with "est = https://localhost:$port/.well-known/est" "anchors = ca-cert.pem"
finds "nobody at the server's address" "BAD .*azure:ldevid: .*localhost:$port"
OPENSSL_CONF=/dev/null start server.log openssl s_server -accept "127.0.0.1:$port" -key server.key -cert server.pem -www
wait_port "$port"
finds "a server that speaks no EST" "BAD .*azure:ldevid: .*localhost:$port"
with "est = https://localhost:$port/.well-known/est" "anchors = other.pem"
finds "a server of another CA" "BAD .*azure:ldevid: .*is not from a CA in .*other.pem"
with "est = https://localhost:$port/.well-known/est" "anchors = nowhere.pem"
finds "no file of anchors" "BAD .*azure:ldevid: .*nowhere.pem: No such file"
echo rubbish >rubbish.pem
with "est = https://localhost:$port/.well-known/est" "anchors = rubbish.pem"
finds "a file without anchors" "BAD .*azure:ldevid: .*rubbish.pem"
with "est = https://nowhere.invalid/.well-known/est" "anchors = ca-cert.pem"
finds "a server without an address" "BAD .*azure:ldevid: .*nowhere.invalid"
echo secret >secret
chmod 644 secret
with "est = https://localhost:$port/.well-known/est" "anchors = ca-cert.pem" "secret-file = secret"
finds "a secret that everybody may read" "BAD .*everybody may read the secret in .*secret: chmod"
chmod 600 secret
is_well "one that nobody may" "secret in"
ok "no certificate" "$DEVID_BUILD/devid" --config devid.conf certificate delete azure:ldevid
rm secret
finds "and a secret that is not there" "BAD .*azure:ldevid: the secret is not in .*secret: No such file"
cp whole.conf devid.conf

tpm2_setup() { TPM2TOOLS_TCTI=$(sed -n 's/^tcti = //p' devid.conf) "$@"; }
if command -v tpm2_evictcontrol >/dev/null; then
    # the third wrong password of a key that is not NODA, in a TPM that takes three
    ok "a TPM that takes no wrong password" tpm2_setup tpm2_dictionarylockout -s -n 1 -t 1000 -l 1000
    tpm2_setup tpm2_createprimary -Q -C o -p right -c primary.ctx
    ! tpm2_setup tpm2_create -Q -C primary.ctx -p wrong -P wrong -u k.pub -r k.priv >wrong.log 2>&1
    finds "locks itself" "BAD .*the TPM is locked, .*tpm2_dictionarylockout -c"
    ok "and is opened" tpm2_setup tpm2_dictionarylockout -c
    is_well "so that it is well" "is locked"
    ok "an owner takes a password" tpm2_setup tpm2_changeauth -c owner secret
    finds "which is told" "BAD .*the owner hierarchy of the TPM has a password: .*tpm2_changeauth"
    ok "and gives it up" tpm2_setup tpm2_changeauth -c owner -p secret
    tpm2_setup tpm2_flushcontext -t
    ok "an owner evicts the key" tpm2_setup tpm2_evictcontrol -Q -C o -c 0x81000002
    finds "which is lost" "BAD .*azure:ldevid: the TPM lost its key .*devid provision"
    tpm2_setup tpm2_create -Q -C primary.ctx -p right -P right -u other.pub -r other.priv -c other.ctx
    ok "and puts another there" tpm2_setup tpm2_evictcontrol -Q -C o -c other.ctx 0x81000002
    finds "which is told" "BAD .*azure:ldevid: 0x81000002 holds another key: move that away with \"tpm2_evictcontrol -C o -c 0x81000002\".*devid provision"
    tpm2_setup tpm2_flushcontext -t
    printf '[identity wrapped]\n' >>devid.conf
    ok "an owner evicts the storage root key" tpm2_setup tpm2_evictcontrol -Q -C o -c 0x81000001
    finds "which wrapped keys need" "BAD .*wrapped: the storage root key of its key was evicted; .*devid provision"
fi
finish
