#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Through a proxy as Debian has it (tinyproxy), with a user and a password, with wrong ones, without; and a proxy that is gone.
set -u
command -v tinyproxy >/dev/null || { echo "passed over: tinyproxy is needed: apt-get install tinyproxy-bin"; exit 77; }
# shellcheck source=test/client/device.sh
. "${DEVID_SRC:?}/test/client/device.sh"

port=$(free_port)
cat >"$dir/proxy.conf" <<EOF
Port $port
Listen 127.0.0.1
Timeout 600
MaxClients 20
BasicAuth device correct-horse
LogFile "$dir/proxy.log"
LogLevel Info
EOF
tinyproxy -d -c "$dir/proxy.conf" >"$dir/proxy.out" 2>&1 &
pids+=($!)
wait_port "$port"
printf 'correct-horse\n' >"$dir/right"
printf 'wrong-horse\n' >"$dir/wrong"
# by LINES: behind each "est ="
by() { changed "s|^est .*|&\n$1|"; }
user="proxy = http://127.0.0.1:$port\nproxy-user = device\nproxy-password-file = $dir"

ok "a proxy that wants a user is told" says 1 "wants a user and a password" \
    "$devid" --config "$(by "proxy = http://127.0.0.1:$port")" provision idevid
ok "a wrong password is told" says 1 "refuses user and password" "$devid" --config "$(by "$user/wrong")" provision idevid
ok "the password is in no message" sh -c "! grep -r 'wrong-horse' '$dir/stdout' '$dir/stderr'"
ok "a proxy that is gone is told" says 1 "through the proxy http://127.0.0.1:9" \
    "$devid" --config "$(by "proxy = http://127.0.0.1:9")" provision idevid
ok "with the right one a device is made, through the proxy" "$devid" --config "$(by "$user/right")" provision
ok "all of it went there" sh -c "grep -c 'CONNECT 127.0.0.1:' '$dir/proxy.log' && grep -q 'CONNECT 127.0.0.2:' '$dir/proxy.log' && grep -q 'CONNECT 127.0.0.3:' '$dir/proxy.log'"
ok "the environment names no proxy" env https_proxy=http://127.0.0.1:9 HTTPS_PROXY=http://127.0.0.1:9 "$devid" est reenroll azure:device-id
ok "unless it is asked" says 1 "through the proxy of the environment" env https_proxy=http://127.0.0.1:9 "$devid" --config "$(by "proxy = environment")" est reenroll azure:device-id
ok "nothing is loaded, and no wrong password was counted" clean
echo "1..$n"
