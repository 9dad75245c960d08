#!/bin/bash
# IEEE 802.1AR's operations, by the command: enumerate, sign, disable and enable, insert and delete certificates, delete keys,
# counters; and what PKCS#11 and OpenSSL clients see of them.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"

needs swtpm swtpm
needs tpm2_createek tpm2-tools
needs p11tool gnutls-bin
world_start
world_manufacture || exit 1
"$DEVID_BUILD/test/client/prepare" "$FOLDER" || exit 1
cd "$FOLDER" || exit 1
openssl_conf devid-first
export DEVID_CONF=$FOLDER/devid.conf OPENSSL_MODULES=$DEVID_BUILD/.libs ORDER=operations
module=$DEVID_BUILD/.libs/devid-pkcs11.so
devid() { "$DEVID_BUILD/devid" "$@"; }
tool() { p11tool --provider "$module" --batch "$@"; }
listed() { tool --list-all "$1" | grep -c '^Object'; } # listed URI
p11_signs() { tool --test-sign "pkcs11:token=$1;object=$2;type=private"; }
ossl_signs() { openssl dgst -sha256 -sign "$1" -out sig reading; }
# counted: made, deleted, inserted, deleted, since prepare was done
numbers() { devid counters --json | grep -o ': [0-9]*' | head -4 | tr -d ': ' | tr '\n' ' '; }
read -r made destroyed inserted removed <<<"$(numbers)"
counted() {
    local a b c d
    read -r a b c d <<<"$(numbers)"
    echo $((a - made)) $((b - destroyed)) $((c - inserted)) $((d - removed))
}
echo "42 degrees" >reading
devid show azure:ldevid | sed -n '/BEGIN PUBLIC/,/END PUBLIC/p' >ldevid.pub
fails "an output that is full is told" "not all could be written" sh -c "'$DEVID_BUILD/devid' list >/dev/full"
devid show rsa | sed -n '/BEGIN PUBLIC/,/END PUBLIC/p' >rsa.pub
devid ref azure:ldevid >ldevid-ref.pem

# ---- enumerate and sign ----

