#!/bin/bash
# curl as a TLS client with a key in the TPM: --cert and --key are files.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"
. "$DEVID_SRC/test/client/keys.sh"

needs curl curl
client_world
page_server

for order in default-first devid-first preferred; do
    openssl_conf "$order"
    for version in 1.2 1.3; do
        for name in "${all_keys[@]}"; do
            sends "${tls_commands[$name]}" "curl with $name, TLS $version" \
                curl -sS --fail --cacert ca-cert.pem "--tlsv$version" --tls-max "$version" \
                --cert "./$name-cert.pem" --key "./$name-key.pem" "https://localhost:$port/"
            ok "the server saw its certificate" grep -Eq "Subject: CN ?= ?${subject_of[$name]}\$" out
        done
    done
    sends "Sign" "curl with one file" curl -sS --fail --cacert ca-cert.pem --cert ./one-cert.pem "https://localhost:$port/"
    sends "" "curl without a key" curl -sS --cacert ca-cert.pem --head "file://$FOLDER/one-cert.pem"
    at_rest
done
finish
