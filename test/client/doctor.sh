#!/bin/bash
# devid doctor and the classic mistakes in openssl.cnf.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"

needs swtpm swtpm
world_start
cd "$FOLDER" || exit 1
mkdir state
openssl_conf default-first
cp openssl.cnf good.cnf
# shellcheck disable=SC2034  # lib.sh prints it
ORDER=doctor

# diagnosis EXPRESSION WORDS: good.cnf, changed by sed's EXPRESSION; then one line of the doctor says the words
diagnosis() {
    sed "$1" good.cnf >openssl.cnf
    keep "$DEVID_BUILD/devid" --config "$FOLDER/devid.conf" doctor
    if grep -q "$2" out; then echo "ok - $2"; else complain "$2"; fi
}

diagnosis '' "ok   .*openssl.cnf activates devid and default"
diagnosis '/^default = /d' 'BAD .*activates devid but not "default"'
diagnosis 's/^\[default_provider\]/&\nactivate = 0\n[other]/' 'BAD .*activates devid but not "default"'
diagnosis '/^devid = /d' "BAD .*does not activate the provider"
diagnosis '/^openssl_conf = /d' "BAD .*does not activate the provider"
diagnosis 's|^module = .*|module = /nowhere/devid.so|' "BAD .*module = /nowhere/devid.so: No such file"
mkdir alone
cp "$DEVID_BUILD/.libs/devid.so" alone
diagnosis "s|^module = .*|module = $FOLDER/alone/devid.so|" "BAD .*devid-provider.so: cannot open .* install devid again"
diagnosis 's|^\[providers\]|[providers|' "BAD .*cannot be understood, line"
export OPENSSL_CONF=$FOLDER/nowhere.cnf
diagnosis '' "BAD .*nowhere.cnf: No such file or directory; .*copy"
export OPENSSL_CONF=$FOLDER/openssl.cnf
if [ -x /usr/bin/node ] || [ -x /usr/local/bin/node ]; then
    diagnosis '' "BAD .*no \"nodejs_conf"
    diagnosis 's/^openssl_conf = .*/&\nnodejs_conf = init/' "activates devid and default"
    ok "Node.js is served" sh -c '! grep -q nodejs_conf out'
fi

# who DESCRIPTION WORDS: for user nobody
who() {
    keep "$DEVID_BUILD/devid" --config "$FOLDER/devid.conf" doctor --user nobody
    if grep -q "$2" out; then echo "ok - $1"; else complain "$1"; fi
}
chmod 755 "$FOLDER" state
chmod 644 devid.conf
who "a user who may read everything" "ok   .*devid.conf: user nobody may"
chmod 600 devid.conf
who "the configuration is closed to it" "BAD .*devid.conf: user nobody may not"
chmod 644 devid.conf
chmod 700 state
who "the folder is" "BAD .*state: user nobody may not"
keep "$DEVID_BUILD/devid" --config "$FOLDER/devid.conf" doctor --user no-such-user
ok "a user that is not there" grep -q "there is no user no-such-user" out
finish
