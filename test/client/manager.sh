#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Clients of the module through tpm2-abrmd, in turn and at once: OpenSC, GnuTLS, OpenSSH, Python.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/tpm/manager.sh"
. "$DEVID_SRC/test/client/lib.sh"

needs pkcs11-tool opensc
needs p11tool gnutls-bin
needs ssh-keygen openssh-client
needs swtpm swtpm
needs tpm2_createek tpm2-tools
python=/usr/bin/python3
"$python" -c 'import PyKCS11' 2>/dev/null || { echo "passed over: PyKCS11 is needed: apt-get install python3-pykcs11"; exit 77; }
world_start
world_manufacture || exit 1
"$DEVID_BUILD/test/client/prepare" "$FOLDER" >"$FOLDER/prepare.log" 2>&1 || { cat "$FOLDER/prepare.log"; exit 1; }
cd "$FOLDER" || exit 1
export ORDER=manager MODULE=$DEVID_BUILD/.libs/devid-pkcs11.so TSS2_LOG=all+none
manager_start
echo "42 degrees" >message

# by_pkcs11_tool LABEL MECHANISM OPTION...: signs "message"
by_pkcs11_tool() {
    local id mine=$BASHPID
    id=$(pkcs11-tool --module "$MODULE" --token-label owner -O --type privkey |
        awk -v label="$1" '$1 == "label:" { it = $2 } $1 == "ID:" && it == label { print $2 }')
    openssl x509 -in "${1/:/-}-cert.pem" -noout -pubkey >"$mine.pem"
    pkcs11-tool --module "$MODULE" --token-label owner --sign -m "$2" --id "$id" -i message -o "$mine.sig" "${@:3}" &&
        openssl dgst -sha256 -verify "$mine.pem" -signature "$mine.sig" message
}
by_p11tool() {
    p11tool --provider "$MODULE" --batch --test-sign "pkcs11:token=owner;object=${1/:/%3A};type=private"
}
# by_ssh LABEL: an agent of its own signs with that key
by_ssh() {
    local dir
    dir=$(mktemp -d "$FOLDER/ssh.XXXXXX") && openssl x509 -in "${1/:/-}-cert.pem" -noout -pubkey >"$dir/key.pem" &&
        ssh-keygen -i -m PKCS8 -f "$dir/key.pem" >"$dir/key.pub" && ssh-keygen -D "$MODULE" | grep -qf "$dir/key.pub" &&
        echo "me $(cat "$dir/key.pub")" >"$dir/signers" && cp message "$dir/text" && eval "$(ssh-agent -s -P "$MODULE")" >/dev/null || return 1
    (
        trap 'kill "$SSH_AGENT_PID"' EXIT
        printf '\n' | SSH_ASKPASS_REQUIRE=never setsid ssh-add -s "$MODULE" &&
            ssh-keygen -q -Y sign -f "$dir/key.pub" -n file "$dir/text" &&
            ssh-keygen -Y verify -f "$dir/signers" -I me -n file -s "$dir/text.sig" <message
    )
}
cat >sign.py <<'EOF'
import os, hashlib, sys
from PyKCS11 import *
lib = PyKCS11Lib()
lib.load(os.environ["MODULE"])
slot = next(s for s in lib.getSlotList(tokenPresent=True) if lib.getTokenInfo(s).label.strip() == "owner")
session = lib.openSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION)
key, = session.findObjects([(CKA_CLASS, CKO_PRIVATE_KEY), (CKA_LABEL, sys.argv[1])])
public, = session.findObjects([(CKA_CLASS, CKO_PUBLIC_KEY), (CKA_LABEL, sys.argv[1])])
mechanism = Mechanism(CKM_ECDSA_SHA256 if len(sys.argv) == 2 else CKM_SHA256_RSA_PKCS, None)
for _ in range(3):
    assert session.verify(public, b"42", session.sign(key, b"42", mechanism), mechanism)
EOF
by_python() {
    "$python" sign.py "$@"
}

ok "slots are listed" pkcs11-tool --module "$MODULE" --list-slots
ok "with the manufacturer's keys" grep -q "token label *: manufacturer" out
sends Sign "pkcs11-tool" by_pkcs11_tool azure:ldevid ECDSA-SHA256 --signature-format openssl
ok "with a wrapped key" by_pkcs11_tool wrapped ECDSA-SHA256 --signature-format openssl
ok "with RSA" by_pkcs11_tool rsa SHA256-RSA-PKCS
sends Sign "p11tool" by_p11tool azure:ldevid
ok "with a wrapped key" by_p11tool wrapped
ok "ssh-keygen and ssh-agent" by_ssh azure:ldevid
ok "with RSA" by_ssh rsa
sends "Sign Sign Sign" "Python" by_python azure:ldevid
ok "with a wrapped key" by_python wrapped

# at_once: each of them thrice, all at the same time
at_once() {
    local pids=() pid failed=0
    for _ in 1 2 3; do
        by_pkcs11_tool wrapped ECDSA-SHA256 --signature-format openssl & pids+=($!)
        by_p11tool azure:ldevid & pids+=($!)
        by_ssh rsa & pids+=($!)
        by_python wrapped & pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || failed=$((failed + 1)); done
    echo "$failed of ${#pids[@]} failed"
    [ "$failed" = 0 ]
}
ok "twelve programs at once" at_once

vault "$MODULE"
tool=(pkcs11-tool --module "$MODULE" --token-label vault --login --pin 123456)
ok "a key behind the PIN" "${tool[@]}" --keypairgen --key-type EC:prime256v1 --label mine --id 01
ok "signs" "${tool[@]}" --sign -m ECDSA-SHA256 --id 01 -i message -o signature --signature-format openssl
"${tool[@]}" --read-object --type pubkey --id 01 -o mine.der >/dev/null 2>&1
openssl pkey -pubin -inform DER -in mine.der -out mine.pem
ok "is good" openssl dgst -sha256 -verify mine.pem -signature signature message
ok "nothing is left in it" world_assert_clean
manager_stop
finish
