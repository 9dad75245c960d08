#!/bin/bash
# Python's python-pkcs11, from PyPI into the build folder: tokens, keys, certificates, signatures that openssl verifies, new keys, PINs.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"
. "$DEVID_SRC/test/client/registry.sh"

needs swtpm swtpm
needs pkcs11-tool opensc
needs tpm2_createek tpm2-tools
fetch_python || exit 77
world_start
world_manufacture || exit 1
"$DEVID_BUILD/test/client/prepare" "$FOLDER" || exit 1
cd "$FOLDER" || exit 1
export ORDER=python-pkcs11 MODULE=$DEVID_BUILD/.libs/devid-pkcs11.so
echo -n "42 degrees" >message

cat >owner.py <<'EOF'
import os, pkcs11
from pkcs11 import Attribute, CertificateType, KeyType, Mechanism, MGF, ObjectClass
from pkcs11.util.ec import encode_ec_public_key, encode_ecdsa_signature
from pkcs11.util.rsa import encode_rsa_public_key

lib = pkcs11.lib(os.environ["MODULE"])
assert lib.cryptoki_version >= (2, 40)
tokens = {t.label for t in lib.get_tokens()}
assert {"owner", "manufacturer"} <= tokens, tokens
token = lib.get_token(token_label="owner")
assert Mechanism.ECDSA_SHA256 in token.slot.get_mechanisms()
assert token.slot.get_mechanism_info(Mechanism.RSA_PKCS).min_key_length >= 1024
message = b"42 degrees"

def write(name, data):
    with open(name, "wb") as f:
        f.write(data)

with token.open() as session:
    keys = list(session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY}))
    assert sorted(k.label for k in keys) == ["azure:ldevid", "rsa", "wrapped"], keys
    key = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label="azure:ldevid")
    assert session.get_key(object_class=ObjectClass.PRIVATE_KEY, id=key.id).label == "azure:ldevid"
    assert key.key_type == KeyType.EC
    assert key[Attribute.SENSITIVE] and not key[Attribute.EXTRACTABLE]
    cert, = session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE, Attribute.ID: key.id})
    assert cert[Attribute.CERTIFICATE_TYPE] == CertificateType.X_509
    write("cert.der", cert[Attribute.VALUE])
    public = session.get_key(object_class=ObjectClass.PUBLIC_KEY, id=key.id)
    write("public.der", encode_ec_public_key(public))
    for hash in "SHA256", "SHA384", "SHA512":
        mechanism = Mechanism["ECDSA_" + hash]
        signature = key.sign(message, mechanism=mechanism)
        assert public.verify(message, signature, mechanism=mechanism)
        assert not public.verify(message + b".", signature, mechanism=mechanism)
        write("ECDSA_" + hash, encode_ecdsa_signature(signature))
    assert len(key.sign(message for _ in range(3))) == 64    # by parts

    rsa = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label="rsa")
    public = session.get_key(object_class=ObjectClass.PUBLIC_KEY, id=rsa.id)
    assert rsa.key_length == 2048
    write("rsa.der", encode_rsa_public_key(public))
    for hash in "SHA256", "SHA384", "SHA512":
        write(hash + "_RSA_PKCS", rsa.sign(message, mechanism=Mechanism[hash + "_RSA_PKCS"]))
        length = int(hash[3:]) // 8
        pss = (Mechanism[hash], MGF[hash], length)
        signature = rsa.sign(message, mechanism=Mechanism[hash + "_RSA_PKCS_PSS"], mechanism_param=pss)
        assert public.verify(message, signature, mechanism=Mechanism[hash + "_RSA_PKCS_PSS"], mechanism_param=pss)
        write(hash + "_RSA_PKCS_PSS", signature)
    secret = public.encrypt(message)                        # OAEP
    assert rsa.decrypt(secret) == message
    assert rsa.decrypt(public.encrypt(message, mechanism=Mechanism.RSA_PKCS), mechanism=Mechanism.RSA_PKCS) == message
    assert len(session.generate_random(256)) == 32
    assert len(session.digest(message, mechanism=Mechanism.SHA256)) == 32
