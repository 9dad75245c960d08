#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# MQTT by Eclipse Paho's libraries, in C (its own paho_c_pub) and in Python.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"
. "$DEVID_SRC/test/client/keys.sh"

PATH=$PATH:/usr/sbin
needs mosquitto mosquitto
python=/usr/bin/python3
with_python() { "$python" -c 'import paho.mqtt.client' 2>/dev/null; }
if ! command -v paho_c_pub >/dev/null && ! with_python; then
    echo "passed over: apt-get install paho.mqtt.c-examples python3-paho-mqtt"
    exit 77
fi
client_world
with_log broker.log
port=$(free_port)
cat >mosquitto.conf <<END
listener $port 127.0.0.1
cafile $FOLDER/ca-cert.pem
certfile $FOLDER/software-cert.pem
keyfile $FOLDER/software-key.pem
require_certificate true
use_identity_as_username true
user $(id -un)
END
by_software start broker.log mosquitto -c mosquitto.conf
wait_port "$port"

publish() {
    paho_c_pub -c "ssl://localhost:$port" -t "from/$1" -m "hello from $1" -q 1 -r --cafile ca-cert.pem \
        --cert "$1-cert.pem" --key "$1-key.pem"
}

cat >echo.py <<'END'
"""echo.py PORT NAME: publishes as NAME, and waits until it comes back."""
import sys
import paho.mqtt.client as mqtt

port, name = int(sys.argv[1]), sys.argv[2]
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION1) if hasattr(mqtt, "CallbackAPIVersion") else mqtt.Client()
client.tls_set("ca-cert.pem", name + "-cert.pem", name + "-key.pem")
client.on_connect = lambda c, *rest: c.subscribe("back/" + name, 1)
client.on_subscribe = lambda c, *rest: c.publish("back/" + name, "hello", 1)


def came(c, data, message):
    print(message.payload.decode())
    c.disconnect()


client.on_message = came
client.connect("localhost", port, 60)
client.loop_forever()
END

for order in default-first devid-first preferred; do
    openssl_conf "$order"
    for name in "${all_keys[@]}"; do
        if command -v paho_c_pub >/dev/null; then
            sends "${tls_commands[$name]}" "Paho C with $name" publish "$name"
            ok "the broker knows it" grep -q "u'${subject_of[$name]}'" broker.log
        fi
        if with_python; then
            sends "${tls_commands[$name]}" "Paho Python with $name" timeout 100 "$python" echo.py "$port" "$name"
            ok "its message has come back" grep -q "^hello" out
        fi
    done
    at_rest
done
finish
