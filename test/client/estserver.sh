# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# GlobalSign's own EST server, unmodified. Read after device.sh, whose $dir and $pids it uses. Scripts ask estserver_is_built first.

# estserver_is_built: not without go
estserver_is_built() { [ -x "$build/test/ca/estserver" ]; }

# estserver_run PORT CHAIN KEY CERT CERT_KEY CLIENT_ROOT RATE: the server, whose CA has CHAIN and KEY; sets gs_url
estserver_run() {
    cat >"$dir/estserver.json" <<END
{ "mock_ca": { "certificates": "$2", "private_key": "$3" },
  "tls": { "listen_address": "127.0.0.1:$1", "certificates": "$4", "private_key": "$5", "client_cas": [ "$6" ] },
  "allowed_hosts": [ "127.0.0.1" ], "healthcheck_password": "xyzzy", "rate_limit": $7, "timeout": 30,
  "log_file": "$dir/estserver.log" }
END
    "$build/test/ca/estserver" -config "$dir/estserver.json" >"$dir/estserver.out" 2>&1 &
    pids+=($!)
    # shellcheck disable=SC2034  # for the script that reads this
    gs_url=https://127.0.0.1:$1/.well-known/est
    wait_port "$1" && return
    cat "$dir/estserver.out"
    return 1
}

# estserver_start: with a CA of its own in the folder $dir/gs, the root of which is $dir/gs/root.pem
estserver_start() {
    local gs=$dir/gs
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
    estserver_run "$(free_port)" "$gs/chain.pem" "$gs/issuing.key" "$gs/server.pem" "$gs/server.key" "$gs/root.pem" 150
}