EOF
ok "the owner's keys" python3 owner.py
openssl x509 -in azure-ldevid-cert.pem -outform DER -out expected.der
ok "the certificate is the one that was issued" cmp cert.der expected.der
openssl rsa -RSAPublicKey_in -inform DER -in rsa.der -out rsa.pem 2>/dev/null
openssl pkey -pubin -inform DER -in public.der -out public.pem
for hash in SHA256 SHA384 SHA512; do
    ok "ECDSA_$hash is good" openssl dgst "-$hash" -verify public.pem -signature "ECDSA_$hash" message
    ok "${hash}_RSA_PKCS is good" openssl dgst "-$hash" -verify rsa.pem -signature "${hash}_RSA_PKCS" message
    ok "${hash}_RSA_PKCS_PSS is good" openssl dgst "-$hash" -verify rsa.pem -sigopt rsa_padding_mode:pss \
        -sigopt rsa_pss_saltlen:digest -signature "${hash}_RSA_PKCS_PSS" message
done

cat >pairs.py <<'EOF'
import os, pkcs11, sys
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.util.ec import encode_named_curve_parameters

token = pkcs11.lib(os.environ["MODULE"]).get_token(token_label=sys.argv[1])
pin = {"user_pin": sys.argv[2]} if len(sys.argv) > 2 else {}
labels = "secp256r1", "secp384r1", "rsa2048"

def pair(session, label, store):
    if label.startswith("rsa"):
        return session.generate_keypair(KeyType.RSA, int(label[3:]), label=label, id=label.encode(), store=store)
    parameters = session.create_domain_parameters(
        KeyType.EC, {Attribute.EC_PARAMS: encode_named_curve_parameters(label)}, local=True)
    return parameters.generate_keypair(label=label, id=label.encode(), store=store)

def private_keys(session):
    return {k.label: k for k in session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY})}

for store in False, True:
    with token.open(rw=True, **pin) as session:
        for label in labels:
            public, private = pair(session, label, store)
            mechanism = Mechanism.SHA256_RSA_PKCS if label.startswith("rsa") else Mechanism.ECDSA_SHA256
            assert public.verify(b"a", private.sign(b"a", mechanism=mechanism), mechanism=mechanism), label
            assert private[Attribute.LOCAL] and private[Attribute.NEVER_EXTRACTABLE]
            assert private[Attribute.TOKEN] == store

    # The next session sees what is kept, and only that.
    with token.open(rw=True, **pin) as session:
        made = private_keys(session)
        for label in labels:
            assert (label in made) == store, (label, store)
            if store:
                made[label][Attribute.LABEL] = label + " renamed"
                assert private_keys(session)[label + " renamed"].id == label.encode()
                for kind in ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY:
                    session.get_key(object_class=kind, id=label.encode()).destroy()
        assert not set(private_keys(session)) & {label + " renamed" for label in labels}
EOF
ok "new keys, of the session and of the token" python3 pairs.py owner

vault "$MODULE" || exit 1
ok "new keys behind a PIN" python3 pairs.py vault 123456
cat >pin.py <<'EOF'
import os, pkcs11
from pkcs11 import TokenFlag
from pkcs11.exceptions import PinIncorrect

token = pkcs11.lib(os.environ["MODULE"]).get_token(token_label="vault")
assert token.flags & TokenFlag.LOGIN_REQUIRED
try:
    token.open(rw=True, user_pin="000000")
    raise SystemExit("a wrong PIN is taken")
except PinIncorrect:
    pass
with token.open(rw=True, user_pin="123456") as session:
    session.set_pin("123456", "654321")
with token.open(rw=True, so_pin="87654321") as session:
    session.init_pin("123456")
with token.open(user_pin="123456") as session:
    assert session.user_type == pkcs11.UserType.USER
EOF
ok "PINs" python3 pin.py
tpm2_dictionarylockout -c # its one wrong PIN was meant
finish
