#!/bin/bash
# What our section of openssl.cnf may say, key by key.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"

needs swtpm swtpm
needs tpm2_create tpm2-tools
needs pkcs11-tool opensc
needs socat socat
needs python3 python3
needs prlimit util-linux
world_start
"$DEVID_BUILD/test/client/prepare" "$FOLDER" || exit 1
cd "$FOLDER" || exit 1
echo "a message" >message
openssl x509 -in azure-ldevid-cert.pem -noout -pubkey >public.pem

# setting LINE...: default first, with these lines in our section
setting() {
    local line
    openssl_conf default-first
    # shellcheck disable=SC2034  # lib.sh prints it
    ORDER=$*
    for line in "$@"; do
        sed -i "s|^\[devid_provider\]\$|&\n$line|" openssl.cnf
    done
}

refused() {
    ! "$@"
}

signs() {
    local words=$1 key=$2
    shift 2
    sends "Sign" "$words" openssl dgst -sha256 -sign "$key" -out signature "$@" message
    ok "the signature is good" openssl dgst -sha256 -verify public.pem -signature signature message
}

# tcti: devid.conf names a TPM that is not there
sed 's/^tcti = .*/tcti = swtpm:path=nowhere/' devid.conf >elsewhere.conf
setting
sed -i "s|^config = .*|config = $FOLDER/elsewhere.conf|" openssl.cnf
fails "without it, the configuration's TPM is meant" "no TPM at swtpm:path=nowhere" \
    openssl dgst -sha256 -sign azure-ldevid-key.pem -out signature message
ok "and what tpm2-tss says of it is not the program's" test "$(grep -c '^ERROR:\|^WARNING:' out)" = 0
tcti=$(sed -n 's/^tcti = //p' devid.conf)
setting "tcti = $tcti"
sed -i "s|^config = .*|config = $FOLDER/elsewhere.conf|" openssl.cnf
signs "the TPM is the one of openssl.cnf" azure-ldevid-key.pem

# config: everything else comes from that file
setting
sed -i "s|^config = .*|config = $FOLDER/nothing.conf|" openssl.cnf
fails "a configuration that is not there is named" "nothing.conf" openssl storeutl -noout "pkcs11:"
sed -i '/^config = /d' openssl.cnf
export DEVID_CONF=$FOLDER/devid.conf
signs "without it, DEVID_CONF names the configuration" azure-ldevid-key.pem
unset DEVID_CONF

# uri-schemes
setting "uri-schemes = devid handle"
fails "pkcs11: is left to others" "unregistered scheme\|No store loader" openssl storeutl -noout "pkcs11:token=owner"
signs "devid: is served" devid:azure:ldevid
signs "handle: is served" handle:0x81000002
setting "uri-schemes = pkcs11"
fails "devid: is left to others" "unregistered scheme\|No store loader" openssl storeutl -noout "devid:azure:ldevid"
signs "pkcs11: is served" "pkcs11:token=owner;object=azure:ldevid"
setting "uri-schemes = pkcs11,ftp"
fails "a scheme that we have not is told of" "uri-schemes = pkcs11,ftp: some of pkcs11, devid and handle are expected" \
    openssl storeutl -noout "pkcs11:"
ok "software keys work on" openssl genpkey -algorithm EC -pkeyopt group:P-256 -out software.pem
keep openssl list -providers
ok "the list of providers shows it" grep -A9 devid out
ok "as inactive" grep -q "status: inactive" out

# [random], which is libcrypto's: the TPM's numbers for who names them
random() { # random ORDER KEY: KEY = DEVID-RAND
    openssl_conf "$1"
    sed -i "s|^\[init\]\$|&\nrandom = random|; s|^\[req\]\$|[random]\n$2 = DEVID-RAND\n&|" openssl.cnf
}
for order in default-first devid-first preferred; do
    random "$order" random
    sends "GetRandom GetRandom" "random numbers of the TPM" openssl rand -hex 100
    ok "so many" test "$(tr -d '\n' <out | wc -c)" = 200
    random "$order" seed
    world_forget_commands
    ok "a generator that the TPM starts" openssl rand -hex 100
    ok "asks it for that alone" test "$(world_commands | sort -u)" = GetRandom
    openssl_conf "$order"
    sends "" "nobody who names nothing" openssl rand -hex 100
    LD_DEBUG=files openssl rand -hex 100 >loaded 2>&1
    ok "who does not gets no more of us than openssl.cnf names" sh -c 'grep -q "devid\.so" loaded && ! grep -q "devid-provider\.so" loaded'
