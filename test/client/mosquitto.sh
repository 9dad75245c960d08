#!/bin/bash
# mosquitto_pub and mosquitto_sub with keys in the TPM, a broker with one, which gives up root's rights, and a bridge.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"
. "$DEVID_SRC/test/client/keys.sh"

PATH=$PATH:/usr/sbin
needs mosquitto mosquitto
needs mosquitto_pub mosquitto-clients
client_world
user=$(id -un)
[ "$user" != root ] || user=www-data
world_let_in "$user"
chmod a+r software-key.pem
with_log broker.log

# broker NAME: one with NAME's key that demands client certificates; sets port and broker
broker() {
    port=$(free_port)
    cat >mosquitto.conf <<EOF
listener $port 127.0.0.1
cafile $FOLDER/ca-cert.pem
certfile $FOLDER/$1-cert.pem
keyfile $FOLDER/$1-key.pem
require_certificate true
use_identity_as_username true
allow_anonymous false
user $user
EOF
    start broker.log mosquitto -c mosquitto.conf
    broker=$pid
    wait_port "$port"
}

# bridge NAME: a broker for programs of this machine that hands on what they say, with NAME's key; sets bridge and plain
bridge() {
    plain=$(free_port)
    cat >bridge.conf <<EOF
listener $plain 127.0.0.1
allow_anonymous true
user $user
connection up
address localhost:$port
topic # out 1
bridge_cafile $FOLDER/ca-cert.pem
bridge_certfile $FOLDER/$1-cert.pem
bridge_keyfile $FOLDER/$1-key.pem
EOF
    start bridge.log mosquitto -c bridge.conf
    bridge=$pid
    wait_port "$plain"
}

# publish NAME [TOPIC]: a retained message, by NAME's files
publish() {
    mosquitto_pub -h localhost -p "$port" --cafile ca-cert.pem --cert "$1-cert.pem" --key "$1-key.pem" \
        -t "${2:-from/$1}" -m "hello from $1" -q 1 -r
}

# subscribe NAME [OTHER]: fetches that message, or another's, by NAME's files
subscribe() {
    [ "$(mosquitto_sub -h localhost -p "$port" --cafile ca-cert.pem --cert "$1-cert.pem" --key "$1-key.pem" \
        -t "from/${2:-$1}" -C 1 -W 60)" = "hello from ${2:-$1}" ]
}

# over_bridge NAME: a message of a program without TLS arrives at the broker
over_bridge() {
    local rc
    bridge "$1"
    mosquitto_pub -h localhost -p "$plain" -t "from/plain-$1" -m "hello from plain-$1" -q 1 -r && by_software subscribe software "plain-$1"
    rc=$?
    stop "$bridge"
    cat bridge.log
    return "$rc"
}

greet() { by_software publish software; } # greet NAME: whose key the broker has

by_software broker software
for order in default-first devid-first preferred; do
    openssl_conf "$order"
    for name in "${all_keys[@]}"; do
        sends "${tls_commands[$name]}" "mosquitto_pub with $name" publish "$name"
        sends "${tls_commands[$name]}" "mosquitto_sub with $name" subscribe "$name"
        ok "the broker knows who it was" grep -q "u'${subject_of[$name]}'" broker.log
        [ "$order" != default-first ] || sends "${tls_commands[$name]}" "a bridge with $name" over_bridge "$name"
    done
    at_rest
done
stop "$broker"

for order in default-first devid-first preferred; do
    openssl_conf "$order"
    for name in "${all_keys[@]}"; do
        broker "$name"
        sends "${tls_commands[$name]}" "a broker with $name" by_software publish software
        [ "$order" != devid-first ] || survives "a broker" "$name" greet
        stop "$broker"
    done
    at_rest
done
finish
