#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# nginx: the master opens the keys as root, workers of another user sign; as a server, and as a client of the servers behind it.
# Workers end, are killed and replaced, the master reads its configuration again: the next handshake is as good as the first.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/tpm/manager.sh"
. "$DEVID_SRC/test/client/lib.sh"
. "$DEVID_SRC/test/client/keys.sh"

needs nginx nginx
needs curl curl
client_world
world_let_in www-data
page_server
pages=$port
front=$(free_port)
declare -A port_of
with_log error.log

server_of() {
    port_of[$1]=$(free_port)
    cat <<END
    server {
        listen 127.0.0.1:${port_of[$1]} ssl;
        ssl_certificate $1-cert.pem;
        ssl_certificate_key $1-key.pem;
        ssl_client_certificate ca-cert.pem;
        ssl_verify_client on;
        location / { return 200 "\$ssl_client_s_dn by \$pid\\n"; }
    }
END
}

# Each request to front is one to the server behind, with the key that its path names.
location_of() {
    cat <<END
        location /$1 {
            proxy_pass https://127.0.0.1:$pages/;
            proxy_ssl_certificate $1-cert.pem;
            proxy_ssl_certificate_key $1-key.pem;
            proxy_ssl_trusted_certificate ca-cert.pem;
            proxy_ssl_verify on;
            proxy_ssl_name localhost;
            proxy_ssl_session_reuse off;
        }
END
}

{
    cat <<END
daemon off;
worker_processes 2;
user www-data;
pid nginx.pid;
error_log error.log info;
events { worker_connections 256; }
http {
    access_log off;
    ssl_session_tickets off;
    client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
    server {
        listen 127.0.0.1:$front;
END
    for name in "${all_keys[@]}"; do location_of "$name"; done
    echo "    }"
    for name in "${all_keys[@]}"; do server_of "$name"; done
    echo "}"
} >nginx.conf

# replaced SIGNAL: both workers get it; two others come
replaced() { others_come "$nginx" 2 pkill "-$1" -P "$nginx"; }
# reload: two other workers come
reload() { others_come "$nginx" 2 kill -HUP "$nginx"; }
serve() { fetch "${port_of[$1]}"; }

# killed_under_load PORT: forty clients ask while workers are killed in the midst of it
killed_under_load() {
    fetch_all "$1" &
    for _ in 1 2 3; do
        sleep 0.15
        replaced KILL || return
    done
    wait "$!"
    return 0
}

for order in default-first devid-first; do
    openssl_conf "$order"
    start nginx.log nginx -p "$FOLDER" -c nginx.conf -e error.log
    nginx=$pid
    wait_port "$front"
    both_sides
    at_rest
    for name in azure-ldevid wrapped-rsa-tss2; do
        port=${port_of[$name]}
        world_forget_commands
        ok "forty clients at once with $name" fetch_all "$port"
        ok "each was one signature" test "$(world_commands | grep -Ec 'Sign|RSA_Decrypt')" = 40
        ok "workers are killed under load with $name" killed_under_load "$port"
        ok "forty clients after that" fetch_all "$port"
        ok "workers end in good order and others come" replaced TERM
        ok "forty clients after that, too" fetch_all "$port"
        for _ in 1 2 3; do
            ok "the configuration is read again" reload
            sends "${tls_commands[$name]}" "and $name is still there" fetch "$port"
        done
        # A worker that is killed between Load and FlushContext leaves its key. devid sweeps when that fills the TPM.
        tpm2_flushcontext -Q -T "$WORLD_TCTI" -t
    done
    at_rest
    if [ "$(id -u)" = 0 ] && [ "$order" = default-first ]; then
        chown root swtpm swtpm.ctrl
        replaced KILL
        fails "a user who may not open the TPM" . fetch "${port_of[azure-ldevid]}"
        ok "reads what to do in error.log" timeout 20 sh -c 'until grep -q "no TPM" error.log; do sleep 0.1; done'
        chown www-data swtpm swtpm.ctrl
        sends Sign "and when it may, it works" fetch "${port_of[azure-ldevid]}"
    fi
    if [ "$order" = default-first ]; then
        survives "a server" "${all_keys[*]}" serve
        at_rest
    fi
    stop "$nginx"
done

# With a resource manager, which flushes what a killed worker had loaded. This one's message bus is its starter's alone.
if command -v tpm2-abrmd >/dev/null && command -v dbus-daemon >/dev/null; then
    openssl_conf abrmd
    export DEVID_CONF=$FOLDER/devid.conf
    manager_start
    trap 'stop_all; manager_stop; world_stop' EXIT
    sed -i "s/^user .*/user $(id -un) $(id -gn); env DBUS_SESSION_BUS_ADDRESS;/" nginx.conf
    start nginx.log nginx -p "$FOLDER" -c nginx.conf -e error.log
    nginx=$pid
    wait_port "$front"
    for name in azure-ldevid wrapped-rsa-tss2; do
        port=${port_of[$name]}
        ok "forty clients at once with $name" fetch_all "$port"
        ok "workers are killed under load with $name" killed_under_load "$port"
        ok "forty clients after that" fetch_all "$port"
        ok "workers end in good order and others come" replaced TERM
        ok "the configuration is read again" reload
        ok "forty clients after that, too" fetch_all "$port"
    done
    stop "$nginx"
    manager_stop
fi
finish