done
random default-first random
sed -i "s|^config = .*|config = $FOLDER/elsewhere.conf|" openssl.cnf
fails "without the TPM there are none" "no TPM at swtpm:path=nowhere" openssl rand -hex 8
setting

# preconnect: children go on with the connection that their parent has made. The way to the TPM is barred after that: a pipe, so that
# there is something to inherit, as with a device.
setting "preconnect = maybe"
fails "neither yes nor no" "preconnect = maybe: yes or no is expected" \
    openssl dgst -sha256 -sign azure-ldevid-key.pem -out signature message
mkdir gate
cp "$DEVID_SRC/test/client/pair.py" .
cat >children.py <<END
import os, signal, sys, time
from pair import handshake

handshake() # the pipe's other end is there now
os.rename("gate", "barred")

def child(work):
    pid = os.fork()
    if pid == 0:
        ok = False
        try:
            ok = work()
        finally:
            os._exit(0 if ok else 1)
    return pid

def status(pid):
    return os.waitpid(pid, 0)[1]

def forever():
    while True:
        handshake()

good = all([status(p) == 0 for p in [child(lambda: all(handshake() for _ in range(5))) for _ in range(4)]])
print("children", good)
for n in range(6): # what is loaded then stays loaded: the next one finds the TPM full, over a connection that is not its own
    victim = child(forever)
    time.sleep(0.1 + n / 50)
    os.kill(victim, signal.SIGKILL)
    status(victim)
    good = status(child(handshake)) == 0 and good
print("after kills", good)
good = handshake() and good
print("parent", good)
os.rename("barred", "gate")
sys.exit(0 if good else 1)
END
ln -s "$FOLDER/swtpm" gate/swtpm
pipe="cmd:socat -t 60 - UNIX-CONNECT:$FOLDER/gate/swtpm"
for name in azure-ldevid wrapped; do
    setting "preconnect = yes" "tcti = $pipe"
    ok "children sign over their parent's connection, and outlive one another ($name)" python3 children.py $name
    [ -d gate ] || mv barred gate
    setting "tcti = $pipe"
    ok "without preconnect they cannot" refused python3 children.py $name
    [ -d gate ] || mv barred gate
done

# A way to the TPM that its other end closes when nothing was said for long: hours of idleness, in two seconds
cat >idle.py <<END
import signal, sys, time
from pair import handshake
signal.signal(signal.SIGPIPE, signal.SIG_DFL) # as in C, where a write to who has gone ends a program
good = handshake()
time.sleep(6)
sys.exit(0 if handshake() and good else 1)
END
printf '#!/bin/sh\necho opened >>%s/opened\nexec socat -T 2 - UNIX-CONNECT:%s/swtpm\n' "$FOLDER" "$FOLDER" >way
chmod a+x way
for preconnect in no yes; do
    for name in azure-ldevid wrapped; do
        setting "preconnect = $preconnect" "tcti = cmd:$FOLDER/way"
        rm -f opened
        ok "a connection that was closed in idleness is made anew ($name)" python3 idle.py $name
        ok "it was closed" test "$(wc -l <opened)" = 2
    done
done

# No byte may be written to any file: what is kept for other processes is not kept.
setting "tcti = swtpm:path=$FOLDER/swtpm"
mv state/.cache cache
ok "a program that may write to no file signs" prlimit --fsize=0 openssl dgst -sha256 -sign azure-ldevid-key.pem -out /dev/null message
ok "it has kept nothing" sh -c '! ls state/.cache/0x*'
rm -rf state/.cache
mv cache state/.cache

