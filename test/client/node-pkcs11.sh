#!/bin/bash
# Node: graphene-pk11 and pkcs11js, from npm into the build folder: tokens, keys by label and CKA_ID, signatures that Node's own
# crypto verifies, certificates, new keys, PINs; calls that are done by worker threads.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"
. "$DEVID_SRC/test/client/registry.sh"

needs node nodejs
needs pkcs11-tool opensc
needs swtpm swtpm
needs tpm2_createek tpm2-tools
fetch_node || exit 77
world_start
world_manufacture || exit 1
"$DEVID_BUILD/test/client/prepare" "$FOLDER" || exit 1
cd "$FOLDER" || exit 1
export ORDER=node-pkcs11 MODULE=$DEVID_BUILD/.libs/devid-pkcs11.so

cat >graphene.js <<'EOF'
const assert = require("assert"), crypto = require("crypto"), fs = require("fs"), graphene = require("graphene-pk11");
const module_ = graphene.Module.load(process.env.MODULE, "devid");
module_.initialize();
const message = Buffer.from("42 degrees");
const all = c => Array.from({length: c.length}, (_, i) => c.items(i));

// pem LABEL: of the certificate that prepare wrote, its public key
const pem = label => crypto.createPublicKey(fs.readFileSync(label.replace(":", "-") + "-cert.pem"));
const pss = n => ({name: `SHA${n}_RSA_PKCS_PSS`, params: new graphene.RsaPssParams(graphene.MechanismEnum[`SHA${n}`],
    graphene.RsaMgf[`MGF1_SHA${n}`], n / 8)});
const isPss = {padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: crypto.constants.RSA_PSS_SALTLEN_DIGEST};

function signs(session, label, key) {
    for (const n of [256, 384, 512]) {
        const ways = label.startsWith("rsa") ? [[`SHA${n}_RSA_PKCS`, {}], [pss(n), isPss]] : [[`ECDSA_SHA${n}`, {dsaEncoding: "ieee-p1363"}]];
        for (const [mechanism, options] of ways) {
            const signature = session.createSign(mechanism, key.privateKey).once(message);
            assert(crypto.verify(`sha${n}`, message, {key: key.check, ...options}, signature), label);
            assert(session.createVerify(mechanism, key.publicKey).once(message, signature), label);
            const parts = session.createSign(mechanism, key.privateKey);
            parts.update(message.subarray(0, 5));
            parts.update(message.subarray(5));
            assert(crypto.verify(`sha${n}`, message, {key: key.check, ...options}, parts.final()), label);
        }
    }
}

const {PUBLIC_KEY, PRIVATE_KEY, CERTIFICATE} = graphene.ObjectClass;
const slots = all(module_.getSlots(true)), named = label => slots.find(s => s.getToken().label === label);
assert(named("manufacturer"));
const slot = named(process.argv[2]), pin = process.argv[3];
assert.strictEqual(!!(slot.getToken().flags & graphene.TokenFlag.LOGIN_REQUIRED), !!pin);
assert(all(slot.getMechanisms()).some(m => m.name === "ECDSA_SHA256" && m.flags & graphene.MechanismFlag.SIGN));
const session = slot.open(graphene.SessionFlag.RW_SESSION | graphene.SessionFlag.SERIAL_SESSION);
if (pin) {
    assert.strictEqual(session.find({class: PRIVATE_KEY}).length, 0);
    session.login(pin);
} else {
    for (const label of ["azure:ldevid", "rsa", "wrapped"]) {
        const found = session.find({class: PRIVATE_KEY, label});
        assert.strictEqual(found.length, 1);
        const privateKey = found.items(0).toType(), id = privateKey.id;
        const publicKey = session.find({class: PUBLIC_KEY, id}).items(0).toType();
        const cert = session.find({class: CERTIFICATE, id}).items(0).toType();
        assert(new crypto.X509Certificate(cert.value).publicKey.equals(pem(label)));
        assert(privateKey.sensitive && !privateKey.extractable && session.find({class: PRIVATE_KEY, id}).length === 1);
        signs(session, label, {privateKey, publicKey, check: pem(label)});
    }
    const rsa = session.find({class: PUBLIC_KEY, label: "rsa"}).items(0).toType(), its = session.find({class: PRIVATE_KEY, label: "rsa"}).items(0).toType();
    const secret = session.createCipher("RSA_PKCS", rsa).once(message, Buffer.alloc(256));
    assert(message.equals(session.createDecipher("RSA_PKCS", its).once(secret, Buffer.alloc(256))));
}
assert(crypto.createHash("sha256").update(message).digest().equals(session.createDigest("SHA256").once(message)));
assert.strictEqual(session.generateRandom(32).length, 32);

