#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# EAP-TLS by the code of wpa_supplicant (eapol_test) and hostapd, which is the RADIUS server: a key reference is a key. A file of
# the label TSS2 PRIVATE KEY is not: for it, wpa_supplicant wants an engine that Debian does not have.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"
. "$DEVID_SRC/test/client/keys.sh"

needs eapol_test eapoltest
needs hostapd hostapd
client_world
with_log hostapd.log

# radius NAME: a server with NAME's key
radius() {
    port=$(free_port)
    cat >hostapd.conf <<END
driver=none
radius_server_clients=clients
radius_server_auth_port=$port
eap_server=1
eap_user_file=users
ca_cert=ca-cert.pem
server_cert=$1-cert.pem
private_key=$1-key.pem
END
    start hostapd.log hostapd hostapd.conf
    hostapd=$pid
    for _ in $(seq 100); do
        ss -lunH "sport = :$port" | grep -q . && return
        sleep 0.1
    done
}
echo "127.0.0.1 secret" >clients
echo "* TLS" >users

# join NAME [SECONDS]: a client with NAME's key
join() {
    cat >eap.conf <<END
network={
    key_mgmt=WPA-EAP
    eap=TLS
    identity="device"
    ca_cert="ca-cert.pem"
    client_cert="$1-cert.pem"
    private_key="$1-key.pem"
}
END
    eapol_test -c eap.conf -a 127.0.0.1 -p "$port" -s secret -t "${2:-60}"
}

by_software radius software
for order in default-first devid-first preferred; do
    openssl_conf "$order"
    for name in azure-ldevid one rsa wrapped; do
        sends "${tls_commands[$name]}" "a client with $name" join "$name"
        ok "has joined" grep -q "^SUCCESS" out
    done
    fails "a TSS2 PRIVATE KEY" "engine tpm2 not available" join wrapped-tss2 2
    at_rest
done
stop "$hostapd"

for order in default-first devid-first; do
    openssl_conf "$order"
    for name in azure-ldevid one rsa wrapped; do
        radius "$name"
        sends "${tls_commands[$name]}" "a server with $name" by_software join software
        stop "$hostapd"
    done
    at_rest
done
finish