# auth: a wrapped key with a password
export TPM2TOOLS_TCTI=$WORLD_TCTI
{ keep tpm2_create -Q -C 0x81000001 -G ecc256 -p secret -u key.pub -r key.priv \
    -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign|noda' && tpm2_flushcontext -Q -t; } || complain "a key with a password"
for option in "" -p; do # versions do not agree about what it means
    tpm2_encodeobject -Q -C 0x81000001 -u key.pub -r key.priv ${option:+"$option"} -o key.pem
    tpm2_flushcontext -Q -t
    tpm2_flushcontext -Q -l
    openssl asn1parse -in key.pem | grep -qE "BOOLEAN *:0$" && break
done
(umask 077 && echo secret >password && echo wrong >wrong)
proven="StartAuthSession Sign FlushContext"
setting "auth = file:$FOLDER/password"
keep openssl pkey -in key.pem -pubout -out key.public || complain "the public half"
sends "Load ReadPublic $proven" "the password is in a file" openssl dgst -sha256 -sign key.pem -out signature message
ok "the signature is good" openssl dgst -sha256 -verify key.public -signature signature message
sends "Load $proven" "the key of the session is remembered" openssl dgst -sha256 -sign key.pem -out signature message
setting "auth = file:$FOLDER/wrong"
fails "a wrong password" "the key's password is wrong" openssl dgst -sha256 -sign key.pem -out signature message
setting "auth = file:$FOLDER/nowhere"
# why is in the error queue of who reads the file; libcrypto's store of files drops it
fails "a file that is not there" "Could not .* private key" openssl dgst -sha256 -sign key.pem -out signature message
fails "the log has it" "devid error provider: .*$FOLDER/nowhere" env DEVID_LOG=error openssl dgst -sha256 -sign key.pem -out signature message
signs "a key without a password has no need of it" azure-ldevid-key.pem
setting "auth = credential:password"
sends "Load $proven" "the password is a credential of systemd's" \
    env CREDENTIALS_DIRECTORY="$FOLDER" openssl dgst -sha256 -sign key.pem -out signature message
fails "there are no credentials" "has a password" setsid openssl dgst -sha256 -sign key.pem -out signature message
for value in secret file: credential: credential:../password; do
    setting "auth = $value"
    fails "not a source" "auth = $value: file:PATH or credential:NAME is expected" \
        openssl dgst -sha256 -sign azure-ldevid-key.pem -out signature message
done

# auth: the PIN of a token
export DEVID_CONF=$FOLDER/devid.conf
module=$DEVID_BUILD/.libs/devid-pkcs11.so
slot=$(pkcs11-tool --module "$module" --list-slots | sed -n 's/^Slot [0-9]* (\(0x[0-9a-f]*\)): TPM 2.0: room.*/\1/p')
tool() { keep pkcs11-tool --module "$module" "$@" || complain "pkcs11-tool $*"; }
tool --slot "$slot" --init-token --label vault --so-pin 87654321
tool --token-label vault --login --login-type so --so-pin 87654321 --init-pin --new-pin 123456
tool --token-label vault --login --pin 123456 --keypairgen --key-type EC:prime256v1 --label mine --id 01
tool --token-label vault --read-object --type pubkey --id 01 --output-file mine.der
unset DEVID_CONF
openssl pkey -pubin -inform DER -in mine.der -out public.pem
(umask 077 && echo 123456 >pin)
setting "auth = file:$FOLDER/pin"
ok "a PIN for a URI" openssl dgst -sha256 -sign "pkcs11:token=vault;object=mine" -out signature message
ok "the signature is good" openssl dgst -sha256 -verify public.pem -signature signature message
keep openssl pkey -in "pkcs11:token=vault;object=mine" -out mine-key.pem || complain "a reference"
ok "a PIN for a reference" openssl dgst -sha256 -sign mine-key.pem -out signature message
ok "the signature is good" openssl dgst -sha256 -verify public.pem -signature signature message
setting
ok "the program asks for that of a reference" openssl dgst -sha256 -sign mine-key.pem -passin pass:123456 -out signature message
ok "the signature is good" openssl dgst -sha256 -verify public.pem -signature signature message
sends "" "its public key needs no PIN" setsid openssl pkey -pubin -in "pkcs11:token=vault;object=mine;type=public" -pubout -out mine.pub
ok "and is the same" cmp mine.pub public.pem
fails "nobody is asked" "Could not .* private key" setsid openssl dgst -sha256 -sign mine-key.pem -out signature message
finish
