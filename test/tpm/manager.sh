# shellcheck shell=bash
# tpm2-abrmd between a world's TPM and the programs of a script, on a message bus of its own.

MANAGER_TCTI=tabrmd:bus_type=session,bus_name=com.intel.tss2.Tabrmd

# manager_start: after world_start; what DEVID_CONF and WORLD_TCTI say goes through it from then on. Passes the script over where
# it is not installed.
manager_start() {
    needs dbus-daemon dbus
    needs tpm2-abrmd tpm2-abrmd
    dbus-daemon --session --nofork --nopidfile --print-address >"$FOLDER/bus" 2>"$FOLDER/bus.log" &
    MANAGER_BUS=$!
    MANAGER_PID=
    trap 'manager_stop; world_stop' EXIT
    for _ in $(seq 200); do
        [ -s "$FOLDER/bus" ] && break
        sleep 0.05
    done
    DBUS_SESSION_BUS_ADDRESS=$(head -1 "$FOLDER/bus")
    export DBUS_SESSION_BUS_ADDRESS
    tpm2-abrmd --session --allow-root "--tcti=$WORLD_TCTI" >"$FOLDER/abrmd.log" 2>&1 &
    MANAGER_PID=$!
    for _ in $(seq 200); do
        TSS2_LOG=all+none tpm2_getcap -T "$MANAGER_TCTI" properties-fixed >/dev/null 2>&1 && break
        sleep 0.1
    done
    TSS2_LOG=all+none tpm2_getcap -T "$MANAGER_TCTI" properties-fixed >/dev/null 2>"$FOLDER/getcap.log" || {
        cat "$FOLDER/abrmd.log" "$FOLDER/getcap.log"
        echo "not ok - tpm2-abrmd does not start"
        exit 1
    }
    sed -i "s|,$WORLD_TCTI\$|,$MANAGER_TCTI|" "$DEVID_CONF"
    MANAGER_FOR=$WORLD_TCTI
    WORLD_TCTI=$MANAGER_TCTI
}

# manager_stop: the TPM is reached straight again
manager_stop() {
    local pid
    for pid in $MANAGER_PID $MANAGER_BUS; do
        kill "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    MANAGER_PID='' MANAGER_BUS=''
    if [ -n "${MANAGER_FOR:-}" ]; then
        WORLD_TCTI=$MANAGER_FOR
        sed -i "s|,$MANAGER_TCTI\$|,$WORLD_TCTI|" "$DEVID_CONF"
    fi
}
