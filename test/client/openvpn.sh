#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# openvpn with no network device: each end of a tunnel, and both, with the key in the TPM.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"
. "$DEVID_SRC/test/client/keys.sh"

needs openvpn openvpn
client_world
with_log server.log

# end ROLE MY-PORT ITS-PORT NAME OPTION...: an openvpn with NAME's key
end() {
    start "$1.log" openvpn --dev null --proto udp --local 127.0.0.1 --lport "$2" --remote 127.0.0.1 "$3" "--tls-$1" \
        --cert "$4-cert.pem" --key "$4-key.pem" --ca ca-cert.pem --cipher AES-256-GCM "${@:5}"
}

# tunnel CLIENT SERVER TIMES: it comes up, once or twice
tunnel() {
    local client server rc=1 here there
    here=$(free_port)
    there=$(free_port)
    end server "$there" "$here" "$2" --dh none
    server=$pid
    end client "$here" "$there" "$1" --connect-retry 1 1
    client=$pid
    for _ in $(seq 300); do
        if grep -q "Initialization Sequence Completed" client.log && grep -q "Initialization Sequence Completed" server.log; then
            rc=0
            break
        fi
        if ! kill -0 "$client" || ! kill -0 "$server"; then break; fi
        sleep 0.1
    done
    if [ "$rc" = 0 ] && [ "$3" = twice ]; then
        kill -USR1 "$client" # it makes the tunnel anew, with the key that it has
        rc=1
        for _ in $(seq 300); do
            [ "$(grep -c "Initialization Sequence Completed" client.log)" -gt 1 ] && rc=0 && break
            sleep 0.1
        done
    fi
    stop "$client"
    stop "$server"
    cat client.log
    return "$rc"
}

for order in default-first devid-first; do
    openssl_conf "$order"
    for name in "${all_keys[@]}"; do
        sends "${tls_commands[$name]}" "a client with $name" tunnel "$name" software once
        ok "it was the server's peer" grep -qF "[${subject_of[$name]}] Peer Connection Initiated" server.log
        [ "$order" != default-first ] || sends "${tls_commands[$name]}" "a server with $name" tunnel software "$name" once
    done
    at_rest
    ok "both ends, a tunnel made again" tunnel wrapped-tss2 rsa twice
    at_rest
done
finish
