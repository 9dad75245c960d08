# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# A device before its first day, for the tests of devid provision: a software TPM as a chip vendor delivers it, the test CA, and
# devid.conf of the quickstart, all in the folder $dir, which is removed at the end of the shell that reads this.
build=${DEVID_BUILD:?} src=${DEVID_SRC:?}
dir=$(mktemp -d) n=0 failed=0
pids=()
# shellcheck source=test/tpm/world.sh
. "$src/test/tpm/world.sh"
# shellcheck source=test/client/ports.sh
. "$src/test/client/ports.sh"
# shellcheck disable=SC2317  # called by the trap
stop() {
    local pid
    for pid in ${pids[@]+"${pids[@]}"}; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
    rm -rf "$dir"
    [ "$failed" -eq 0 ] || exit 1
}
trap stop EXIT

# ok NAME COMMAND...
ok() {
    local name=$1
    shift
    n=$((n + 1))
    if "$@" >"$dir/out" 2>&1; then echo "ok $n - $name"; else failed=1; echo "not ok $n - $name"; sed 's/^/# /' "$dir/out"; fi
}
# wait_for FILE: until it is there, a minute at most
wait_for() { for ((i = 0; i < 1200; i++)); do [ -e "$1" ] && return 0; sleep 0.05; done; return 1; }
start_tpm() {
    swtpm_start "$dir/tpm" "$dir/sock"
    pids+=("$SWTPM_PID")
}

mkdir -p "$dir"/{tpm,vendor,ca,clients}
# shellcheck source=test/client/vendor.sh
. "$src/test/client/vendor.sh"
# shellcheck disable=SC2086  # swtpm_setup's options, of a script that wants another chip
vendor_make_tpm "$dir/tpm" "$dir/vendor" ${tpm_options:-} >"$dir/setup.log" 2>&1 || { cat "$dir/setup.log"; echo "Bail out! swtpm_setup failed"; exit 1; }
start_tpm
"$build/test/ca/estca" -dir "$dir/ca" >"$dir/ca.log" 2>&1 &
pids+=($!)
wait_for "$dir/ca/urls" || { echo "Bail out! no test CA"; exit 1; }
url_of() { sed -n "s/^$1=//p" "$dir/ca/urls"; }
count="$build/.libs/libtss2-tcti-count.so:log=$dir/tpm.log,swtpm:path=$dir/sock"
sed -e "s|@HERE@|$dir|g" -e "s|@MANUFACTURER@|$(url_of manufacturer)|" -e "s|@FACTORY@|$(url_of factory)|" \
    -e "s|@FIELD@|$(url_of field)|" -e "s|^tcti .*|tcti = $count|" "$src/doc/examples/quickstart.conf" >"$dir/devid.conf"
export DEVID_CONF=$dir/devid.conf OPENSSL_MODULES=$build/.libs TPM2TOOLS_TCTI=swtpm:path=$dir/sock
devid=$build/devid

# with_iak KEY: devid.conf has an IAK of that type, too, which the manufacturer certifies
with_iak() {
    cat >>"$dir/devid.conf" <<END
[identity iak]
role = iak
key = $1
est = $(url_of manufacturer)
secret-file = $dir/ca/secret-manufacturer
anchors = $dir/ca/manufacturer-root.pem
subject = CN=Example Gateway,serialNumber=GW-000123,O=Example Manufacturer
san = hardware-module
END
}
# says STATUS WORDS COMMAND...: fails with that status and one line on stderr that has the words
says() {
    local status=$1 words=$2 got
    shift 2
    "$@" >"$dir/stdout" 2>"$dir/stderr"
    got=$?
    cat "$dir/stdout" "$dir/stderr"
    [ $got -eq "$status" ] && [ "$(wc -l <"$dir/stderr")" -eq 1 ] && grep -q -- "$words" "$dir/stderr"
}
# tells WORDS COMMAND...: succeeds, and says them; what it said is in the file "told" afterwards
tells() {
    local words=$1
    shift
    "$@" >"$dir/told" 2>&1 || { cat "$dir/told"; return 1; }
    cat "$dir/told"
    grep -q -- "$words" "$dir/told"
}
changed() { sed "$1" "$dir/devid.conf" >"$dir/changed.conf"; echo "$dir/changed.conf"; }

# persistent: handles of the keys that the TPM keeps, "0x81000001 0x81010001"
persistent() {
    local all
    all=$(tpm2_getcap handles-persistent) || all="the TPM does not answer"
    # shellcheck disable=SC2086  # in one line
    echo ${all//- /}
}
loaded() { tpm2_getcap handles-transient && tpm2_getcap handles-loaded-session; }
lockout_counter() { tpm2_getcap properties-variable | sed -n 's/TPM2_PT_LOCKOUT_COUNTER: //p'; }
# clean: nothing is loaded, and no wrong auth value was counted
clean() {
    loaded >"$dir/loaded" && cat "$dir/loaded" && [ ! -s "$dir/loaded" ] && [ "$(lockout_counter)" = 0x0 ]
}
no_rubbish() { ! find "$dir/state" "$dir/clients" -name '.devid-new-*' | grep .; }
idevid_key() { tpm2_readpublic -Q -c 0x81020000 -f pem -o "$dir/now.pem" && cat "$dir/now.pem"; }
