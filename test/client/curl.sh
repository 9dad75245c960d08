#!/bin/bash
# curl as a TLS client with a key in the TPM: --cert and --key are files.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"

needs curl curl
needs swtpm swtpm
needs tpm2_getcap tpm2-tools
world_start
"$DEVID_BUILD/test/client/prepare" "$FOLDER" || exit 1
cd "$FOLDER" || exit 1
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out software-key.pem 2>/dev/null
openssl_conf default-first
openssl req -x509 -new -key software-key.pem -subj /CN=localhost -CA ca-cert.pem -CAkey ca-key.pem \
    -addext subjectAltName=DNS:localhost -out software-cert.pem

# PSS is padded in software, so that its salt is right
declare -A command=([azure-ldevid]=Sign [rsa]=RSA_Decrypt) subject=([azure-ldevid]=azure:ldevid [rsa]=rsa)
port=$(free_port)
OPENSSL_CONF=/dev/null openssl s_server -accept "127.0.0.1:$port" -key software-key.pem -cert software-cert.pem \
    -Verify 2 -CAfile ca-cert.pem -verify_return_error -www >server.log 2>&1 &
server=$!
wait_port "$port"

for order in default-first devid-first preferred; do
    openssl_conf "$order"
    for version in 1.2 1.3; do
        for name in azure-ldevid rsa; do
            sends "${command[$name]}" "curl with $name, TLS $version" \
                curl -sS --fail --cacert ca-cert.pem "--tlsv$version" --tls-max "$version" \
                --cert "./$name-cert.pem" --key "./$name-key.pem" "https://localhost:$port/"
            ok "the server saw its certificate" grep -Eq "Subject: CN ?= ?${subject[$name]}" out
        done
    done
    sends "Load Sign FlushContext" "curl with a wrapped key" curl -sS --fail --cacert ca-cert.pem \
        --cert ./wrapped-cert.pem --key ./wrapped-key.pem "https://localhost:$port/"
    cat azure-ldevid-cert.pem azure-ldevid-key.pem >both.pem
    sends "Sign" "curl with one file" curl -sS --fail --cacert ca-cert.pem --cert ./both.pem "https://localhost:$port/"
    sends "" "curl without a key" curl -sS --cacert ca-cert.pem --head "file://$FOLDER/both.pem"
done
kill "$server"
wait "$server" 2>/dev/null
finish
