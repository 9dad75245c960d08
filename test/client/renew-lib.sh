# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What the tests of renewals share; read after device.sh.

# serial_of NAME: of its certificate, as openssl prints it
serial_of() { "$devid" show "$1" | openssl x509 -noout -serial | sed 's/.*=//'; }
# renew_openssl_conf: for programs that open our keys
renew_openssl_conf() {
    cat >"$dir/openssl.cnf" <<EOF
openssl_conf = init
[init]
providers = providers
[providers]
default = default_provider
devid = devid_provider
[default_provider]
activate = 1
[devid_provider]
activate = 1
module = $build/.libs/devid.so
EOF
}
# openssl_key FILE: the public half of a key file of ours
openssl_key() { OPENSSL_CONF=$dir/openssl.cnf openssl pkey -in "$1" -pubout; }
# sign_with FILE [KEY]: FILE's certificate checks what the key of FILE (or KEY) signs
sign_with() {
    echo text >"$dir/text"
    OPENSSL_CONF=$dir/openssl.cnf openssl dgst -sha256 -sign "${2:-$1}" -out "$dir/signature" "$dir/text" &&
        openssl x509 -in "$1" -noout -pubkey >"$dir/public.pem" &&
        openssl dgst -sha256 -verify "$dir/public.pem" -signature "$dir/signature" "$dir/text"
}
refuses_to_sign() {
    echo text >"$dir/text"
    ! OPENSSL_CONF=$dir/openssl.cnf openssl dgst -sha256 -sign "$1" -out "$dir/signature" "$dir/text" >"$dir/why" 2>&1 && grep "$2" "$dir/why"
}
# at_handle FILE: the key of FILE's certificate is at 0x81000002
at_handle() {
    tpm2_readpublic -Q -c 0x81000002 -f pem -o "$dir/at-handle.pem" && openssl x509 -in "$1" -noout -pubkey | cmp - "$dir/at-handle.pem"
}
# Time is in the files: it is turned back there.
grace_is_over() { sed -i 's/^replaced: .*/replaced: 1000000000/' "$dir"/state/owner/*.pem; }
no_second_key() {
    [ "$(persistent)" = "0x81000001 0x81000002 0x81010001 0x81010016 0x81020000" ]
}
