#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# devid provision where files fail it: killed right before and right after each rename in turn, no space, a folder that cannot be
# written, a TPM that may not be opened, a wrong fingerprint, power that is cut while a server thinks. It says so in one line, leaves nothing half-written, and the
# next run finishes.
set -u

# The state of a device that was made whole: the same four times.
whole() {
    ok "$1: the next run has nothing to do" sh -c "'$devid' provision | grep '^nothing to do'"
    ok "$1: five identities are valid" sh -c "[ \"\$('$devid' list | grep -c ' valid ')\" -eq 5 ]"
    ok "$1: no temporary file is left" no_rubbish
    ok "$1: nothing is loaded, and no wrong password was counted" clean
    ok "$1: no second key" test "$(persistent)" = "0x81000001 0x81000002 0x81010001 0x81010016 0x81020000"
}

# killed BEFORE|AFTER: each run gets one rename further than the last.
killed() (
    # shellcheck source=test/client/device.sh
    . "${DEVID_SRC:?}/test/client/device.sh"
    idevid=
    for ((kill_at = 1; kill_at < 60; kill_at++)); do
        env "KILL_$1_RENAME=$kill_at" LD_PRELOAD="$build/.libs/libfile-fault.so" "$devid" provision >"$dir/out" 2>&1
        status=$?
        if tpm2_readpublic -Q -c 0x81020000 -f pem -o "$dir/now.pem" 2>/dev/null; then
            idevid=${idevid:-$(cat "$dir/now.pem")}
            [ "$idevid" = "$(cat "$dir/now.pem")" ] || break
        fi
        [ $status -eq 137 ] || break
    done
    ok "killed $1 each rename: $((kill_at - 1)) times, then it ends" test "$status" -eq 0 -a "$kill_at" -gt 4
    ok "killed $1 each rename: the IDevID key is the same" test "$idevid" = "$(cat "$dir/now.pem")"
    whole "killed $1 each rename"
)

# A folder that the user may not write is nothing to root: root without its capabilities is held to the permissions, too.
# shellcheck disable=SC2317  # called by ok
as_user() {
    if [ "$(id -u)" = 0 ]; then setpriv --bounding-set=-all --inh-caps=-all "$@"; else "$@"; fi
}

files_fail() (
    # shellcheck source=test/client/device.sh
    . "${DEVID_SRC:?}/test/client/device.sh"
    mkdir -p "$dir/state"
    chmod 555 "$dir/state" "$dir/clients"
    ok "a state folder that cannot be written is told" says 1 "$dir/state" as_user "$devid" provision idevid
    chmod 755 "$dir/state" "$dir/clients"
    chmod 0 "$dir"/{sock,sock.ctrl}
    ok "a TPM that may not be opened is told" says 75 "^devid: .*no TPM at" as_user "$devid" provision idevid
    chmod u+rw "$dir"/{sock,sock.ctrl}
    wrong=$(printf 'ab%.0s' {1..32})
    ok "a wrong fingerprint is told" says 1 "fingerprint" as_user "$devid" --config "$(changed \
        "s|^[a-z-]* *=.*manufacturer-root.*|fingerprint = $wrong|")" provision idevid
    ok "when all is mended it finishes" as_user "$devid" provision
    whole "mended"
)

# Each run has room for a little more than the last. Identities that do not wait for each other may fail in one run: a line for each.
disk_full() (
    # shellcheck source=test/client/device.sh
    . "${DEVID_SRC:?}/test/client/device.sh"
    for ((at = 1; at < 60; at++)); do
        FILE_FAULT=$at:full FILE_FAULT_DIRS=$dir/state:$dir/clients LD_PRELOAD="$build/.libs/libfile-fault.so" "$devid" provision >"$dir/stdout" 2>"$dir/stderr"
        status=$?
        if [ "$status" -ne 1 ] || [ ! -s "$dir/stderr" ]; then break; fi
        ! grep -v '^devid: .*: No space left on device; make room' "$dir/stderr" || break
    done
    ok "disk full: it is told in $((at - 1)) runs, then there is room enough" test "$status" -eq 0 -a "$at" -gt 4
    whole "disk full"
)

# The IDevID is not NODA: what its signature leaves open in the TPM is ended before the server gets to think.
slow_server() (
    # shellcheck source=test/client/device.sh
    . "${DEVID_SRC:?}/test/client/device.sh"
    "$devid" provision idevid >"$dir/out" 2>&1
    : >"$dir/tpm.log"
    "$devid" --config "$(changed "s|$(url_of factory)|&/slow-10m|")" provision azure:ldevid >"$dir/out" 2>&1 &
    waiting=$!
    # the IDevID's for TLS, then that of the request
    for ((i = 0; i < 600; i++)); do [ "$(grep -c ' Sign 0x0$' "$dir/tpm.log")" -ge 2 ] && break; sleep 0.1; done
    ok "slow server: it has the request" kill -0 $waiting
    { kill -9 "${pids[0]}" && wait "${pids[0]}"; } 2>/dev/null
    unset 'pids[0]'
    rm -f "$dir/sock" "$dir/sock.ctrl"
    start_tpm
    ok "slow server: power that is cut meanwhile is not counted" clean
    { kill -9 $waiting && wait $waiting; } 2>/dev/null
    ok "slow server: the next run ends it" "$devid" provision
    whole "slow server"
)

# A TPM that says RETRY for longer than anybody waits: that is no server's wish to be asked later, a quarter of an hour long.
busy_tpm() (
    # shellcheck source=test/client/device.sh
    . "${DEVID_SRC:?}/test/client/device.sh"
    "$devid" provision >"$dir/out" 2>&1
    : >"$dir/tpm.log"
    "$devid" renew --force azure:device-id >"$dir/out" 2>&1
    at=$(grep -n ' Sign 0x0$' "$dir/tpm.log" | tail -1 | cut -d: -f1)
    DEVID_TCTI_FAULT=$at:retry:99 ok "busy TPM: it is told as that, and not waited for" says 75 "busy\|try again" timeout 100 "$devid" renew --force azure:device-id
    ok "busy TPM: the server asked for nothing" sh -c "! grep 'server asks' '$dir/stdout'"
    ok "busy TPM: the next try is not put off" test ! -e "$dir/state/.renew/azure%3Adevice-id.later"
    ok "busy TPM: the next run ends it" "$devid" renew --force azure:device-id
    whole "busy TPM"
)

log=$(mktemp)
{
    busy_tpm
    killed AFTER
    killed BEFORE
    disk_full
    files_fail
    slow_server
} | sed -E 's/^(ok|not ok) [0-9]+ /\1 /' | tee "$log"
echo "1..$(grep -cE '^(ok|not ok) ' "$log")"
! grep -q '^not ok' "$log"
status=$?
rm -f "$log"
exit $status
