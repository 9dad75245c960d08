#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# devid renew: a new key and a new certificate change places with the old ones at one instant. Who has the old pair open goes on
# with it for its grace time, who looks anew finds the new one; who is named in on-renew is told. Programs are Debian's own.
set -u
# shellcheck source=test/client/device.sh
. "${DEVID_SRC:?}/test/client/device.sh"
# shellcheck source=test/client/renew-lib.sh
. "$src/test/client/renew-lib.sh"
python=/usr/bin/python3
for program in mosquitto swtpm openssl; do
    command -v $program >/dev/null || { echo "passed over: $program is needed"; exit 77; }
done
$python -c 'import PyKCS11' 2>/dev/null || { echo "passed over: PyKCS11 is needed: apt-get install python3-pykcs11"; exit 77; }

"$devid" provision >"$dir/out" 2>&1 || { sed 's/^/# /' "$dir/out"; echo "Bail out! no device"; exit 1; }
ldevid=$dir/clients/ldevid.pem device=$dir/clients/device-id.pem
ok "what is not due is not renewed" sh -c "'$devid' renew | grep '^nothing to do'"
before=$(serial_of azure:device-id)
ok "a dry run of a forced renewal changes nothing" sh -c "'$devid' renew --dry-run --force azure:device-id | grep 'would renew' && '$devid' show azure:device-id"
ok "and is dry" test "$before" = "$(serial_of azure:device-id)"

# ---- who has a key open over the renewal ----

renew_openssl_conf
cp "$ldevid" "$dir/old-ldevid.pem"
cp "$device" "$dir/old-device.pem"
port=$(free_port)
OPENSSL_CONF=$dir/openssl.cnf openssl s_server -accept "127.0.0.1:$port" -key "$ldevid" -cert "$ldevid" -www >"$dir/s_server.log" 2>&1 &
pids+=($!)
wait_port "$port"
# served PORT: the serial number of the certificate that a server shows, whose handshake its key has signed
served() {
    openssl s_client -connect "127.0.0.1:$1" </dev/null >"$dir/s_client" 2>&1 && openssl x509 -in "$dir/s_client" -noout -serial | sed 's/.*=//'
}
mqtt=$(free_port)
cat >"$dir/mosquitto.conf" <<EOF
listener $mqtt 127.0.0.1
allow_anonymous true
user $(id -un)
certfile $device
keyfile $device
EOF
OPENSSL_CONF=$dir/openssl.cnf mosquitto -c "$dir/mosquitto.conf" >"$dir/mosquitto.log" 2>&1 &
broker=$!
pids+=("$broker")
wait_port "$mqtt"
DEVID_P11=$build/.libs/devid-pkcs11.so $python "$src/test/client/renew-session.py" "$dir" >"$dir/session.log" 2>&1 &
session=$!
pids+=("$session")
wait_for "$dir/session-open"

old_ldevid=$(serial_of azure:ldevid) old_device=$(serial_of azure:device-id)
ok "a server with the LDevID shows it" test "$(served "$port")" = "$old_ldevid"
ok "a broker with the device-id shows it" test "$(served "$mqtt")" = "$old_device"
cat >"$dir/told" <<EOF
#!/bin/sh
echo "\$DEVID_NAME \$DEVID_TOKEN \$DEVID_PEM \$1 \${CREDENTIALS_DIRECTORY-none}" >>"$dir/told.log"
ls -l /proc/self/fd | grep -cE 'socket|tpm|state' >"$dir/told-open"
sed -n 's/^SigIgn:.*\(.\)...$/\1/p' /proc/\$\$/status >"$dir/told-pipes" # SIGPIPE is 0x1000
kill -HUP $broker
[ ! -e "$dir/fail" ]
EOF
chmod +x "$dir/told"
sed -i "/^\[identity azure:device-id\]/a on-renew = $dir/told a-word\nrenew-after = 75%" "$dir/devid.conf"
touch "$dir/fail"
chmod 640 "$ldevid" # as a program that refuses a key file which all may read
ok "a renewal is done, though the program of on-renew fails, which is told" \
    env CREDENTIALS_DIRECTORY=/secret sh -c "! '$devid' renew --force >'$dir/renewed' 2>&1 && grep 'on-renew: .* ended with 1' '$dir/renewed' && grep 'azure:device-id: renewed' '$dir/renewed'"
new_ldevid=$(serial_of azure:ldevid) new_device=$(serial_of azure:device-id)
ok "certificates and keys are new" test "$new_ldevid" != "$old_ldevid" -a "$new_device" != "$old_device" -a \
    "$(openssl x509 -in "$ldevid" -noout -pubkey)" != "$(openssl x509 -in "$dir/old-ldevid.pem" -noout -pubkey)"
ok "the file for clients has the rights that it had" test "$(stat -c %a "$ldevid")" = 640
ok "subjects are the same" test "$(openssl x509 -in "$ldevid" -noout -subject)" = "$(openssl x509 -in "$dir/old-ldevid.pem" -noout -subject)"
ok "the program was given name, token, file and its words, no credentials, and nothing open" \
    test "$(cat "$dir/told.log") $(cat "$dir/told-open")" = "azure:device-id owner $device a-word none 0"