for (const token of [false, true]) {
    for (const label of ["secp256r1", "secp384r1", "rsa2048"]) {
        const is_rsa = label.startsWith("rsa"), id = Buffer.from(label);
        const kind = is_rsa ? {keyType: graphene.KeyType.RSA, modulusBits: 2048, publicExponent: Buffer.from([1, 0, 1])}
            : {keyType: graphene.KeyType.EC, paramsEC: graphene.NamedCurve.getByName(label).value};
        const made = session.generateKeyPair(is_rsa ? graphene.KeyGenMechanism.RSA : graphene.KeyGenMechanism.EC,
            {token, id, label, verify: true, ...kind}, {token, id, label, sign: true, keyType: kind.keyType});
        const b64 = b => b.toString("base64url");
        let key;
        if (is_rsa) {
            const its = made.publicKey.getAttribute({modulus: null, publicExponent: null});
            key = {kty: "RSA", n: b64(its.modulus), e: b64(its.publicExponent)};
        } else {
            const point = made.publicKey.getAttribute({pointEC: null}).pointEC.subarray(3); // OCTET STRING, uncompressed
            key = {kty: "EC", crv: label === "secp256r1" ? "P-256" : "P-384", x: b64(point.subarray(0, point.length / 2)),
                y: b64(point.subarray(point.length / 2))};
        }
        made.check = crypto.createPublicKey({format: "jwk", key});
        signs(session, label, made);
        assert.strictEqual(made.privateKey.getAttribute({token: null}).token, token);
        if (token)
            for (const half of [made.privateKey, made.publicKey])
                session.destroy(half);
    }
}
if (pin) {
    session.setPin(pin, "654321");
    session.logout();
    assert.throws(() => session.login(pin), /PIN_INCORRECT/);
    session.login("654321");
    session.setPin("654321", pin);
    session.logout();
}
session.close();
module_.finalize();
EOF
ok "graphene-pk11, the owner's token" node graphene.js owner
vault "$MODULE"
ok "graphene-pk11, a token with a PIN" node graphene.js vault 123456
tpm2_dictionarylockout -c # its one wrong PIN was meant

cat >threads.js <<'EOF'
const assert = require("assert"), crypto = require("crypto"), fs = require("fs"), p = require("pkcs11js");
const lib = new p.PKCS11(), message = Buffer.from("42 degrees");
lib.load(process.env.MODULE);
lib.C_Initialize({flags: p.CKF_OS_LOCKING_OK});
const slot = lib.C_GetSlotList(true).find(s => lib.C_GetTokenInfo(s).label.trim() === "owner");

function find(session, template) {
    lib.C_FindObjectsInit(session, template);
    const found = lib.C_FindObjects(session, 10);
    lib.C_FindObjectsFinal(session);
    return found;
}

// one LABEL: signs thrice in a session of its own, while the others do
async function one(label) {
    const session = lib.C_OpenSession(slot, p.CKF_SERIAL_SESSION);
    const [key] = find(session, [{type: p.CKA_CLASS, value: p.CKO_PRIVATE_KEY}, {type: p.CKA_LABEL, value: label}]);
    const check = crypto.createPublicKey(fs.readFileSync(label.replace(":", "-") + "-cert.pem"));
    const mechanism = label === "rsa" ? p.CKM_SHA256_RSA_PKCS : p.CKM_ECDSA_SHA256;
    for (let i = 0; i < 3; i++) {
        lib.C_SignInit(session, {mechanism, parameter: null}, key);
        const signature = await lib.C_SignAsync(session, message, Buffer.alloc(512));
        assert(crypto.verify("sha256", message, {key: check, dsaEncoding: "ieee-p1363"}, signature), label);
    }
    lib.C_CloseSession(session);
}
const labels = ["azure:ldevid", "rsa", "wrapped"];
Promise.all([...labels, ...labels, ...labels, ...labels].map(one)).then(() => lib.C_Finalize());
EOF
ok "pkcs11js, twelve sessions at once" node threads.js
finish
