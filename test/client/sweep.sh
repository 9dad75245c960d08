# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Sweeps: an operation on a device at one stage of its life, with each TPM command and each change of a file failing in turn. The
# outcome is done, or resumable: the same operation without a fault then ends it; nothing is lost, doubled or left in the TPM, and
# the lockout counter has not moved. Stages are copies of the device's TPM and folders.
#
# FAULTS=all in the environment: every fault at every place. Else each TPM command has one or two of them, each change of a file has one,
# and each fault is at some places; a reset after a signature is always tried: the TPM counts what is open then.
# shellcheck source=test/client/device.sh
. "${DEVID_SRC:?}/test/client/device.sh"

tpm=${pids[0]}
n_faults=0 n_done=0 n_resumed=0
tpm_faults=(retry retry:99 lockout object-memory session-memory nv-space canceled io cut reset)
file_faults=(fail full die)

kill_tpm() {
    { kill -9 "$tpm" && wait "$tpm"; } 2>/dev/null
    rm -f "$dir/sock" "$dir/sock.ctrl"
}

begin_tpm() {
    start_tpm
    tpm=${pids[-1]}
    unset 'pids[-1]'
    pids[0]=$tpm
}

# save STAGE: what the device is now
save() {
    tpm2_shutdown -c >/dev/null 2>&1
    kill_tpm
    rm -rf "$dir/stages/$1"
    mkdir -p "$dir/stages/$1" "$dir/state"
    cp -a "$dir/tpm" "$dir/state" "$dir/clients" "$dir/stages/$1"
    begin_tpm
}

# load STAGE: the device is that again; what the TPM was just now is of no interest any more
load() {
    kill_tpm
    rm -rf "$dir/tpm" "$dir/state" "$dir/clients"
    cp -a "$dir/stages/$1"/{tpm,state,clients} "$dir"
    begin_tpm
}

broken() {
    n_broken=$((n_broken + 1))
    echo "# $1: $2"
    sed 's/^/#   /' "$dir/stdout" "$dir/stderr" "$dir/again" 2>/dev/null | tail -12
}


# The TPM counts a power cut between the first use of a key that is not NODA and the TPM2_Shutdown that follows: two commands of some
# milliseconds each, one behind the other, which nobody can make one. log: what was sent before the cut, and what it hit.
cut_in_the_window() { tail -n 2 "$dir/faulted.log" | grep -qE ' (Sign|Certify|RSA_Decrypt) 0x922| Shutdown '; }

# judge NAME FAULT STATUS CHECK COMMAND...: after a faulted run
judge() {
    local name=$1 fault=$2 status=$3 check=$4 counter
    shift 4
    : >"$dir/again"
    case $status in
    0) n_done=$((n_done + 1)) ;;
    1 | 75 | 137) n_resumed=$((n_resumed + 1)) ;;
    *) broken "$name" "exit status $status" && return ;;
    esac
    if [ "$status" != 0 ] && [ "$status" != 137 ]; then
        if [ ! -s "$dir/stderr" ] || grep -qv '^devid: ' "$dir/stderr"; then broken "$name" "no clear line for it" && return; fi
    fi
    # what only the lost answer would have named stays until the next run; a flush that was refused too
    case $fault in
    io | cut | die | retry:99) ;; # the last: no command gets through any more
    *) if ! tail -n 1 "$dir/faulted.log" | grep -q FlushContext && [ -n "$(loaded)" ]; then broken "$name" "left in the TPM: $(loaded | tr '\n' ' ')" && return; fi ;;
    esac
    if ! "$@" >"$dir/again" 2>&1; then broken "$name" "the next run fails" && return; fi
    if ! "$check" >>"$dir/again" 2>&1; then broken "$name" "not what it should be: $check" && return; fi
    if [ -n "$(loaded)" ]; then broken "$name" "left in the TPM after the next run" && return; fi
    counter=$(lockout_counter)
    if [ "$counter" != 0x0 ] && ! { [ "$fault" = reset ] && [ "$counter" = 0x1 ] && cut_in_the_window; }; then
        broken "$name" "the lockout counter is $counter"
    fi
}

