# SPDX-License-Identifier: BSD-2-Clause
"""A PKCS#11 session that stays open over a renewal, and over the end of its grace time. Debian's PyKCS11."""
import hashlib
import os
import subprocess
import sys
import time

import PyKCS11
from PyKCS11 import CKA_CLASS, CKA_LABEL, CKA_TOKEN, CKA_VALUE, CKO_CERTIFICATE, CKO_PRIVATE_KEY, CKM_ECDSA, Mechanism

NAMES = ("azure:ldevid", "azure:device-id")
folder = sys.argv[1]


def wait(name):
    for _ in range(1200):
        if os.path.exists(os.path.join(folder, name)):
            return
        time.sleep(0.1)
    sys.exit("nobody made " + name)


def say(name):
    open(os.path.join(folder, name), "w").close()


def find(label, kind):
    return session.findObjects([(CKA_CLASS, kind), (CKA_LABEL, label)])


def one(label, kind):
    (found,) = find(label, kind)
    return found


def der_of(cert):
    return bytes(session.getAttributeValue(cert, [CKA_VALUE])[0])


def integer(number):
    body = number.lstrip(b"\0") or b"\0"
    body = b"\0" + body if body[0] & 0x80 else body
    return bytes([2, len(body)]) + body


def checks(cert, key):
    """The certificate's key has made the signature: openssl says so."""
    digest = hashlib.sha256(b"text").digest()
    raw = bytes(session.sign(key, digest, Mechanism(CKM_ECDSA, None)))
    half = len(raw) // 2
    body = integer(raw[:half]) + integer(raw[half:])
    paths = {n: os.path.join(folder, "session." + n) for n in ("der", "pub", "sig", "dig")}
    for n, content in (("der", cert), ("sig", bytes([0x30, len(body)]) + body), ("dig", digest)):
        with open(paths[n], "wb") as f:
            f.write(content)
    with open(paths["pub"], "wb") as f:
        subprocess.run(["openssl", "x509", "-inform", "DER", "-in", paths["der"], "-noout", "-pubkey"], stdout=f, check=True)
    subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", paths["pub"], "-sigfile", paths["sig"], "-in",
                    paths["dig"]], check=True)


lib = PyKCS11.PyKCS11Lib()
lib.load(os.environ["DEVID_P11"])
slot = [s for s in lib.getSlotList() if lib.getTokenInfo(s).label.strip("\0 ") == "owner"][0]
session = lib.openSession(slot)
old = {}
for name in NAMES:
    old[name] = (one(name, CKO_PRIVATE_KEY), der_of(one(name, CKO_CERTIFICATE)))
    checks(old[name][1], old[name][0])
say("session-open")

wait("session-go")
for name in NAMES:
    checks(old[name][1], old[name][0])  # before any search
    key, cert = one(name, CKO_PRIVATE_KEY), der_of(one(name, CKO_CERTIFICATE))
    assert cert != old[name][1], "the search finds the old certificate"
    checks(cert, key)
    checks(old[name][1], old[name][0])  # and after it
    assert all(k != old[name][0] for k in session.findObjects([(CKA_TOKEN, True)])), "a search finds the old key"
say("session-renewed")

wait("session-end")
try:
    checks(old["azure:ldevid"][1], old["azure:ldevid"][0])  # no search since: the handle alone is known
    sys.exit("a key that is gone signs")
except PyKCS11.PyKCS11Error as error:
    print(error)
for name in NAMES:
    checks(der_of(one(name, CKO_CERTIFICATE)), one(name, CKO_PRIVATE_KEY))
try:
    checks(old["azure:device-id"][1], old["azure:device-id"][0])
    sys.exit("a key that is gone signs")
except PyKCS11.PyKCS11Error as error:
    print(error)