ok "and a pipe that breaks ends it, as any other" test "$(cat "$dir/told-pipes")" = 0
rm "$dir/fail"
ok "the next run tells again, and only that" sh -c "[ \"\$('$devid' renew | grep -c told)\" = 1 ] && [ \"\$(wc -l <'$dir/told.log')\" = 2 ]"
ok "then there is nothing to do" sh -c "'$devid' renew | grep '^nothing to do'"

ok "the server that has the old LDevID open goes on with it" test "$(served "$port")" = "$old_ldevid"
# shellcheck disable=SC2317  # called by ok
serves_new() { for ((i = 0; i < 100; i++)); do [ "$(served "$mqtt")" = "$new_device" ] && return; sleep 0.1; done; false; }
ok "the broker that was told shows the new device-id" serves_new
ok "a program that opens the old file signs with the old key" sign_with "$dir/old-ldevid.pem"
ok "one that opens the new file, with the new one" sign_with "$ldevid"
ok "one that names the handle, with the new one" sign_with "$ldevid" handle:0x81000002
ok "the old key is at the handle still" at_handle "$dir/old-ldevid.pem"
touch "$dir/session-go"
# shellcheck disable=SC2317  # called by ok
session_says() { wait_for "$dir/$1" || { cat "$dir/session.log"; false; }; }
ok "PKCS#11: old objects sign on, a new search finds the new pair and no old one" session_says session-renewed

# ---- the end of the grace time ----

grace_is_over
ok "after the grace time the old pair goes, and the new key to its handle" sh -c \
    "'$devid' renew >'$dir/renewed' && grep -c 'grace time over' '$dir/renewed' && grep 'key moved to 0x81000002' '$dir/renewed'"
ok "the new key is at the handle" at_handle "$ldevid"
ok "the new file still signs" sign_with "$ldevid"
ok "and the handle" sign_with "$ldevid" handle:0x81000002
ok "the old file does not, and says why" refuses_to_sign "$dir/old-ldevid.pem" "not the key that this reference was made for"
ok "the server that has the old key open does not sign in its name with the new one" test -z "$(served "$port")"
touch "$dir/session-end"
# shellcheck disable=SC2317  # called by ok
session_ends() { wait "$session" || { cat "$dir/session.log"; false; }; }
ok "PKCS#11: the old objects are gone" session_ends
ok "nothing is due" sh -c "'$devid' provision | grep '^nothing to do'"
ok "persistent: EK, SRK, LDevID and IDevID, no second key" no_second_key

# ---- the same key, no grace, failures ----

sed -i "/^\[identity azure:ldevid\]/a grace = none" "$dir/devid.conf"
sed -i "/^\[identity azure:device-ca\]/a renew-key = same" "$dir/devid.conf"
cp "$dir/clients/device-ca.pem" "$dir/old-ca.pem"
before=$(serial_of azure:device-ca) new_ldevid=$(serial_of azure:ldevid)
ok "without a grace time the new key is at its handle at once" sh -c "'$devid' renew --force azure:ldevid | grep 'key moved to 0x81000002'"
ok "it is the new one" test "$new_ldevid" != "$(serial_of azure:ldevid)"
ok "that is at the handle" at_handle "$ldevid"
ok "renew-key = same" "$devid" renew --force azure:device-ca
ok "renews the certificate alone" test "$before" != "$(serial_of azure:device-ca)" -a \
    "$(openssl x509 -in "$dir/clients/device-ca.pem" -noout -pubkey)" = "$(openssl x509 -in "$dir/old-ca.pem" -noout -pubkey)"
ok "an IDevID never gets a new key" says 1 "changed.conf:[0-9]*: renew-key: .*same is expected" \
    "$devid" --config "$(changed '/^\[identity idevid\]/a renew-key = new')" list
away=$(changed "s|$(url_of field)|https://127.0.0.1:9/.well-known/est|; /^\[identity azure:device-id\]/a lifetime = 1d")
before=$(serial_of azure:device-id)
ok "a server that is away is told" says 1 "azure:device-id: .*127.0.0.1" "$devid" --config "$away" renew --force azure:device-id
ok "the old pair is in use as before" test "$before" = "$(serial_of azure:device-id)"
ok "the time of the next try is known" sh -c "'$devid' show azure:device-id | grep '^failed *1 times in a row; the next try is not before 20'"
ok "the key waits for it" test -s "$dir/state/.renew/azure%3Adevice-id.pem"
key=$(openssl_key "$dir/state/.renew/azure%3Adevice-id.pem")
ok "when the server is back, by name or force it is done at once" "$devid" renew --force azure:device-id
ok "with the key that waited" test "$key" = "$(openssl x509 -in "$device" -noout -pubkey)"
ok "nothing waits any more" test -z "$(find "$dir/state/.renew" -name '*.pem' -o -name '*.later')"
# The new key is wrapped, devid.conf names no handle any more, and the old one is at its handle: it goes all the same.
sed -i "/^grace = none/d; /^handle *= *0x81000002/d" "$dir/devid.conf"
ok "a key is renewed" "$devid" renew --force azure:ldevid
ok "and deleted in its grace time" "$devid" delete --yes azure:ldevid
ok "with the key that it replaced" test "$(persistent)" = "0x81000001 0x81010001 0x81010016 0x81020000"
ok "nothing is loaded, and no wrong password was counted" clean
echo "1..$n"
