#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Who may open the TPM and who may not, by the system's real rights: root reads a key and becomes another user, as servers do.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"
. "$DEVID_SRC/test/client/keys.sh"

[ "$(id -u)" = 0 ] || { echo "passed over: only root can become another user"; exit 77; }
needs setpriv util-linux
needs python3 python3
needs pkcs11-tool opensc
needs socat socat
client_world
chmod a+rx .
chmod a+r ./*-key.pem ./*-cert.pem devid.conf
chmod 700 swtpm
: >>commands
echo "a message" >message
chmod a+w commands # the counter's, which root is not alone to open
as_nobody=(setpriv --reuid nobody --regid nogroup --clear-groups)

# openssl_conf's, with these lines for our provider
setting() {
    openssl_conf default-first
    for line in "$@"; do sed -i "s|^\[devid_provider\]\$|&\n$line|" openssl.cnf; done
}

# one_line PATTERN COMMAND...: it fails, and exactly one of the lines of OpenSSL's errors has the reason
one_line() {
    "${@:2}" >said 2>&1 && return 1
    cat said
    [ "$(grep -Ec "^[0-9A-F]+:error:.*$1" said)" = 1 ]
}

# ---- a user who may not open the TPM reads one line that says so, and what to do ----

remedy="no TPM at .*may this user open it \(group tss\)"
for order in default-first devid-first preferred; do
    openssl_conf "$order"
    for key in azure-ldevid-key.pem wrapped-key.pem wrapped-tss2-key.pem; do
        ok "root signs with $key" openssl dgst -sha256 -sign $key -out signature message
        world_forget_commands
        ok "nobody reads why not" one_line "$remedy" "${as_nobody[@]}" openssl dgst -sha256 -sign $key -out /dev/null message
        ok "and sends nothing" test -z "$(world_commands)"
    done
done
(umask 077 && : >tpmrm0)
setting "tcti = device:$FOLDER/tpmrm0"
ok "of a device, too" one_line "no TPM at device:$FOLDER/tpmrm0 .*$(cut -d' ' -f5- <<<"$remedy")" \
    "${as_nobody[@]}" openssl dgst -sha256 -sign azure-ldevid-key.pem -out /dev/null message

# ---- one who may open the TPM, and not the files that say which keys there are, is told of those ----

openssl_conf default-first
chown nobody swtpm swtpm.ctrl
file=$FOLDER/state/owner/azure%3Aldevid.pem
module=$DEVID_BUILD/.libs/devid-pkcs11.so
sign=("${as_nobody[@]}" openssl dgst -sha256 -sign azure-ldevid-key.pem -out /dev/null message)
list=("${as_nobody[@]}" openssl storeutl "pkcs11:token=owner")
show=("${as_nobody[@]}" "$DEVID_BUILD/devid" --config "$FOLDER/devid.conf" show azure:ldevid)
head -c 32 /dev/zero >digest
id=$("$DEVID_BUILD/devid" --config "$FOLDER/devid.conf" show azure:ldevid | sed -n "s/^id  *//p")
find_key=("${as_nobody[@]}" pkcs11-tool --module "$module" --token-label owner --sign -m ECDSA --id "$id" -i digest -o /dev/null)
chmod 755 state state/owner
ok "nobody signs, who may read them" "${sign[@]}"
ok "and by the module" env DEVID_CONF="$FOLDER/devid.conf" "${find_key[@]}"
# barred PATH MODE GOOD WORDS: with that mode everybody reads the words; afterwards it is as before
barred() {
    chmod "$2" "$1"
    ok "$1 is $2: the provider says so" one_line "$4" "${sign[@]}"
    fails "by the command" "devid: azure:ldevid: $4" "${show[@]}"
    fails "by the module's log" "devid error core/store: passed over: $4" env DEVID_CONF="$FOLDER/devid.conf" DEVID_LOG=error "${find_key[@]}"
    ok "root goes on" openssl dgst -sha256 -sign azure-ldevid-key.pem -out /dev/null message
    chmod "$3" "$1"
    ok "and so does nobody, when that is mended" "${sign[@]}"
}
barred "$FOLDER/state" 700 755 "$FOLDER/state may not be read by this user: chmod a[+]rx"
barred "$FOLDER/state/owner" 700 755 "$FOLDER/state/owner may not be read by this user: chmod a[+]rx"
barred "$FOLDER/state/owner" 750 755 "$FOLDER/state/owner may not be read by this user: add the user to its group"
barred "$file" 600 644 "$file may not be read by this user: chmod a[+]r"
chmod 700 state
ok "what may not be listed is not called empty" one_line "$FOLDER/state may not be read by this user: chmod a[+]rx" "${list[@]}"
fails "nor by the command" "devid: $FOLDER/state may not be read by this user: chmod a[+]rx" "${as_nobody[@]}" "$DEVID_BUILD/devid" \
    --config "$FOLDER/devid.conf" list
ok "nor is all that there is" one_line "$FOLDER/state may not be read by this user: chmod a[+]rx" "${as_nobody[@]}" openssl storeutl pkcs11:
chmod 755 state
cp "$file" whole.pem
echo rubbish >"$file"
ok "a damaged file is called so" one_line "$file is damaged: " openssl dgst -sha256 -sign azure-ldevid-key.pem -out /dev/null message
fails "by the command" "devid: azure:ldevid: $file is damaged: " "$DEVID_BUILD/devid" --config "$FOLDER/devid.conf" show azure:ldevid
ok "and hides no other key" openssl dgst -sha256 -sign rsa-key.pem -out /dev/null message
cp whole.pem "$file"
chown root swtpm swtpm.ctrl

# ---- preconnect: rights are given up for good, the connection stays ----

cp "$DEVID_SRC/test/client/pair.py" .
cat >drop.py <<'END'
import os, pwd, sys
from pair import handshake

def drop():
    nobody = pwd.getpwnam("nobody")
    os.setgroups([])
    os.setresgid(nobody.pw_gid, nobody.pw_gid, nobody.pw_gid)
    os.setresuid(nobody.pw_uid, nobody.pw_uid, nobody.pw_uid)
    try:
        os.setuid(0)
    except PermissionError:
        return
    sys.exit("root's rights could be taken again")

def worker():
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            drop()
            status = 0 if all(handshake() for _ in range(3)) else 1
        finally:
            os._exit(status)
    return pid

if sys.argv[2] == "workers": # the master stays root, and signs beside them
    workers = [worker() for _ in range(2)]
    good = all([handshake() for _ in range(3)])
    good = all([os.waitpid(w, 0)[1] == 0 for w in workers]) and handshake() and good
else: # no fork: it is the process itself that becomes another
    drop()
    good = all([handshake() for _ in range(3)])
sys.exit(0 if good else 1)
END
counted="tcti = $DEVID_BUILD/.libs/libtss2-tcti-count.so:log=$FOLDER/commands,cmd:socat -t 60 - UNIX-CONNECT:$FOLDER/swtpm"
declare -A signed=([itself]=3 [workers]=10)
for name in azure-ldevid wrapped wrapped-tss2; do
    for who in itself workers; do
        setting "preconnect = yes" "$counted"
        world_forget_commands
        ok "with preconnect, what was root signs with $name ($who)" /usr/bin/python3 drop.py $name $who
        ok "each handshake is one signature" test "$(world_commands | grep -cx Sign)" = "${signed[$who]}"
        setting "$counted"
        world_forget_commands
        fails "without it, it may not ($who)" "Permission denied" /usr/bin/python3 drop.py $name $who
    done
done
setting
at_rest
finish
