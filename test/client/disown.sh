#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# A provisioned device leaves its owner: devid disown, and devid retire with its flags. It says what it will do and asks before it does;
# nothing of the owner's is left, the manufacturer's keys are, other people's things are not touched; and the next owner provisions it.
set -u
# shellcheck source=test/client/device.sh
. "${DEVID_SRC:?}/test/client/device.sh"

# on_terminal ANSWER COMMAND...: with a terminal, at which that is typed
on_terminal() {
    local answer=$1
    shift
    # shellcheck disable=SC2016  # Python's
    python3 - "$answer" "$@" <<'END'
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
said, answered = b"", False
while True:
    try:
        more = os.read(fd, 4096)
    except OSError:
        break
    if not more:
        break
    said += more
    if not answered and (b"[y/N] " in said or b"to go on: " in said):
        os.write(fd, sys.argv[1].encode() + b"\n")
        answered = True
sys.stdout.buffer.write(said)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
}
# no_owner: files and handles of the manufacturer's alone, and the device says so itself
no_owner() {
    [ ! -e "$dir/state/owner" ] && [ ! -e "$dir/state/the%20vault" ] && [ -d "$dir/state/lost+found" ] && [ -z "$(ls "$dir/clients")" ] && [ ! -e "$dir/ca/my-secret" ] &&
        [ -e "$dir/ca/secret-manufacturer" ] && ! find "$dir/state/.trust" "$dir/state/.pending" -type f ! -name 'idevid.*' | grep -q . &&
        [ -e "$dir/state/.trust/idevid.pem" ] && [ "$("$devid" list | grep -c '^manufacturer ')" -eq 2 ] &&
        [ "$("$devid" list | wc -l)" -eq 3 ] && [ "$(idevid_key)" = "$key" ] && clean
}
# An owner with everything: identities at a handle and wrapped, one made by PKCS#11, an item, a token with a PIN, learned anchors, a
# pending request, a secret of its own, and an IDevID that is disabled.
own() {
    echo my-secret >"$dir/ca/my-secret"
    cp "$dir/ca/secret-factory" "$dir/ca/my-secret"
    "$devid" provision || return 1
    pkcs11-tool --module "$module" --token-label owner --keypairgen --key-type EC:prime256v1 --label mine --id 01 &&
        echo data >"$dir/data" && pkcs11-tool --module "$module" --token-label owner --write-object "$dir/data" --type data --label note &&
        slot=$(pkcs11-tool --module "$module" --list-slots | sed -n 's/^Slot [0-9]* (\(0x[0-9a-f]*\)): TPM 2.0: room.*/\1/p') &&
        pkcs11-tool --module "$module" --slot "$slot" --init-token --label 'the vault' --so-pin 87654321 &&
        pkcs11-tool --module "$module" --token-label "the vault" --login --login-type so --so-pin 87654321 --init-pin --new-pin 123456 &&
        pkcs11-tool --module "$module" --token-label "the vault" --login --pin 123456 --keypairgen --key-type EC:prime256v1 --label behind ||
        return 1
    mkdir -p "$dir/state/.trust" "$dir/state/.pending"
    touch "$dir/state/.trust/azure%3Aldevid.pem" "$dir/state/.trust/idevid.pem" "$dir/state/.pending/azure%3Adevice-id.csr"
    "$devid" disable idevid
}
module=$build/.libs/devid-pkcs11.so
sed -i "s|secret-factory|my-secret|" "$dir/devid.conf"
ok "a device has an owner" own
mkdir "$dir/state/lost+found" # the state may be a file system of its own
key=$(idevid_key)
# not ours: a key at Azure's handle and one in the owner's range, an NV index
tpm2_createprimary -Q -C o -c "$dir/other.ctx" && tpm2_evictcontrol -Q -C o -c "$dir/other.ctx" 0x81000100 && tpm2_flushcontext -Q -t
tpm2_nvdefine -Q -C o -s 4 -a 'ownerread|ownerwrite' 0x01800100
others="0x81000001 0x81000100 0x81010001 0x81010016 0x81020000"

# ---- it says it, and asks ----

before=$(find "$dir/state" "$dir/clients" -type f | sort | xargs md5sum; persistent)
ok "a dry run tells all" tells 'azure:ldevid: would destroy its key' "$devid" disown --dry-run
for what in "$dir/clients/ldevid.pem: would remove" "mine: would destroy" "the vault: would remove the token" "my-secret: would remove" \
    "azure%3Aldevid.pem: would remove" "azure%3Adevice-id.csr: would remove" "idevid: would enable it again"; do
    ok "also: $what" grep -q "$what" "$dir/told"
done
touch "$dir/proxy-password"
ok "a proxy's password, too" tells "proxy-password: would remove the file" "$devid" --config \
    "$(changed "/^\[identity azure:device-id\]/a proxy = http://127.0.0.1:9\nproxy-user = u\nproxy-password-file = $dir/proxy-password")" disown --dry-run
ok "nothing of the manufacturer's" sh -c "! grep -E 'idevid.pem|secret-manufacturer|^ek: ' '$dir/told'"
ok "without a terminal it refuses" says 1 "nothing was done: there is no terminal to ask at; --yes says yes to it" "$devid" disown </dev/null
on_terminal n "$devid" disown >"$dir/told" 2>&1
ok "on a terminal it asks, and no is no" test $? -eq 1
ok "it had said what it would do" grep -q "azure:ldevid: will destroy its key" "$dir/told"
ok "nothing was done" test "$before" = "$(find "$dir/state" "$dir/clients" -type f | sort | xargs md5sum; persistent)"
ok "an argument is wrong usage" sh -c "'$devid' disown idevid; [ \$? -eq 2 ]"

