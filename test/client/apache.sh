#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Apache's mod_ssl, by files and by a pkcs11: URI: the parent opens the keys as root, children of another user sign; they have
# threads, or are more processes. As a client of servers behind it, Apache reads RSA, DSA and EC PRIVATE KEY alone.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"
. "$DEVID_SRC/test/client/keys.sh"

needs apache2 apache2-bin
needs curl curl
client_world
world_let_in www-data
with_log error.log
export OPENSSL_ENGINES=$FOLDER # a pkcs11: URI goes to libp11's engine first if there is one, as test/client/engine.sh does
declare -A port_of

# host NAME KEY OPTION...: a server with NAME's certificate
host() {
    port_of[$1]=$(free_port)
    cat <<END
Listen 127.0.0.1:${port_of[$1]}
<VirtualHost 127.0.0.1:${port_of[$1]}>
    SSLEngine on
    SSLCertificateFile $FOLDER/$1-cert.pem
    SSLCertificateKeyFile "$2"
    SSLCACertificateFile $FOLDER/ca-cert.pem
    SSLVerifyClient require
</VirtualHost>
END
}

# conf MPM: apache.conf
conf() {
    local module
    for module in "mpm_$1" ssl dir authz_core unixd; do
        [ -e "/usr/lib/apache2/modules/mod_$module.so" ] && echo "LoadModule ${module}_module /usr/lib/apache2/modules/mod_$module.so"
    done
    cat <<END
ServerRoot $FOLDER
ServerName localhost
PidFile apache.pid
ErrorLog error.log
Mutex file:$FOLDER default
User www-data
Group www-data
DocumentRoot $FOLDER/pages
StartServers 2
SSLSessionCache none
SSLSessionTickets off
END
    for name in "${all_keys[@]}"; do host "$name" "$FOLDER/$name-key.pem"; done
    cp azure-ldevid-cert.pem uri-cert.pem
    host uri "pkcs11:token=owner;object=azure:ldevid"
}

mkdir -p pages
echo "a page" >pages/index.html

# restarted SIGNAL: children are replaced, and somebody answers
restarted() {
    kill "-$1" "$apache"
    for _ in $(seq 100); do
        fetch "${port_of[azure-ldevid]}" && return
        sleep 0.1
    done
    return 1
}

for order in default-first devid-first; do
    openssl_conf "$order"
    mpm=event
    [ "$order" = default-first ] || mpm=prefork
    conf "$mpm" >apache.conf
    : >error.log
    start apache.log setsid apache2 -DFOREGROUND -f "$FOLDER/apache.conf" # its end is its whole process group's
    apache=$pid
    wait_port "${port_of[uri]}"
    for name in "${all_keys[@]}"; do
        sends "${tls_commands[$name]}" "a server ($mpm) with $name" fetch "${port_of[$name]}"
    done
    sends Sign "a server by a pkcs11: URI" fetch "${port_of[uri]}"
    at_rest
    for name in azure-ldevid wrapped-rsa-tss2; do
        ok "forty clients at once with $name" fetch_all "${port_of[$name]}"
    done
    ok "the configuration is read again" restarted HUP
    ok "and again, without hurry" restarted USR1
    for name in "${all_keys[@]}"; do
        ok "forty clients after that, with $name" fetch_all "${port_of[$name]}"
    done
    stop "$apache"
    at_rest
done
finish
