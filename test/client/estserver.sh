# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# GlobalSign's own EST server, unmodified, with a CA of its own in the folder $dir/gs. Read after device.sh, whose $dir and $pids it uses.
#
# estserver_start: sets gs_url; $dir/gs/root.pem is its root. 77 if it is not built (no go).
estserver_start() {
    local gs=$dir/gs port i
    [ -x "$build/test/ca/estserver" ] || return 77
    mkdir -p "$gs"
    (
        cd "$gs" || exit 1
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key -out root.pem -days 30 -subj "/CN=GS root" \
            -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
        sign() { # sign NAME SUBJECT ISSUER EXTENSIONS
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.csr" -subj "$2"
            openssl x509 -req -in "$1.csr" -CA "$3.pem" -CAkey "$3.key" -days 20 -out "$1.pem" -extfile <(printf '%b' "$4")
        }
        sign issuing "/CN=GS issuing" root "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
        sign server "/CN=localhost" root "subjectAltName=IP:127.0.0.1,DNS:localhost\n"
        cat issuing.pem root.pem >chain.pem
    ) >"$gs/openssl.log" 2>&1 || { cat "$gs/openssl.log"; return 1; }
    for ((i = 0; i < 20; i++)); do
        port=$(free_port)
        cat >"$gs/config.json" <<END
{ "mock_ca": { "certificates": "$gs/chain.pem", "private_key": "$gs/issuing.key" },
  "tls": { "listen_address": "127.0.0.1:$port", "certificates": "$gs/server.pem", "private_key": "$gs/server.key",
           "client_cas": [ "$gs/root.pem" ] },
  "allowed_hosts": [ "localhost", "127.0.0.1" ], "healthcheck_password": "xyzzy", "rate_limit": 150, "timeout": 30,
  "log_file": "$gs/est.log" }
END
        "$build/test/ca/estserver" -config "$gs/config.json" >"$gs/out" 2>&1 &
        pids+=($!)
        for ((j = 0; j < 100; j++)); do
            kill -0 $! 2>/dev/null || break
            if curl -s --cacert "$gs/root.pem" -o /dev/null "https://127.0.0.1:$port/.well-known/est/cacerts"; then
                # shellcheck disable=SC2034  # for the script that reads this
                gs_url=https://127.0.0.1:$port/.well-known/est
                return 0
            fi
            sleep 0.1
        done
    done
    cat "$gs/out"
    return 1
}
