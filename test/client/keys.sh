# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# For a program that opens a key by a file: the forms of that file, what the TPM is to be sent by each, and another end to talk to.
# shellcheck disable=SC2034  # much of it is the scripts'

# The names of keys that programs are tried with, NAME-key.pem and NAME-cert.pem: references to an EC and an RSA key at a handle and
# to a wrapped EC key; TSS2 PRIVATE KEY of a wrapped EC and a wrapped RSA key; "one": both files are what devid ref --chain writes,
# a reference and the certificates.
all_keys=(azure-ldevid one rsa wrapped wrapped-tss2 wrapped-rsa-tss2)
# What the TPM is sent for one signature in TLS by them: PSS is padded in software, so that its salt is right.
declare -A tls_commands=([azure-ldevid]=Sign [one]=Sign [rsa]=RSA_Decrypt [wrapped]="Load Sign FlushContext"
    [wrapped-tss2]="Load Sign FlushContext" [wrapped-rsa-tss2]="Load RSA_Decrypt FlushContext")
declare -A subject_of=([azure-ldevid]=azure:ldevid [one]=azure:ldevid [rsa]=rsa [wrapped]=wrapped [wrapped-tss2]=wrapped
    [wrapped-rsa-tss2]=wrapped-rsa)

# client_world: all those keys in a TPM of its own; software-key.pem and software-cert.pem for the other end; FOLDER is entered
client_world() {
    needs swtpm swtpm
    needs tpm2_getcap tpm2-tools
    world_start
    trap 'stop_all; world_stop' EXIT
    "$DEVID_BUILD/test/client/prepare" "$FOLDER" >"$FOLDER/prepare.log" 2>&1 || { cat "$FOLDER/prepare.log"; exit 1; }
    cd "$FOLDER" || exit 1
    cat azure-ldevid-key.pem azure-ldevid-cert.pem >one-key.pem
    cp one-key.pem one-cert.pem
    openssl_conf default-first
    localhost_cert || exit 1
    mv server.key software-key.pem
    mv server.pem software-cert.pem
}

# fetch_all PORT: a page of one line by forty clients at once, each with a handshake of its own
fetch_all() {
    by_software curl -sS --fail --max-time 120 --parallel --parallel-immediate --parallel-max 40 --no-sessionid --http1.1 \
        -H "Connection: close" --cacert ca-cert.pem --cert ./software-cert.pem --key ./software-key.pem "https://localhost:$1/?[1-40]" >pages.got
    [ "$(wc -l <pages.got)" = 40 ]
}

# page_server: of software, at port; wants a certificate of each client, and its page says whose it was
page_server() {
    port=$(free_port)
    by_software start page_server.log openssl s_server -accept "127.0.0.1:$port" -key software-key.pem \
        -cert software-cert.pem -Verify 2 -CAfile ca-cert.pem -verify_return_error -www
    wait_port "$port"
}

# fetch PORT [OPTION...]: a page by curl with the software key; the server's certificate is checked
fetch() {
    by_software curl -sS --fail --max-time 60 --cacert ca-cert.pem --cert ./software-cert.pem --key ./software-key.pem \
        "${@:2}" "https://localhost:$1/"
}

# tpm_reset: the TPM forgets what was loaded, and connections stay: as a TPM does that fails and is started again
tpm_reset() {
    swtpm_ioctl --unix "$FOLDER/swtpm.ctrl" -i && tpm2_startup -T "$WORLD_TCTI" -c
}

# tpm_restart: the TPM is gone in mid-life with all connections, and comes back at the same place as what it was
tpm_restart() {
    local user
    user=$(stat -c %U "$FOLDER/swtpm")
    kill -KILL "$SWTPM_PID"
    wait "$SWTPM_PID" 2>/dev/null
    rm -f "$FOLDER/swtpm" "$FOLDER/swtpm.ctrl"
    swtpm_start "$FOLDER" "$FOLDER/swtpm"
    chown "$user" "$FOLDER"/swtpm{,.ctrl}
}

# survives WORDS NAMES COMMAND...: a program that runs goes on after both, and sends no more than before for each of these keys, whose
# name is the command's last word
survives() {
    local words=$1 names=$2 event name
    shift 2
    for event in tpm_reset tpm_restart; do
        "$event" || complain "$event"
        for name in $names; do
            sends "${tls_commands[$name]}" "after $event, $words with $name" "$@" "$name"
        done
    done
}

# jail: a folder of that name for a program that goes into it by chroot when it has read its keys. There is nothing in it but the
# counter's list; openssl.cnf says preconnect = yes, and the way to the TPM is one that stays open, as a device is.
jail() {
    mkdir -p "jail$FOLDER"
    chmod -R a+rX jail
    ln commands "jail$FOLDER/commands"
    openssl_conf default-first
    # what is remembered of a wrapped key's parent is outside
    tls_commands_in_jail="ReadPublic Load Sign FlushContext"
    sed -i "s|^\[devid_provider\]\$|&\npreconnect = yes\ntcti = $WORLD_MODULES/libtss2-tcti-count.so:log=$FOLDER/commands,cmd:socat -t 60 - UNIX-CONNECT:$FOLDER/swtpm|" openssl.cnf
}

# jail_has_all: the other way: what the first signature opens is in the jail, the library by which tpm2-tss reaches the TPM as well
jail_has_all() {
    local library
    cp -a devid.conf state libtss2-tcti-count.so "jail$FOLDER"
    chmod a+x "jail$FOLDER"
    ln swtpm swtpm.ctrl "jail$FOLDER"
    library=$(ldconfig -p | sed -n 's/.*libtss2-tcti-swtpm\.so\.0 .* => //p')
    mkdir -p "jail${library%/*}"
    cp "$library" "jail$library"
}

# both_sides: for a program that is a server with each of all_keys, at port_of[NAME], and a client of the page server with it for who
# asks for /NAME at the port front
both_sides() {
    local name
    for name in "${all_keys[@]}"; do
        sends "${tls_commands[$name]}" "a server with $name" fetch "${port_of[$name]}"
        ok "it knows the client" grep -Eq "^(CN=)?localhost" out
        sends "${tls_commands[$name]}" "a client of the server behind, with $name" curl -sS --fail "http://127.0.0.1:$front/$name"
        ok "the server behind knows it" grep -Eq "Subject: CN ?= ?${subject_of[$name]}\$" out
    done
}

# others_come PARENT N COMMAND...: after the command the process has N children, none of whom it had before
others_come() {
    local parent=$1 n=$2 before now
    shift 2
    before=$(pgrep -P "$parent" | sort)
    "$@"
    for _ in $(seq 600); do
        now=$(pgrep -P "$parent" | sort)
        [ "$(wc -w <<<"$now")" = "$n" ] && [ -z "$(comm -12 <(echo "$before") <(echo "$now"))" ] && return
        sleep 0.1
    done
    return 1
}

# at_rest: nothing is loaded in the TPM, and nobody failed to authorise
at_rest() {
    ok "the TPM is as it was" world_assert_clean
}
