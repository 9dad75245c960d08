#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# openssl ec, and the forms of an EC key that openssl pkey writes: with a key in the TPM as with one of software.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"
. "$DEVID_SRC/test/client/keys.sh"

client_world

# forms KEY PUBLIC: what is said about KEY alone is what software says about its public half
forms() {
    local key=$1 public=$2 form
    sends "" "$key is shown" openssl ec -in "$key" -text -noout
    ok "as a key in the TPM" grep -q "Private-Key in the TPM" out
    sends "" "$key: the public half" openssl ec -in "$key" -pubout -out got.pem
    ok "is the certificate's" cmp got.pem "$public"
    sends "" "$key: the group" openssl ec -in "$key" -param_out -out got.pem
    by_software openssl ec -pubin -in "$public" -param_out -out expected.pem 2>/dev/null
    ok "is what software writes" cmp got.pem expected.pem
    sends "" "$key is checked" openssl ec -in "$key" -check -noout
    ok "and is good" grep -q "EC Key valid" out
    for form in "-conv_form compressed" "-conv_form hybrid" "-param_enc explicit" "-param_enc explicit -conv_form compressed"; do
        # shellcheck disable=SC2086  # words of a command
        {
            by_software openssl ec -pubin -in "$public" -pubout $form -out expected.pem 2>/dev/null
            sends "" "$key: openssl ec -pubout $form" openssl ec -in "$key" -pubout $form -out got.pem
            ok "is what software writes" cmp got.pem expected.pem
            sends "" "$key: openssl pkey -pubout ${form//-/-ec_}" openssl pkey -in "$key" -pubout ${form//-/-ec_} -out got.pem
            ok "is what software writes, too" cmp got.pem expected.pem
            sends "" "$key is written with $form" openssl ec -in "$key" $form -out written.pem
        }
        openssl pkey -in "$key" -out expected.pem
        ok "as what it is" cmp written.pem expected.pem
    done
    sends "" "$key is written without its public half" openssl ec -in "$key" -no_public -out written.pem
    ok "which the file has for all that" cmp written.pem expected.pem
    sends "$3" "what was written signs" openssl dgst -sha256 -sign written.pem -out signature openssl.cnf
    ok "the signature is good" openssl dgst -sha256 -verify "$public" -signature signature openssl.cnf
}

for order in default-first devid-first preferred; do
    openssl_conf "$order"
    for name in azure-ldevid wrapped wrapped-tss2; do
        openssl x509 -in "$name-cert.pem" -noout -pubkey >"$name.pub"
        forms "$name-key.pem" "$name.pub" "${tls_commands[$name]}"
    done
    forms devid:azure:ldevid azure-ldevid.pub Sign
    forms "pkcs11:token=owner;object=wrapped;type=private" wrapped.pub "Load Sign FlushContext"
    at_rest
done
finish
