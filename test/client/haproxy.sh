#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# haproxy, on both sides: certificates and key stand in one file. A master and its worker, which gives up root's rights.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"
. "$DEVID_SRC/test/client/keys.sh"

needs haproxy haproxy
needs curl curl
needs socat socat
client_world
world_let_in www-data
page_server
pages=$port
front=$(free_port)
with_log haproxy.log
declare -A port_of

for name in "${all_keys[@]}"; do
    cat "$name-cert.pem" "$name-key.pem" >"$name-both.pem"
done
cp one-key.pem one-both.pem

# sides NAME: a server with NAME's key, and a way to the server behind with it
sides() {
    port_of[$1]=$(free_port)
    cat <<END
frontend $1
    bind 127.0.0.1:${port_of[$1]} ssl crt $1-both.pem ca-file ca-cert.pem verify required no-tls-tickets
    http-request return status 200 content-type text/plain lf-string "%[ssl_c_s_dn(cn)]\n"
backend behind-$1
    http-request set-path /
    server pages 127.0.0.1:$pages ssl crt $1-both.pem ca-file ca-cert.pem verify required verifyhost localhost no-ssl-reuse
END
}

{
    echo "global"
    [ "$(id -u)" != 0 ] || printf '    user www-data\n    group www-data\n'
    cat <<END
    stats socket $FOLDER/haproxy.socket level admin
defaults
    mode http
    http-reuse never
    timeout connect 60s
    timeout client 60s
    timeout server 60s
frontend front
    bind 127.0.0.1:$front
END
    for name in "${all_keys[@]}"; do echo "    use_backend behind-$name if { path /$name }"; done
    for name in "${all_keys[@]}"; do sides "$name"; done
} >haproxy.cfg

# reload: another worker comes, and answers
reload() { others_come "$haproxy" 1 kill -USR2 "$haproxy" && fetch "${port_of[rsa]}"; }

serve() { fetch "${port_of[$1]}"; }
send() { curl -sS --fail "http://127.0.0.1:$front/$1"; }

for order in default-first devid-first; do
    openssl_conf "$order"
    start haproxy.log haproxy -W -f haproxy.cfg
    haproxy=$pid
    wait_port "$front"
    both_sides
    for name in azure-ldevid wrapped-tss2; do
        ok "forty clients at once with $name" fetch_all "${port_of[$name]}"
        ok "the configuration is read again" reload
        ok "forty clients after that" fetch_all "${port_of[$name]}"
    done
    at_rest
    if [ "$order" = default-first ]; then
        survives "a server" "${all_keys[*]}" serve
        survives "a client of the server behind" "azure-ldevid wrapped-rsa-tss2" send
        at_rest
    fi
    stop "$haproxy"
done

# Only root may go into a jail: then the master has connected to the TPM, and its worker has nothing but that.
if [ "$(id -u)" = 0 ]; then
    jail
    sed "/^global/a\    chroot $FOLDER/jail" haproxy.cfg >jail.cfg
    start haproxy.log haproxy -W -f jail.cfg
    haproxy=$pid
    wait_port "$front"
    ok "its worker is in the jail" test "$(readlink "/proc/$(pgrep -P "$haproxy" haproxy)/root")" = "$FOLDER/jail"
    sends "$tls_commands_in_jail" "a server's first handshake with a wrapped key in a jail" fetch "${port_of[wrapped]}"
    both_sides
    ok "forty clients at once in a jail" fetch_all "${port_of[wrapped]}"
    kill "$(pgrep -P "$haproxy" -x sh)" # which keeps that way open: the master waits for all its children
    stop "$haproxy"
fi
finish
