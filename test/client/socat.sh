#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# socat: a client, and a server that forks for each connection; its children end and take nothing with them.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"
. "$DEVID_SRC/test/client/keys.sh"

needs socat socat
needs curl curl
client_world
page_server
pages=$port
with_log socat.log

cat >answer.sh <<'END'
while read -r line && [ "$line" != $'\r' ]; do :; done
printf 'HTTP/1.0 200 ok\r\n\r\na page\n'
END

client() {
    printf 'GET / HTTP/1.0\r\n\r\n' | socat -t 60 - \
        "OPENSSL:localhost:$pages,cafile=ca-cert.pem,cert=$1-cert.pem,key=$1-key.pem"
}

for order in default-first devid-first; do
    openssl_conf "$order"
    for name in "${all_keys[@]}"; do
        sends "${tls_commands[$name]}" "a client with $name" client "$name"
        ok "the server knows it" grep -Eq "Subject: CN ?= ?${subject_of[$name]}\$" out
        port=$(free_port)
        start socat.log socat "OPENSSL-LISTEN:$port,bind=127.0.0.1,reuseaddr,fork,cafile=ca-cert.pem,cert=$name-cert.pem,key=$name-key.pem" \
            "EXEC:bash answer.sh"
        wait_port "$port"
        for nth in first second third; do
            sends "${tls_commands[$name]}" "a server with $name, the $nth child" fetch "$port"
        done
        case $name in azure-ldevid | wrapped-tss2) ok "forty children with $name" fetch_all "$port" ;; esac
        stop "$pid"
    done
    at_rest
done
finish
