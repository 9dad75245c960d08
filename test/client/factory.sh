#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# A factory: software TPMs (FACTORY_DEVICES, else 8), four at a time, each provisioned by "devid provision --batch" against one CA. Each
# gives one JSON line; none fails. Told at the end: devices a minute, and for each phase its time and TPM commands.
set -u
build=${DEVID_BUILD:?} src=${DEVID_SRC:?}
# shellcheck source=test/client/vendor.sh
. "$src/test/client/vendor.sh"
# shellcheck source=test/tpm/world.sh
. "$src/test/tpm/world.sh"
wait_for() { for ((i = 0; i < 1200; i++)); do [ -e "$1" ] && return 0; sleep 0.05; done; return 1; }

# One device, as a station of the line has it: factory.sh --device N
if [ "${1-}" = --device ]; then
    here=$FACTORY/$2
    mkdir -p "$here/clients" "$here/tpm"
    cp -r "$FACTORY/tpm/$2/." "$here/tpm"
    swtpm_start "$here/tpm" "$here/sock"
    sed -e "s|@HERE@/state|$here/state|; s|@HERE@/clients|$here/clients|; s|@HERE@|$FACTORY|g" \
        -e "s|@MANUFACTURER@|$(sed -n 's/^manufacturer=//p' "$FACTORY/ca/urls")|; s|@FACTORY@|$(sed -n 's/^factory=//p' "$FACTORY/ca/urls")|" \
        -e "s|@FIELD@|$(sed -n 's/^field=//p' "$FACTORY/ca/urls")|; s|^tcti .*|tcti = swtpm:path=$here/sock|" \
        -e "s|^serial .*|serial = $(printf 'GW-%06d' "$2")|" "$src/doc/examples/quickstart.conf" >"$here/devid.conf"
    OPENSSL_MODULES=$build/.libs "$build/devid" --config "$here/devid.conf" provision --batch >"$here/line" 2>"$here/log" || cat "$here/log" >&2
    kill "$SWTPM_PID" 2>/dev/null
    wait "$SWTPM_PID" 2>/dev/null
    exit 0
fi

command -v swtpm_setup >/dev/null || { echo "passed over: swtpm_setup is needed: apt-get install swtpm-tools"; exit 77; }
command -v python3 >/dev/null || { echo "passed over: python3 is needed: apt-get install python3"; exit 77; }
devices=${FACTORY_DEVICES:-8}
FACTORY=$(mktemp -d)
export FACTORY
ca=
# shellcheck disable=SC2317  # called by the trap
stop() { [ -z "$ca" ] || { kill "$ca" 2>/dev/null; wait "$ca" 2>/dev/null; }; rm -rf "$FACTORY"; }
trap stop EXIT
mkdir -p "$FACTORY"/{ca,tpm,vendor}
"$build/test/ca/estca" -dir "$FACTORY/ca" >"$FACTORY/ca.log" 2>&1 &
ca=$!
wait_for "$FACTORY/ca/urls" || { echo "Bail out! no test CA"; exit 1; }

# bar DONE WHAT: where somebody looks
bar() {
    [ -t 2 ] || return 0
    printf '\r%-22s [%-40s] %d of %d ' "$2" "$(printf '%*s' $((40 * $1 / devices)) '' | tr ' ' '#')" "$1" "$devices" >&2
    [ "$1" -lt "$devices" ] || echo >&2
}
# The chip vendor's part comes before the line, and is not measured.
for ((device = 1; device <= devices; device++)); do
    mkdir "$FACTORY/tpm/$device"
    vendor_make_tpm "$FACTORY/tpm/$device" "$FACTORY/vendor" >"$FACTORY/setup.log" 2>&1 || { cat "$FACTORY/setup.log"; exit 1; }
    bar $device "chips from their vendor"
done
begin=$(date +%s.%N)
seq "$devices" | xargs -P 4 -n 1 "$src/test/client/factory.sh" --device 2>"$FACTORY/errors" &
line=$!
while kill -0 $line 2>/dev/null; do
    bar "$(find "$FACTORY" -mindepth 2 -maxdepth 2 -name line -size +0 | wc -l)" "devices provisioned"
    sleep 0.2
done
wait $line
end=$(date +%s.%N)
bar "$(find "$FACTORY" -mindepth 2 -maxdepth 2 -name line -size +0 | wc -l)" "devices provisioned"
cat "$FACTORY"/[0-9]*/line >"$FACTORY/database"
sed 's/^/# /' "$FACTORY/errors"
secrets=$(cat "$FACTORY"/ca/secret-* | tr '\n' ' ')
python3 - "$FACTORY/database" "$devices" "$begin" "$end" "$secrets" <<'EOF'
import json, sys
path, devices, seconds, secrets = sys.argv[1], int(sys.argv[2]), float(sys.argv[4]) - float(sys.argv[3]), sys.argv[5].split()
text = open(path).read()
lines = [json.loads(line) for line in text.splitlines()]
n = failed = 0
def ok(good, name):
    global n, failed
    n += 1
    failed += not good
    print("ok" if good else "not ok", n, "-", name)
def of(line, role):
    return next((i for i in line["identities"] if i["role"] == role), {})
ok(len(lines) == devices, f"each of {devices} devices gives one line")
ok(all(l["result"] == "ok" and l["error"] is None for l in lines), "none fails")
ok({l["serial"] for l in lines} == {f"GW-{i:06d}" for i in range(1, devices + 1)}, "each has its serial number")
for role, field in (("ek", "public_key_sha256"), ("ek", "certificate_sha256"), ("idevid", "certificate_sha256"), ("idevid", "certificate_serial"),
                    ("ldevid", "public_key_sha256")):
    ok(len({of(l, role).get(field) for l in lines} - {None}) == devices, f"{role}: {field} is there, and no two are the same")
ok(all(of(l, "idevid")["key"] == "0x81020000" and of(l, "idevid")["certificate"] == "nv 0x01c90000" and
       of(l, "ldevid")["key"] == "0x81000002" for l in lines), "places of keys and certificates are told")
ok(len({json.dumps([(p["identity"], p["phase"]) for p in l["phases"]]) for l in lines}) == 1, "all have the same phases")
# when a file has changed in the clock's last tick the store is read again, and the TPM is asked for what is missing there: one look is
# one command, or two with tpm2-tss 4
columns = zip(*[[p["tpm_commands"] for p in l["phases"]] for l in lines])
ok(all(max(c) - min(c) <= 4 for c in columns), "all send the same TPM commands in them, but for a look at what is missing")
ok(secrets and not any(s in text for s in secrets), "no secret is in the lines")
print(f"# {devices / seconds * 60:.0f} devices a minute, four at a time; {sum(l['ms'] for l in lines) / len(lines):.0f} ms and "
      f"{lines[0]['tpm_commands']} TPM commands a device")
print("# | identity | phase | ms, mean | ms, most | TPM commands |")
for i, phase in enumerate(lines[0]["phases"]):
    ms = [l["phases"][i]["ms"] for l in lines]
    print(f"# | {phase['identity']} | {phase['phase']} | {sum(ms) / len(ms):.0f} | {max(ms):.0f} | {phase['tpm_commands']} |")
print(f"1..{n}")
sys.exit(failed != 0)
EOF
