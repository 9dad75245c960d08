#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# devid renew, killed after each TPM command in turn, and before and after each rename: in a renewal whose old key is at the handle, in
# one within the grace time of the last, and at the end of the grace time. Each time the files of clients sign as they are; the
# next run ends complete, with nothing left over.
set -u
# shellcheck source=test/client/device.sh
. "${DEVID_SRC:?}/test/client/device.sh"
# shellcheck source=test/client/renew-lib.sh
. "$src/test/client/renew-lib.sh"
n_killed=0
renew_openssl_conf
sed -i "/^\[identity azure:ldevid\]/a on-renew = $dir/told" "$dir/devid.conf"
printf '#!/bin/sh\nopenssl x509 -in "%s" -noout -serial >"%s/told.serial"\n' "$dir/clients/ldevid.pem" "$dir" >"$dir/told"
chmod +x "$dir/told"
"$devid" provision >"$dir/out" 2>&1 || { sed 's/^/# /' "$dir/out"; echo "Bail out! no device"; exit 1; }
pem=$dir/clients/ldevid.pem

# Between a kill and the next run: nobody has to know. What was opened before the renewal signs, too.
is_usable() {
    sign_with "$pem" || return 1
    [ ! -e "$dir/before.pem" ] || sign_with "$dir/before.pem"
}

# What a run leaves in the end.
is_whole() {
    sign_with "$pem" && sign_with "$pem" devid:azure:ldevid && sign_with "$pem" handle:0x81000002 && no_second_key &&
        [ "$("$devid" list | grep -c ' valid ')" -eq 5 ] &&
        [ "$(cat "$dir/told.serial")" = "$(openssl x509 -in "$pem" -noout -serial)" ] &&
        clean && no_rubbish && "$devid" renew | grep '^nothing to do'
}

# within STATE: the device before each try
state_first() { # the old key is at the handle, and there is no other
    "$devid" renew --force azure:ldevid && grace_is_over && "$devid" renew && at_handle "$pem"
}
state_within() { # the old key is wrapped, and one before it is at the handle
    state_first && "$devid" renew --force azure:ldevid && ! at_handle "$pem"
}
state_ends() { state_within && grace_is_over; }

# sweep STATE KILL COMMAND...: KILL is a variable that tells the process where to die
sweep() {
    local state=$1 kill=$2 at status preload=
    shift 2
    [ "$kill" = DEVID_TCTI_KILL ] || preload=$build/.libs/libfile-fault.so
    for ((at = 1; at < 60; at++)); do
        "state_$state" >"$dir/out" 2>&1 || { echo "the state before is not reached"; cat "$dir/out"; return 1; }
        cp "$pem" "$dir/before.pem"
        [ "$state" = first ] || rm "$dir/before.pem" # two renewals, or the end of the grace time: it may be gone
        { env "$kill=$at" LD_PRELOAD="$preload" "$@" >"$dir/out" 2>&1; } 2>/dev/null
        status=$?
        [ $status -eq 137 ] || break
        n_killed=$((n_killed + 1))
        is_usable >"$dir/out" 2>&1 || { echo "killed at $at: unusable"; cat "$dir/out"; return 1; }
        "$devid" renew >"$dir/out" 2>&1 || { echo "killed at $at: the next run fails"; cat "$dir/out"; return 1; }
        is_whole >"$dir/whole" 2>&1 || { echo "killed at $at: the next run does not end complete"; cat "$dir/out" "$dir/whole"; return 1; }
    done
    [ $status -eq 0 ] && [ $at -gt 2 ]
}

for kill in DEVID_TCTI_KILL KILL_AFTER_RENAME; do
    ok "$kill, a first renewal" sweep first $kill "$devid" renew --force azure:ldevid
    ok "$kill, the end of the grace time" sweep ends $kill "$devid" renew
done
ok "DEVID_TCTI_KILL, a renewal within the grace time" sweep within DEVID_TCTI_KILL "$devid" renew --force azure:ldevid
ok "KILL_BEFORE_RENAME, a first renewal" sweep first KILL_BEFORE_RENAME "$devid" renew --force azure:ldevid
echo "# killed $n_killed times"
ok "killed often enough to mean it" test $n_killed -gt 40
ok "nothing is loaded, and no wrong password was counted" clean
echo "1..$n"
