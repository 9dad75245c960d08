#!/bin/bash
# GnuTLS's p11tool on the module: tokens, objects, signatures.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"

needs p11tool gnutls-bin
needs swtpm swtpm
needs tpm2_createek tpm2-tools
world_start
world_manufacture || exit 1
"$DEVID_BUILD/test/client/prepare" "$FOLDER" || exit 1
cd "$FOLDER" || exit 1
export ORDER=p11tool
module=$DEVID_BUILD/.libs/devid-pkcs11.so
ldevid="pkcs11:token=owner;object=azure%3Aldevid"

tool() {
    p11tool --provider "$module" --batch "$@"
}

ok "the EK is seen" tool --list-tokens
sends "" "tokens are listed" tool --list-tokens
ok "the owner's" grep -q "URL: .*manufacturer=devid;serial=[0-9a-f]\{16\};token=owner" out
sends "" "objects are listed" tool --list-all pkcs11:token=owner
ok "ten of them" test "$(tool --list-all pkcs11:token=owner | grep -c '^Object')" = 10
sends "" "private keys are listed" tool --list-privkeys pkcs11:token=owner
ok "three of them" test "$(tool --list-privkeys pkcs11:token=owner | grep -c '^Object')" = 3
sends "" "the manufacturer's objects" tool --list-all pkcs11:token=manufacturer
sends "" "a certificate is exported" tool --export "$ldevid;type=cert" --outfile cert.pem
openssl x509 -in azure-ldevid-cert.pem -out expected.pem
ok "it is the one that was issued" diff <(openssl x509 -in cert.pem) expected.pem
sends "" "a public key is exported" tool --export "$ldevid;type=public" --outfile public.pem
ok "it is the certificate's" diff -B public.pem <(openssl x509 -in azure-ldevid-cert.pem -noout -pubkey)
sends "Sign" "an EC key signs" tool --test-sign "$ldevid;type=private"
sends "Load Sign FlushContext" "a wrapped key signs" tool --test-sign "pkcs11:token=owner;object=wrapped;type=private"
sends "Sign" "an RSA key signs" tool --test-sign "pkcs11:token=owner;object=rsa;type=private"
sends "RSA_Decrypt" "an RSA key signs with PSS" \
    tool --test-sign --sign-params=RSA-PSS "pkcs11:token=owner;object=rsa;type=private"
sends "Sign" "a login that nobody needs" tool --login --set-pin 1234 --test-sign "$ldevid;type=private"
ok "a deletion is asked for" tool --login --set-pin 1234 --delete "$ldevid;type=private"
ok "nothing is deleted" grep -q "^0 objects deleted" out
finish
