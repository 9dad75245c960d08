#!/bin/bash
# Python's PyKCS11: sessions, searches, attributes, signatures, keys; without a PIN and with one.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"

python=/usr/bin/python3
"$python" -c 'import PyKCS11' 2>/dev/null || { echo "passed over: PyKCS11 is needed: apt-get install python3-pykcs11"; exit 77; }
needs swtpm swtpm
needs tpm2_createek tpm2-tools
world_start
world_manufacture || exit 1
"$DEVID_BUILD/test/client/prepare" "$FOLDER" || exit 1
cd "$FOLDER" || exit 1
export ORDER=python MODULE=$DEVID_BUILD/.libs/devid-pkcs11.so

cat >owner.py <<'EOF'
import os, hashlib
from PyKCS11 import *
lib = PyKCS11Lib()
lib.load(os.environ["MODULE"])
slots = {lib.getTokenInfo(s).label.strip(): s for s in lib.getSlotList(tokenPresent=True)}
assert {"owner", "manufacturer"} <= set(slots), slots
session = lib.openSession(slots["owner"], CKF_SERIAL_SESSION | CKF_RW_SESSION)
message = b"42 degrees"
keys = session.findObjects([(CKA_CLASS, CKO_PRIVATE_KEY)])
assert len(keys) == 3, keys
for key in keys:
    label, kind, ident = session.getAttributeValue(key, [CKA_LABEL, CKA_KEY_TYPE, CKA_ID])
    public = session.findObjects([(CKA_CLASS, CKO_PUBLIC_KEY), (CKA_ID, ident)])[0]
    certs = session.findObjects([(CKA_CLASS, CKO_CERTIFICATE), (CKA_ID, ident)])
    assert len(certs) == 1, label
    if kind == CKK_EC:
        digest = hashlib.sha256(message).digest()
        sig = session.sign(key, digest, Mechanism(CKM_ECDSA, None))
        assert session.verify(public, digest, sig, Mechanism(CKM_ECDSA, None)), label
    else:
        for m in (Mechanism(CKM_SHA256_RSA_PKCS, None), RSA_PSS_Mechanism(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32)):
            sig = session.sign(key, message, m)
            assert session.verify(public, message, sig, m), label
        secret = session.encrypt(public, message, Mechanism(CKM_RSA_PKCS, None))
        assert bytes(session.decrypt(key, secret, Mechanism(CKM_RSA_PKCS, None))) == message
        secret = session.encrypt(public, message, RSAOAEPMechanism(CKM_SHA256, CKG_MGF1_SHA256))
        assert bytes(session.decrypt(key, secret, RSAOAEPMechanism(CKM_SHA256, CKG_MGF1_SHA256))) == message
assert bytes(session.digest(message)) == hashlib.sha1(message).digest()
assert len(session.generateRandom(100)) == 100
session.closeSession()
EOF
ok "the owner's keys" "$python" owner.py

cat >pin.py <<'EOF'
import os, hashlib
from PyKCS11 import *
lib = PyKCS11Lib()
lib.load(os.environ["MODULE"])
slot = lib.getSlotList(tokenPresent=True)[-1]
lib.initToken(slot, "87654321", "vault")
session = lib.openSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION)
session.login("87654321", CKU_SO)
session.initPin("123456")
session.logout()
session.login("123456")
p256 = bytes.fromhex("06082a8648ce3d030107")
public, private = session.generateKeyPair([(CKA_TOKEN, True), (CKA_EC_PARAMS, p256), (CKA_LABEL, "mine")],
                                          [(CKA_TOKEN, True), (CKA_PRIVATE, True), (CKA_SIGN, True), (CKA_LABEL, "mine")],
                                          MechanismECGENERATEKEYPAIR if "MechanismECGENERATEKEYPAIR" in globals() else Mechanism(CKM_EC_KEY_PAIR_GEN, None))
digest = hashlib.sha256(b"text").digest()
for _ in range(3):
    sig = session.sign(private, digest, Mechanism(CKM_ECDSA, None))
    assert session.verify(public, digest, sig, Mechanism(CKM_ECDSA, None))
session.setPin("123456", "654321")
session.logout()
assert not session.findObjects([(CKA_CLASS, CKO_PRIVATE_KEY)])
try:
    session.login("123456")
    raise SystemExit("the old PIN is taken")
except PyKCS11Error as e:
    assert e.value == CKR_PIN_INCORRECT, e
assert lib.getTokenInfo(slot).flags & CKF_USER_PIN_COUNT_LOW
session.login("654321")
assert len(session.findObjects([(CKA_CLASS, CKO_PRIVATE_KEY)])) == 1
session.closeSession()
EOF
ok "a token with a PIN" "$python" pin.py
TPM2TOOLS_TCTI=$WORLD_TCTI tpm2_dictionarylockout -c # its one wrong PIN was meant
finish
