# shellcheck shell=bash
# What the scripts of this folder share. They run programs as Debian ships them, in the folder FOLDER.
set -u

n_failed=0
# shellcheck source=test/client/ports.sh
. "${DEVID_SRC:?}/test/client/ports.sh"

# needs PROGRAM PACKAGE: the script is passed over without it
needs() {
    command -v "$1" >/dev/null && return
    echo "passed over: $1 is needed: apt-get install $2"
    exit 77
}

# vault MODULE: a token with a PIN; the security officer's is 87654321, the user's 123456
vault() {
    local slot
    slot=$(pkcs11-tool --module "$1" --list-slots | sed -n 's/^Slot [0-9]* (\(0x[0-9a-f]*\)): TPM 2.0: room.*/\1/p')
    ok "a token with a PIN is made" pkcs11-tool --module "$1" --slot "$slot" --init-token --label vault --so-pin 87654321
    ok "its user's PIN" pkcs11-tool --module "$1" --token-label vault --login --login-type so --so-pin 87654321 \
        --init-pin --new-pin 123456
}

# keep COMMAND...: what it writes is in the file "out" afterwards, where the next command may look for it
keep() {
    local rc
    "$@" >out.new 2>&1
    rc=$?
    mv out.new out
    return "$rc"
}

also=
# with_log FILE: a server's log, the end of which is shown when a test fails
with_log() {
    also=$1
}

complain() {
    echo "not ok - $ORDER: $1"
    sed 's/^/    /' out | tail -20
    [ -z "$also" ] || { echo "    $also:"; sed 's/^/    /' "$also" | tail -20; }
    n_failed=$((n_failed + 1))
}

# ok WORDS COMMAND...: the command succeeds
ok() {
    local words=$1
    shift
    if keep "$@"; then
        echo "ok - $ORDER: $words"
    else
        complain "$words: $*"
    fi
}

# fails WORDS PATTERN COMMAND...: the command fails, and PATTERN is in what it says
fails() {
    local words=$1 pattern=$2
    shift 2
    if ! keep "$@" && grep -q "$pattern" out; then
        echo "ok - $ORDER: $words"
    else
        complain "$words: $*"
    fi
}

# lacks PATTERN COMMAND...: the command succeeds, and does not say that
lacks() {
    local pattern=$1 said rc
    shift
    said=$("$@" 2>&1)
    rc=$?
    echo "$said"
    [ "$rc" = 0 ] && ! grep -q -- "$pattern" <<<"$said"
}

# sends COMMANDS WORDS COMMAND...: the command succeeds and exactly these TPM commands were sent
sends() {
    local expected=$1 words=$2 got
    shift 2
    world_forget_commands
    ok "$words" "$@"
    got=$(world_commands | tr '\n' ' ' | sed 's/ $//')
    if [ "$got" != "$expected" ]; then
        echo "not ok - $ORDER: $words: TPM commands \"$got\", not \"$expected\""
        n_failed=$((n_failed + 1))
    fi
}

# openssl_conf ORDER: openssl.cnf for default-first, devid-first or preferred
openssl_conf() {
    # a section named [default] would be openssl.cnf's own
    local first='default = default_provider' second='devid = devid_provider' properties=
    ORDER=$1
    case $1 in
    devid-first)
        second=$first
        first='devid = devid_provider'
        ;;
    preferred) properties='default_properties = ?provider=devid' ;;
    esac
    cat >"$FOLDER/openssl.cnf" <<EOF
openssl_conf = init
[init]
providers = providers
alg_section = algorithms
[algorithms]
$properties
[providers]
$first
$second
[default_provider]
activate = 1
[devid_provider]
activate = 1
module = ${WORLD_MODULES:-$DEVID_BUILD/.libs}/devid.so
config = $FOLDER/devid.conf
[req]
distinguished_name = dn
[dn]
EOF
    unset DEVID_CONF # "config =" has to do
    export OPENSSL_CONF=$FOLDER/openssl.cnf
}

# handshake CLIENT-OPTIONS -- SERVER-OPTIONS: s_client fetches a page of s_server, which asks for its certificate
handshake() {
    local port server rc options=()
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    port=$(free_port)
    openssl s_server -accept "127.0.0.1:$port" -Verify 2 -verify_return_error -www -naccept 1 "$@" >server.log 2>&1 &
    server=$!
    wait_port "$port"
    printf 'GET / HTTP/1.0\r\n\r\n' | openssl s_client -connect "127.0.0.1:$port" -ign_eof -verify_return_error \
        "${options[@]}" >client.log 2>&1
    rc=$?
    kill "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    cat client.log server.log
    [ "$rc" = 0 ] && grep -q "Verification: OK" client.log && grep -q "200 ok" client.log
}

# localhost_cert: server.key and server.pem, which is issued by the CA of prepare
localhost_cert() {
    (
        openssl_conf default-first
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -subj /CN=localhost \
            -CA ca-cert.pem -CAkey ca-key.pem -addext subjectAltName=DNS:localhost -out server.pem 2>/dev/null
    )
}

started=()
# start LOG COMMAND...: in the background; sets pid
start() {
    local log=$1
    shift
    "$@" >"$log" 2>&1 </dev/null &
    pid=$!
    started+=("$pid")
}

# by_software COMMAND...: without the provider
by_software() {
    local -x OPENSSL_CONF=/dev/null
    "$@"
}

# stop PID: and waits until it is gone
stop() {
    kill "$1" 2>/dev/null
    wait "$1" 2>/dev/null
}

stop_all() {
    local p
    for p in ${started[@]+"${started[@]}"}; do stop "$p"; done
    started=()
}

# finish: the TPM is as it was; last of all, for its status is the script's
finish() {
    stop_all
    world_assert_clean || n_failed=$((n_failed + 1))
    world_stop
    [ "$n_failed" = 0 ]
}
