#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# stunnel, as a client for programs that know no TLS, and as a server before them. Its threads share the keys.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"
. "$DEVID_SRC/test/client/keys.sh"

needs stunnel4 stunnel4
needs curl curl
needs socat socat
client_world
world_let_in www-data
page_server
pages=$port
with_log stunnel.log
declare -A to from

# A server without TLS, behind those of stunnel: a page of one line.
mkdir plain
echo "a page" >plain/index.html
plain=$(free_port)
start plain.log /usr/bin/python3 -m http.server --bind 127.0.0.1 --directory plain "$plain"
wait_port "$plain"

# ends NAME: a client and a server with NAME's key
ends() {
    to[$1]=$(free_port)
    cat <<END
[$1-client]
client = yes
accept = 127.0.0.1:${to[$1]}
connect = 127.0.0.1:$pages
cert = $1-cert.pem
key = $1-key.pem
CAfile = ca-cert.pem
verifyChain = yes
checkHost = localhost
sessionResume = no
END
    from[$1]=$(free_port)
    cat <<END
[$1-server]
accept = 127.0.0.1:${from[$1]}
connect = 127.0.0.1:$plain
cert = $1-cert.pem
key = $1-key.pem
CAfile = ca-cert.pem
verifyChain = yes
sessionCacheSize = 1
END
}

{
    printf 'foreground = yes\npid =\nsyslog = no\n'
    [ "$(id -u)" != 0 ] || printf 'setuid = www-data\nsetgid = www-data\n'
    for name in "${all_keys[@]}"; do ends "$name"; done
} >stunnel.conf

# reload: until it listens again, with what it has read
reload() {
    local n
    n=$(grep -c "Configuration successful" stunnel.log)
    kill -HUP "$stunnel"
    for _ in $(seq 300); do
        [ "$(grep -c "Configuration successful" stunnel.log)" -gt "$n" ] && wait_port "${from[wrapped-rsa-tss2]}" && return
        sleep 0.1
    done
    return 1
}

send() { curl -sS --fail "http://127.0.0.1:${to[$1]}/"; }
serve() { fetch "${from[$1]}"; }

# ends_work: each key, on either side
ends_work() {
    for name in "${all_keys[@]}"; do
        sends "${tls_commands[$name]}" "a client with $name" curl -sS --fail "http://127.0.0.1:${to[$name]}/"
        ok "the server knows it" grep -Eq "Subject: CN ?= ?${subject_of[$name]}\$" out
        sends "${tls_commands[$name]}" "a server with $name" fetch "${from[$name]}"
    done
}

for order in default-first devid-first; do
    openssl_conf "$order"
    start stunnel.log stunnel4 stunnel.conf
    stunnel=$pid
    wait_port "${from[wrapped-rsa-tss2]}"
    ends_work
    at_rest
    for name in azure-ldevid wrapped-tss2; do
        ok "forty clients at once with $name" fetch_all "${from[$name]}"
        ok "the configuration is read again" reload
        ok "forty clients after that" fetch_all "${from[$name]}"
    done
    at_rest
    if [ "$order" = default-first ]; then
        survives "a client" "${all_keys[*]}" send
        survives "a server" "azure-ldevid wrapped-rsa-tss2" serve
        at_rest
    fi
    stop "$stunnel"
done

# in_jail TEST...: of stunnel in the jail
in_jail() {
    start stunnel.log stunnel4 jail.conf
    stunnel=$pid
    wait_port "${from[wrapped-rsa-tss2]}"
    ok "it is in the jail" test "$(readlink "/proc/$stunnel/root")" = "$FOLDER/jail"
    "$@"
}

# Only root may go into a jail: there is nothing in it, and the connection to the TPM was made before.
if [ "$(id -u)" = 0 ]; then
    (echo "chroot = $FOLDER/jail" && cat stunnel.conf) >jail.conf
    jail
    in_jail sends "$tls_commands_in_jail" "a server's first handshake with a wrapped key in a jail" fetch "${from[wrapped]}"
    ends_work
    ok "forty clients at once in a jail" fetch_all "${from[wrapped]}"
    stop "$stunnel"
    openssl_conf default-first
    in_jail fails "without preconnect there is no key in a jail" "alert internal error" fetch "${from[wrapped]}"
    stop "$stunnel"
    jail_has_all
    in_jail sends "${tls_commands[wrapped]}" "unless all is in the jail" fetch "${from[wrapped]}"
    ends_work
    stop "$stunnel"
fi
finish