# ---- disown ----

ok "yes is yes" on_terminal y "$devid" disown
ok "nothing of the owner's is left" no_owner
ok "other people's handles are" test "$(persistent)" = "$others"
ok "and their NV index" tpm2_nvreadpublic 0x01800100
ok "the IDevID is enabled again" sh -c "'$devid' list | grep 'idevid.* valid '"
ok "twice is once" tells "nothing to do" "$devid" disown --yes
ok "the next owner provisions it" own
ok "secrets are kept if that is wished" "$devid" disown --yes --keep-secrets
ok "they are there" test -e "$dir/ca/my-secret"
ok "a file that is no longer devid's is left alone" sh -c "echo mine >'$dir/clients/ldevid.pem' && '$devid' disown --yes --keep-secrets && grep mine '$dir/clients/ldevid.pem'"
rm "$dir/clients/ldevid.pem"

# ---- cut off in the middle ----

# A key that was moved to its handle by a process that was killed before it could say so.
"$devid" provision >"$dir/out" 2>&1
"$devid" delete --yes azure:ldevid >"$dir/out" 2>&1
for ((at = 1; at < 60; at++)); do
    { DEVID_TCTI_KILL=$at "$devid" provision azure:ldevid >"$dir/out" 2>&1; } 2>/dev/null
    if persistent | grep -q 0x81000002; then break; fi
done 2>/dev/null
ok "a half-made key at its handle is found" sh -c "'$devid' show azure:ldevid | grep '^key .* file'"
"$devid" disown --yes --keep-secrets >"$dir/out" 2>&1
ok "and destroyed" test "$(persistent)" = "$others"

# killed COMMAND...: each run gets one TPM command further than the last
killed() {
    local at status=137
    own >"$dir/out" 2>&1 || return 1
    for ((at = 1; at < 80 && status == 137; at++)); do
        (DEVID_TCTI_KILL=$at exec "$@" >"$dir/out" 2>&1) 2>/dev/null
        status=$?
    done
    cat "$dir/out"
    echo "killed $((at - 2)) times"
    [ "$status" -eq 0 ] && [ "$at" -gt 6 ]
}
ok "disown killed after each command ends" killed "$devid" disown --yes
ok "and nothing of the owner's is left" no_owner
ok "other people's handles are" test "$(persistent)" = "$others"

# ---- retire ----

rm -f "$dir/ca/my-secret"
ok "an owner with a lockout password" own
tpm2_changeauth -c lockout secret-lockout
before=$(find "$dir/state" "$dir/clients" -type f | sort | xargs md5sum; persistent)
ok "which was not given: told before anything is done" says 1 "has a password: name the file" "$devid" retire --clear-tpm --yes
echo -n "secret-lockout" >"$dir/lockout"
tpm2_clearcontrol -C p s
ok "a clear that is switched off is told" says 1 "disableClear" "$devid" retire --clear-tpm --yes --auth-file "$dir/lockout"
tpm2_clearcontrol -C p c
ok "nothing was done" test "$before" = "$(find "$dir/state" "$dir/clients" -type f | sort | xargs md5sum; persistent)"
ok "flags without their use are told" sh -c "'$devid' retire --platform --yes; [ \$? -eq 2 ]"
ok "a dry run tells" tells "TPM: would clear it" "$devid" retire --clear-tpm --dry-run --auth-file "$dir/lockout"
ok "with it the TPM is cleared" tells "idevid: key recovered" "$devid" retire --clear-tpm --yes --auth-file "$dir/lockout"
ok "nothing of the owner's is left" no_owner
ok "no key but the manufacturer's, which devid.conf knows" test "$(persistent)" = "0x81010001 0x81020000"
ok "no password" tpm2_clear -c l
"$devid" recover >"$dir/out"
ok "without a password none is to be given" says 1 "has no password" "$devid" retire --clear-tpm --yes --auth-file "$dir/lockout"
rm -f "$dir/ca/my-secret"
ok "retire --clear-tpm by the platform, killed after each command, ends" killed "$devid" retire --clear-tpm --platform --yes
ok "and nothing of the owner's is left" no_owner
ok "the next owner provisions it" own

# ---- the end of the identity ----

ok "--yes is not enough to end the identity" says 1 "no terminal to ask at; --yes-destroy-identity" "$devid" retire --change-eps --yes </dev/null
on_terminal y "$devid" retire --change-eps >"$dir/told" 2>&1
ok "nor is a y" grep -q "nothing was done" "$dir/told"
ok "the serial number is asked for" grep -q 'Type "GW-000123" to go on' "$dir/told"
ok "the identity is still there" test "$(idevid_key)" = "$key"
ok "with the serial number it is ended" on_terminal GW-000123 "$devid" retire --change-eps
ok "no key is left but the storage root key" test "$(persistent)" = 0x81000001
ok "nor a file that tells of one" sh -c "[ \"\$('$devid' list | wc -l)\" -eq 1 ]"
ok "recover says that it is gone for ever" says 1 "gone for ever" "$devid" recover idevid
ok "nothing is loaded, and no wrong password was counted" clean
echo "1..$n"
