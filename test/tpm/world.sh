# shellcheck shell=bash
# A software TPM of a script's own, with devid.conf and the TCTI that counts: FOLDER, DEVID_CONF, and what they need.
set -u

# swtpm_start STATE SOCKET: a software TPM with that folder at that socket, which answers; sets SWTPM_PID. The socket is there for a
# moment before anybody may connect to it, and a busy machine makes that long.
swtpm_start() {
    local deadline=$((SECONDS + 60))
    swtpm socket --tpm2 --tpmstate "dir=$1" --server "type=unixio,path=$2" --ctrl "type=unixio,path=$2.ctrl" \
        --flags not-need-init,startup-clear >"$2.log" 2>&1 &
    SWTPM_PID=$!
    until [ -S "$2" ] && TSS2_LOG=all+none tpm2_getcap -T "swtpm:path=$2" properties-variable >/dev/null 2>&1; do
        if [ $SECONDS -gt $deadline ] || ! kill -0 "$SWTPM_PID" 2>/dev/null; then
            cat "$2.log"
            echo "not ok - swtpm does not start"
            exit 1
        fi
        sleep 0.01
    done
}

# world_start: makes FOLDER, starts swtpm in it
world_start() {
    FOLDER=$(mktemp -d) || exit 1
    SWTPM_PID=
    trap world_stop EXIT
    swtpm_start "$FOLDER" "$FOLDER/swtpm"
    WORLD_MODULES=$DEVID_BUILD/.libs
    WORLD_TCTI=swtpm:path=$FOLDER/swtpm
    export DEVID_CONF=$FOLDER/devid.conf
    printf '[device]\ntcti = %s:log=%s,%s\nstate = %s\n' "$DEVID_BUILD/.libs/libtss2-tcti-count.so" "$FOLDER/commands" \
        "$WORLD_TCTI" "$FOLDER/state" >"$DEVID_CONF"
    WORLD_LOCKOUT=$(world_lockout)
}

# world_manufacture: EK and IDevID at their usual handles, as a device leaves its factories. While one of them is
# missing, each process that lists everything looks for it.
world_manufacture() {
    export TPM2TOOLS_TCTI=$WORLD_TCTI
    tpm2_createek -Q -c 0x81010001 -G rsa -u "$FOLDER/ek.pub" && tpm2_flushcontext -Q -t &&
        tpm2_createprimary -Q -C e -G ecc256 -c "$FOLDER/idevid.ctx" \
            -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign' &&
        tpm2_evictcontrol -Q -C o -c "$FOLDER/idevid.ctx" 0x81020000 && tpm2_flushcontext -Q -t
}

world_stop() {
    trap - EXIT
    [ -z "$SWTPM_PID" ] || { kill "$SWTPM_PID"; wait "$SWTPM_PID"; } 2>/dev/null
    rm -rf "$FOLDER"
}

# world_commands: names of the TPM commands since the last world_forget_commands, one a line
world_commands() {
    [ ! -e "$FOLDER/commands" ] || cut -d' ' -f2 "$FOLDER/commands"
}

world_forget_commands() {
    : >"$FOLDER/commands"
}

# world_let_in USER: who is root lets a program that becomes USER use the TPM, and all that it opens then; else nothing is to do
world_let_in() {
    [ "$(id -u)" = 0 ] || return 0
    cp "$DEVID_BUILD"/.libs/{libtss2-tcti-count.so,devid.so,devid-provider.so} "$FOLDER"
    sed -i "s|$DEVID_BUILD/.libs|$FOLDER|" "$FOLDER/devid.conf"
    # shellcheck disable=SC2034  # openssl_conf's
    WORLD_MODULES=$FOLDER
    chmod a+x "$FOLDER"
    : >>"$FOLDER/commands"
    chown "$1" "$FOLDER"/{commands,swtpm,swtpm.ctrl}
}

world_lockout() {
    tpm2_getcap -T "$WORLD_TCTI" properties-variable | sed -n 's/^TPM2_PT_LOCKOUT_COUNTER: //p'
}

# world_assert_clean: nothing is loaded in the TPM, and nobody failed to authorise
world_assert_clean() {
    local left lockout
    left=$(tpm2_getcap -T "$WORLD_TCTI" handles-transient; tpm2_getcap -T "$WORLD_TCTI" handles-loaded-session)
    if [ -n "$left" ]; then
        echo "not ok - left in the TPM: $left"
        return 1
    fi
    lockout=$(world_lockout)
    if [ -z "$lockout" ]; then
        echo "not ok - the TPM does not answer any more"
        return 1
    fi
    if [ "$lockout" != "$WORLD_LOCKOUT" ]; then
        echo "not ok - the lockout counter was $WORLD_LOCKOUT and is \"$lockout\""
        return 1
    fi
}
