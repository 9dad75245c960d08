#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What devid renew sends to the TPM, command by command: of a wrapped key, of a key at a handle, at the end of their grace time, and by
# /tpmenroll. Before it, each run looks whether a killed one left something in the TPM, and whether the keys of the device are still
# there, as a dry run does, too.
set -u
# shellcheck source=test/client/device.sh
. "${DEVID_SRC:?}/test/client/device.sh"
# shellcheck source=test/client/renew-lib.sh
. "$src/test/client/renew-lib.sh"
renew_openssl_conf

"$devid" provision >"$dir/out" 2>&1 || { sed 's/^/# /' "$dir/out"; echo "Bail out! no device"; exit 1; }
# The storage root key's public area is a file's then, as it is for the whole life of the device but its first day.
"$devid" renew --force >"$dir/out" 2>&1 || { sed 's/^/# /' "$dir/out"; echo "Bail out! no renewal"; exit 1; }
grace_is_over
"$devid" renew >"$dir/out"

# sent COMMAND...: what it sent, one word a command; with its answer, if that is not 0
sent() {
    : >"$dir/tpm.log"
    "$@" >"$dir/said" 2>&1 || { cat "$dir/said"; return 1; }
    awk '{print $2 ($3 == "0x0" ? "" : ":" $3)}' "$dir/tpm.log" | tr '\n' ' '
}
# sends "COMMANDS" COMMAND...: the look around, and those
sends() {
    local commands=$1 look got
    shift
    look="GetCapability GetCapability $(sent "$devid" renew --dry-run)"
    got=$(sent "$@")
    printf "%s\n" "$look" "$got"
    [ "$got" = "$look$commands" ]
}

ok "nothing to do: the keys are looked at, in public areas and by loading" sh -c "
    : >'$dir/tpm.log'; '$devid' renew | grep '^nothing to do' && ! awk '{print \$2}' '$dir/tpm.log' | grep -vE '^(GetCapability|ReadPublic|Load|FlushContext)\$'"

# The root key is looked at, the next key made under it; that signs its request, and the old one the handshake: each is loaded for it.
ok "a wrapped key: Create, and a Load, Sign and FlushContext for each of two signatures" sends \
    "ReadPublic Create Load Sign FlushContext Load Sign FlushContext " "$devid" renew --force azure:device-id
ok "a key at a handle: its own signature is one command" sends \
    "ReadPublic Create Sign Load Sign FlushContext " "$devid" renew --force azure:ldevid
ok "nothing is left, nothing counted" clean
grace_is_over
ok "the end of the grace time: out of the handle, the new key to it" sends \
    "ReadPublic ReadPublic ReadPublic EvictControl ReadPublic:0x18b Load EvictControl FlushContext " "$devid" renew
ok "nothing is left, nothing counted" clean
ok "the new key is at the handle" at_handle "$dir/clients/ldevid.pem"
ok "renew-key = same: the one signature of the handshake, and the one of the request" sends \
    "Sign Sign " "$devid" --config "$(changed '/^\[identity azure:ldevid\]/a renew-key = same')" renew --force azure:ldevid

# The chip has no chain of its EK certificate in NV; the credential is activated under the policy of the EK.
sed "/^\[identity azure:device-id\]/a enroll-by = tpmenroll" "$dir/devid.conf" >"$dir/by-tpm.conf"
"$devid" --config "$dir/by-tpm.conf" renew --force azure:device-id >"$dir/out" 2>&1
ok "by /tpmenroll: and what activates a credential" sends \
    "ReadPublic Create NV_ReadPublic:0x18b Load Sign FlushContext Sign Load ReadPublic ReadPublic StartAuthSession PolicySecret ActivateCredential FlushContext FlushContext " \
    "$devid" --config "$dir/by-tpm.conf" renew --force azure:device-id
ok "nothing is left, nothing counted" clean

# A server may have the request of the key that waits: a TPM that fails is no reason for another one.
waiting="$dir/state/.renew/azure%3Adevice-id.pem"
away=$(changed "/^\[identity azure:device-id\]/,\$s|^est *=.*|est = https://127.0.0.1:1/.well-known/est|")
ok "without its server the next key waits" says 1 "127.0.0.1:1" "$devid" --config "$away" renew --force azure:device-id
cp "$waiting" "$dir/waiting"
cp -a "$dir/state" "$dir/state.before"
: >"$dir/tpm.log"
ok "with it the renewal goes on" "$devid" renew --force azure:device-id
at=$(grep -n ' Sign 0x0$' "$dir/tpm.log" | head -1 | cut -d: -f1)
rm -r "$dir/state" && mv "$dir/state.before" "$dir/state"
DEVID_TCTI_FAULT=$at:canceled ok "a TPM that fails at the signature is told" says 1 "azure:device-id" "$devid" renew --force azure:device-id
ok "the key waits on" cmp "$waiting" "$dir/waiting"
ok "the next run certifies it" "$devid" renew --force azure:device-id
ok "nothing is left in the end" clean
echo "1..$n"