# chosen PLACE KIND EVERY
chosen() { [ "${FAULTS:-some}" = all ] || [ $((($1 + $2) % $3)) -eq 0 ]; }
# after_signature AT: of the commands that are logged
after_signature() { [ "$1" -gt 1 ] && sed -n "$(($1 - 1))p" "$dir/unfaulted.log" | grep -qE ' (Sign|Certify|RSA_Decrypt) 0x0$'; }

with_files() { env FILE_FAULT_DIRS="$dir/state:$dir/clients" LD_PRELOAD="$build/.libs/libfile-fault.so" "$@"; }

# sweep NAME STAGE CHECK COMMAND...
sweep() {
    local name=$1 stage=$2 check=$3 at k fault n_commands n_changes before=$n_faults status
    shift 3
    n_broken=0
    load "$stage"
    : >"$dir/tpm.log"
    rm -f "$dir/changes"
    FILE_FAULT_LOG=$dir/changes with_files "$@" >"$dir/stdout" 2>"$dir/stderr" || {
        ok "$name: it succeeds without a fault" cat "$dir/stderr" /does/not/exist
        return
    }
    cp "$dir/tpm.log" "$dir/unfaulted.log"
    n_commands=$(wc -l <"$dir/unfaulted.log")
    n_changes=$(grep -cv '^$' "$dir/changes")
    ok "$name: without a fault" "$check"
    for ((at = 1; at <= n_commands; at++)); do
        for k in "${!tpm_faults[@]}"; do
            fault=${tpm_faults[k]}
            chosen "$at" "$k" 6 || { [ "$fault" = reset ] && after_signature "$at"; } || continue
            load "$stage"
            : >"$dir/tpm.log"
            n_faults=$((n_faults + 1))
            DEVID_TCTI_FAULT=$at:$fault "$@" >"$dir/stdout" 2>"$dir/stderr"
            status=$?
            head -n "$at" "$dir/tpm.log" >"$dir/faulted.log"
            judge "$name, $fault at command $at" "$fault" "$status" "$check" "$@"
        done
    done
    for ((at = 1; at <= n_changes; at++)); do
        for k in "${!file_faults[@]}"; do
            chosen "$at" "$k" 3 || continue
            fault=${file_faults[k]}
            load "$stage"
            : >"$dir/faulted.log"
            n_faults=$((n_faults + 1))
            { FILE_FAULT=$at:$fault with_files "$@" >"$dir/stdout" 2>"$dir/stderr"; } 2>"$dir/shell"
            status=$?
            judge "$name, $fault at change $at ($(sed -n "${at}p" "$dir/changes"))" "$fault" "$status" "$check" "$@"
        done
    done
    ok "$name: $((n_faults - before)) faults at $n_commands TPM commands and $n_changes changes of files, each done or resumable" \
        test "$n_broken" -eq 0
}

# power_cuts NAME STAGE CHECK COMMAND...: the TPM dies without a word while the operation runs, five times in a row, each further. A cut
# right after a signature, before the TPM2_Shutdown that follows, may count as one wrong password; no other does.
power_cuts() {
    local name=$1 stage=$2 check=$3 n_commands n_in_window=0
    shift 3
    load "$stage"
    : >"$dir/tpm.log"
    "$@" >"$dir/stdout" 2>&1
    n_commands=$(wc -l <"$dir/tpm.log")
    load "$stage"
    for i in 1 2 3 4 5; do
        {
            DEVID_TCTI_KILL=$((1 + i * n_commands / 6)) "$@" >"$dir/stdout" 2>&1
            ! tail -n 1 "$dir/tpm.log" | grep -qE ' (Sign|Certify|RSA_Decrypt) ' || n_in_window=$((n_in_window + 1))
            kill -9 "$tpm"
            wait "$tpm"
        } 2>"$dir/shell"
        rm -f "$dir/sock" "$dir/sock.ctrl"
        begin_tpm
    done
    ok "$name: after five power cuts it ends" "$@"
    ok "$name: after five power cuts it is what it should be" "$check"
    ok "$name: five power cuts have locked nothing" test $(($(lockout_counter))) -le "$n_in_window" -a "$n_in_window" -lt 3
}

sweep_end() {
    echo "# $n_faults faults: $n_done times done all the same, $n_resumed times resumed by the next run"
    echo "1..$n"
}