ok "the list has what 802.1AR enumerates" sh -c "'$DEVID_BUILD/devid' list --json | python3 -c '
import json, sys
l = json.load(sys.stdin)
assert [i[\"index\"] for i in l] == list(range(len(l))), l
assert all(i[\"enabled\"] for i in l)
assert [i[\"name\"] for i in l if i[\"idevid\"]] == [\"idevid\"]
assert all(len(i[\"key_sha256\"]) == 64 and i[\"type\"] for i in l)
'"
ok "the fingerprint of a certificate is OpenSSL's" grep -qi "$(openssl x509 -in azure-ldevid-cert.pem -noout -fingerprint -sha256 |
    sed 's/.*=//; s/://g')" <(devid show azure:ldevid)
ok "that of a key, too" grep -q "$(openssl pkey -pubin -in ldevid.pub -outform DER | sha256sum | cut -c1-64)" <(devid show azure:ldevid)
ok "a file is signed by an EC key" devid sign --out sig azure:ldevid reading
ok "which OpenSSL verifies" openssl dgst -sha256 -verify ldevid.pub -signature sig reading
devid sign rsa reading >sig
ok "by an RSA key" openssl dgst -sha256 -verify rsa.pub -signature sig reading
world_forget_commands
ok "the IDevID signs" devid sign --out sig idevid reading
ok "and a power cut afterwards is no wrong password" test "$(world_commands | tail -1)" = Shutdown
world_forget_commands
ok "it attests" devid attest --out evidence.pem idevid
ok "nor is one after that" test "$(world_commands | tail -1)" = Shutdown
fails "a file that is not there is told" "nothing-there" devid sign azure:ldevid nothing-there

# A client of another token may call its key as devid.conf calls ours.
state=$(sed -n 's/^state *= *//p' devid.conf)
mkdir "$state/abroad" && sed 's/^label: .*/label: azure:ldevid/' "$state/owner/wrapped.pem" >"$state/abroad/azure%3Aldevid.pem"
{ cat devid.conf && printf '[identity azure:ldevid]\npem = %s/client.pem\n' "$FOLDER"; } >with-pem.conf
ok "a name is that of devid.conf's identity" grep -q '^token *owner' <(devid --config with-pem.conf show azure:ldevid)
ok "whoever comes first in the list" sh -c "'$DEVID_BUILD/devid' list | grep -n azure:ldevid | head -1 | grep abroad"
rm -r "$state/abroad"

# ---- disable, enable ----

n_owner=$(listed pkcs11:token=owner) n_maker=$(listed pkcs11:token=manufacturer)
ok "the IDevID is disabled" devid disable idevid
ok "twice is once" devid disable idevid
ok "it says so" grep -q "disabled already" out
ok "p11tool sees one key pair less" test "$(listed pkcs11:token=manufacturer)" = $((n_maker - 2))
fails "no PKCS#11 client signs with it" "." p11_signs manufacturer idevid
fails "nor does OpenSSL, which says why" 'idevid is disabled: "devid enable idevid"' ossl_signs devid:idevid
fails "nor by its handle" 'idevid is disabled' ossl_signs handle:0x81020000
fails "nor does devid" 'idevid is disabled' devid sign idevid reading
openssl storeutl -noout -text devid: >names 2>&1
ok "OpenSSL does not list it" sh -c "! grep idevid names"
ok "but the others" grep -q azure:ldevid names
ok "devid does" sh -c "'$DEVID_BUILD/devid' list | grep 'idevid.* disabled '"
ok "the doctor says so" sh -c "'$DEVID_BUILD/devid' doctor | grep 'idevid is disabled'"
ok "it is enabled" devid enable idevid
ok "and signs" ossl_signs devid:idevid
ok "for PKCS#11 clients, too" p11_signs manufacturer idevid
ok "and is seen" test "$(listed pkcs11:token=manufacturer)" = "$n_maker"

ok "a key alone is disabled" devid disable --key azure:ldevid
fails "a key reference does not sign" "azure:ldevid is disabled" ossl_signs ldevid-ref.pem
ok "its certificate is seen" test "$(listed 'pkcs11:token=owner;object=azure%3Aldevid;type=cert')" = 1
ok "its halves are not" test "$(listed pkcs11:token=owner)" = $((n_owner - 2))
ok "the wrapped key is disabled" devid disable wrapped
fails "its key file does not sign" "wrapped is disabled" ossl_signs wrapped-key.pem
devid enable wrapped >out
ok "and does again" ossl_signs wrapped-key.pem
devid enable azure:ldevid >out
ok "a certificate alone is disabled" devid disable --certificate azure:ldevid
ok "it is not seen" test "$(listed 'pkcs11:token=owner;object=azure%3Aldevid;type=cert')" = 0
ok "nor by OpenSSL" sh -c "! openssl storeutl -noout -certs devid:azure:ldevid 2>/dev/null | grep -i 'certificate'"
ok "its key signs" p11_signs owner azure%3Aldevid
ok "for OpenSSL, too" ossl_signs devid:azure:ldevid
devid enable azure:ldevid >out
ok "all is as before" test "$(listed pkcs11:token=owner)" = "$n_owner"
fails "a name that is not there is told" "nobody is not on this device" devid disable nobody

# A client that has a session and a key while somebody switches it off.
cat >session.py <<'EOF'
import hashlib, os, subprocess
from PyKCS11 import *
lib = PyKCS11Lib()
lib.load(os.environ["MODULE"])
slot = [s for s in lib.getSlotList(tokenPresent=True) if lib.getTokenInfo(s).label.strip() == "owner"][0]
session = lib.openSession(slot)
find = lambda: session.findObjects([(CKA_CLASS, CKO_PRIVATE_KEY), (CKA_LABEL, "azure:ldevid")])
sign = lambda key: session.sign(key, hashlib.sha256(b"x").digest(), Mechanism(CKM_ECDSA, None))
devid = lambda what: subprocess.run([os.environ["DEVID"], what, "azure:ldevid"], check=True)
key = find()[0]
sign(key)
devid("disable")
assert find() == []
try:
    sign(key)
    raise SystemExit("it signed")
except PyKCS11Error as error:
    print(error)
devid("enable")
sign(find()[0])
EOF
if /usr/bin/python3 -c 'import PyKCS11' 2>/dev/null; then
    ok "a client with an open session is refused" env "MODULE=$module" "DEVID=$DEVID_BUILD/devid" /usr/bin/python3 session.py
fi

# ---- certificates ----

issue() { # issue NAME KEY.pub: by the CA that prepare made
    openssl x509 -new -force_pubkey "$2" -subj "/CN=$1" -CA ca-cert.pem -CAkey ca-key.pem -days 9 -out "$1.pem" 2>/dev/null
}
issue second ldevid.pub && issue other rsa.pub
cat second.pem ca-cert.pem >chain.pem
cat ca-cert.pem second.pem >reversed.pem
cat second.pem other.pem >unlinked.pem
ok "a chain is inserted" devid certificate insert azure:ldevid chain.pem
ok "clients see it" sh -c "'$DEVID_BUILD/devid' show azure:ldevid | grep 'subject  *CN=second'"
ok "PKCS#11 clients, too" diff <(tool --export 'pkcs11:token=owner;object=azure%3Aldevid;type=cert' | openssl x509) second.pem
ok "the root at its end is left out" grep -q '"chain_length": 1' <(devid show --json azure:ldevid)
openssl x509 -in second.pem -outform DER -out second.der
ok "one in DER will do" devid certificate insert azure:ldevid second.der
fails "one for another key is refused" "for another key" devid certificate insert azure:ldevid other.pem
fails "one in the wrong order" "for another key" devid certificate insert azure:ldevid reversed.pem
fails "one whose issuer does not follow" "not by the issuer" devid certificate insert azure:ldevid unlinked.pem
{ cat second.pem && for _ in {1..16}; do cat ca-cert.pem; done; } >long.pem
fails "a chain that is too long is not cut off" "long.pem has more than 16 certificates" devid certificate insert azure:ldevid long.pem
fails "the manufacturer's are not changed" "idevid is the manufacturer's" devid certificate insert idevid second.pem
fails "nor deleted" "idevid is the manufacturer's" devid certificate delete idevid
ok "what was refused changed nothing" sh -c "'$DEVID_BUILD/devid' show azure:ldevid | grep 'subject  *CN=second'"
ok "a certificate is deleted" devid certificate delete azure:ldevid
ok "it is gone" test "$(listed 'pkcs11:token=owner;object=azure%3Aldevid;type=cert')" = 0
ok "the key signs on" p11_signs owner azure%3Aldevid

ok "the file for clients follows" sh -c "'$DEVID_BUILD/devid' --config with-pem.conf certificate insert azure:ldevid chain.pem >said && grep CERTIFICATE client.pem"
ok "which is said in a line of its own" test "$(tail -c 1 said | od -An -tx1)" = " 0a"
ok "it is deleted again" devid certificate delete azure:ldevid

# ---- counters, and the end of keys ----

ok "a certificate that replaced another, and was deleted, is counted" test "$(counted)" = "0 0 2 3"
ok "for people, with what is not supported" grep -q "key insertions .*not supported" <(devid counters)
fails "without a terminal nothing is deleted" "there is no terminal to ask at; --yes" devid delete azure:ldevid </dev/null
fails "the manufacturer's are not deleted" "idevid is the manufacturer's" devid delete --yes idevid
ok "the owner's key is destroyed" devid delete --yes azure:ldevid
ok "its handle is empty" lacks 0x81000002 tpm2_getcap handles-persistent
ok "the root key and others are not touched" sh -c "tpm2_getcap handles-persistent | tr -d '\n' | grep 0x81000001.*0x81000003.*0x81010001.*0x81020000"
ok "a wrapped key, too" devid delete --yes wrapped
fails "once" "wrapped is not on this device" devid delete --yes wrapped
ok "both are counted" test "$(counted)" = "0 2 2 4"

# A key of that name in another token is not devid.conf's.
mkdir "$state/abroad" && sed 's/^label: .*/label: azure:ldevid/' "$state/owner/rsa.pem" >"$state/abroad/azure%3Aldevid.pem"
devid ref --out client.pem rsa >out
ok "one of that name in another token is found" sh -c "'$DEVID_BUILD/devid' --config with-pem.conf list --json | grep azure:ldevid"
ok "and deleted" devid --config with-pem.conf delete --yes azure:ldevid
ok "which leaves the file of devid.conf's own to its clients" test -s client.pem
rm -r "$state/abroad"

# What clients call their keys is theirs, and no command to somebody's terminal.
red=$'red\xc2\x9b31m' # C1's CSI; those of ASCII the module refuses
ok "a client's key may have any name" tool --generate-privkey ecdsa --curve secp256r1 --label "$red" --outfile red.pub pkcs11:token=owner
devid list >listing
ok "a terminal is told of it without its control characters" grep -q "red?31m " listing
ok "which are nowhere" sh -c "! LC_ALL=C grep -q '[^[:print:]]' listing"
ok "a program is told it whole" sh -c "'$DEVID_BUILD/devid' list --json | python3 -c '
import json, sys
assert \"red\\x9b31m\" in [i[\"name\"] for i in json.load(sys.stdin)]
'"
ok "by which it is shown" sh -c "'$DEVID_BUILD/devid' show '$red' | grep -q '^name  *red?31m\$'"
ok "and deleted" devid delete --yes "$red"

finish
