#!/bin/bash
# mosquitto_pub and mosquitto_sub with keys in the TPM, and a broker with one.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"

PATH=$PATH:/usr/sbin
needs mosquitto mosquitto
needs mosquitto_pub mosquitto-clients
needs swtpm swtpm
needs tpm2_getcap tpm2-tools
world_start
"$DEVID_BUILD/test/client/prepare" "$FOLDER" || exit 1
cd "$FOLDER" || exit 1
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out software-key.pem 2>/dev/null
openssl_conf default-first
openssl req -x509 -new -key software-key.pem -subj /CN=localhost -CA ca-cert.pem -CAkey ca-key.pem \
    -addext subjectAltName=DNS:localhost -out software-cert.pem

# broker KEY CERT: starts one that demands client certificates; sets port and broker
broker() {
    port=$(free_port)
    cat >mosquitto.conf <<EOF
listener $port 127.0.0.1
cafile $FOLDER/ca-cert.pem
certfile $FOLDER/$2
keyfile $FOLDER/$1
require_certificate true
use_identity_as_username true
allow_anonymous false
user $(id -un)
EOF
    mosquitto -c mosquitto.conf >broker.log 2>&1 &
    broker=$!
    wait_port "$port"
}

stop_broker() {
    kill "$broker"
    wait "$broker" 2>/dev/null
}

# publish NAME: a retained message, by the identity's files
publish() {
    mosquitto_pub -h localhost -p "$port" --cafile ca-cert.pem --cert "$1-cert.pem" --key "$1-key.pem" \
        -t "from/$1" -m "hello from $1" -q 1 -r
}

# subscribe NAME: fetches that message, by the identity's files
subscribe() {
    [ "$(mosquitto_sub -h localhost -p "$port" --cafile ca-cert.pem --cert "$1-cert.pem" --key "$1-key.pem" \
        -t "from/$1" -C 1 -W 10)" = "hello from $1" ]
}

# PSS is padded in software, so that its salt is right
declare -A command=([azure-ldevid]=Sign [rsa]=RSA_Decrypt) subject=([azure-ldevid]=azure:ldevid [rsa]=rsa)
for order in default-first devid-first preferred; do
    openssl_conf "$order"
    OPENSSL_CONF=/dev/null broker software-key.pem software-cert.pem
    for name in azure-ldevid rsa; do
        sends "${command[$name]}" "mosquitto_pub with $name" publish "$name"
        sends "${command[$name]}" "mosquitto_sub with $name" subscribe "$name"
        ok "the broker knows who it was" grep -q "u'${subject[$name]}'" broker.log
    done
    sends "Load Sign FlushContext" "mosquitto_pub with a wrapped key" publish wrapped
    stop_broker
done

# The broker's own key in the TPM. Its name is not the host's, so the clients do not compare.
for order in default-first devid-first preferred; do
    openssl_conf "$order"
    broker azure-ldevid-key.pem azure-ldevid-cert.pem
    sends "Sign" "a broker with its key in the TPM" env OPENSSL_CONF=/dev/null mosquitto_pub -h localhost -p "$port" \
        --insecure --cafile ca-cert.pem --cert software-cert.pem --key software-key.pem -t t -m m -q 1
    stop_broker
done
finish
