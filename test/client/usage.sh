#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What a person mistypes: each command with an option that is not there, a name that is not there, without its arguments, without a
# configuration, without a TPM. One sentence says what is wrong, and the exit status is the one of devid(1).
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"

needs swtpm swtpm
world_start
"$DEVID_BUILD/test/client/prepare" "$FOLDER" || exit 1
cd "$FOLDER" || exit 1
printf '[identity azure:ldevid]\nsubject = CN=device\n' >>devid.conf
export DEVID_CONF=$FOLDER/devid.conf OPENSSL_MODULES=$DEVID_BUILD/.libs ORDER=usage
devid=$DEVID_BUILD/devid

# ends STATUS PATTERN ARGUMENTS...: with that status; the first line on standard error, which for status 1 and 75 is the only one, has PATTERN
ends() {
    local status=$1 pattern=$2 got
    shift 2
    "$devid" "$@" >stdout 2>stderr </dev/null
    got=$?
    cat stdout stderr
    [ "$got" = "$status" ] && sed -n 1p stderr | grep -q "^devid: .*$pattern" || return 1
    [ "$status" = 2 ] || [ "$(wc -l <stderr)" = 1 ]
}

commands=$("$devid" --help | sed -n 's/^  \([a-z]*\)  .*/\1/p')
ok "there are commands" test "$(wc -w <<<"$commands")" -ge 20
for command in $commands; do
    ok "$command: an option that is not there" ends 2 "$command: there is no option \"--nothing\"" "$command" --nothing
    ok "$command: and how it is right" sh -c "sed -n 2p stderr | grep -q '^usage: devid .*$command'"
    ok "$command --help" sh -c "'$devid' $command --help | grep -q '^usage: devid .*$command'"
    case $command in
    verify) continue ;; # needs no configuration
    esac
    ok "$command: a configuration that is not there" ends 1 "there is no configuration /nowhere/devid.conf: " --config /nowhere/devid.conf "$command"
done
for option in $("$devid" --help | sed -n 's/^  \([a-z]*\)  .*/\1/p' | while read -r command; do "$devid" "$command" --help; done |
    sed -n 's/^  \(--[a-z-]*\) [A-Z][A-Z]* .*/\1/p' | sort -u); do
    case $option in
    --nonce) command=attest ;;
    --out) command=csr ;;
    --ek-roots | --roots) command=verify ;;
    --model) command="export" ;;
    --user) command=doctor ;;
    --auth-file) command=retire ;;
    *) command=unknown ;;
    esac
    ok "$option without its value" ends 2 "$command: \"$option\" wants a value" "$command" "$option"
done
ok "a value that is not wanted" ends 2 'list: "--json=yes": this option takes no value' list --json=yes
ok "a letter" ends 2 'csr: there is no option "-o"' csr -o file azure:ldevid

for arguments in "show" "ref" "disable" "enable" "delete --yes" "certificate delete" "attest" "export --tcg-csr" "export --spire"; do
    # shellcheck disable=SC2086  # words
    ok "$arguments: a name that is not there" ends 1 "nobody is not on this device, and no section of $FOLDER/devid.conf: \"devid list\"" $arguments nobody
    ok "$arguments: it is told once" sh -c '! grep -q "nobody.*nobody" stderr'
    # shellcheck disable=SC2086
    ok "$arguments: no name" ends 2 "expected" $arguments
done
for arguments in "provision" "renew" "recover" "csr" "est cacerts" "est enroll"; do
    # shellcheck disable=SC2086
    ok "$arguments: a name that is not there" ends 1 "there is no section \[identity nobody\] in $FOLDER/devid.conf" $arguments nobody
done
ok "no command" sh -c "'$devid' 2>&1 | grep -q '^usage: devid'"
ok "a command that is not there" ends 2 'there is no command "lst"; "devid --help" lists them' lst
ok "an option in its place" ends 2 'there is no option "--nothing"; "devid --help"' --nothing
ok "--config alone" ends 2 '"--config" wants a value' --config
ok "a nonce that is none" ends 2 "nonce: 1 to 64 bytes in hexadecimal" attest --nonce xyz azure:ldevid
echo words >words
ok "a file that is no certificate" ends 1 "words: " certificate insert azure:ldevid words
ok "a file that is not there" ends 1 "cannot open nowhere: No such file" certificate insert azure:ldevid nowhere
ok "a folder that is not there" ends 1 "cannot write in nowhere: No such file" ref --out nowhere/ref azure:ldevid
ok "a person who is to agree, and is not there" ends 1 "no terminal to ask at; --yes" delete azure:ldevid

# Nobody has written the file: what the chip has can be looked at, and that is all.
if [ ! -e /etc/devid/devid.conf ] && [ ! -e /dev/tpmrm0 ] && [ ! -e /dev/tpm0 ] && [ ! -e /run/dbus/system_bus_socket ]; then
    unset DEVID_CONF
    ok "no configuration: provision" ends 1 "there is no /etc/devid/devid.conf that says what" provision
    ok "no configuration: list" "$devid" list
    ok "no TPM: nothing is said by others" test ! -s out -o "$(grep -vc '^TOKEN' out)" = 0
    export DEVID_CONF=$FOLDER/devid.conf
    sed '/^tcti = /d' devid.conf >any.conf
    ok "no TPM anywhere" ends 75 "no TPM at /dev/tpmrm0, tabrmd or /dev/tpm0" --config any.conf csr azure:ldevid
fi
sed "s|^tcti = .*|tcti = swtpm:path=$FOLDER/nowhere|" devid.conf >away.conf
for arguments in "provision" "renew" "recover" "csr azure:ldevid" "sign azure:ldevid words" "attest azure:ldevid" "delete --yes azure:ldevid" "disown --yes" \
    "retire --clear-tpm --yes" "export --tcg-csr azure:ldevid"; do
    # shellcheck disable=SC2086
    ok "no TPM: $arguments" ends 75 "no TPM at swtpm:path=$FOLDER/nowhere" --config away.conf $arguments
done
ok "no TPM: list and show tell what is known" sh -c "'$devid' --config away.conf list | grep -q azure:ldevid && '$devid' --config away.conf show azure:ldevid"

# The examples of devid(1).
echo "42 degrees" >reading
ok "a file is signed" "$devid" sign --out reading.sig azure:ldevid reading
ok "its public key" sh -c "'$devid' show azure:ldevid | openssl pkey -pubin -out ldevid.pub"
ok "checks it" openssl dgst -sha256 -verify ldevid.pub -signature reading.sig reading

# The whole example of devid.conf(5), but for state and TPM.
mkdir example
echo GW-000123 >example/serial
sed "s|^\[device\]|&\nstate = $FOLDER/example/state\n$(grep ^tcti devid.conf)|" "$DEVID_SRC/doc/examples/devid.conf" >example/devid.conf
ok "the example is understood" "$devid" --config example/devid.conf provision --dry-run
cp out example/plan
for name in idevid ldevid mqtt; do ok "$name would be made and enrolled" sh -c "[ \$(grep -c '^$name: would ' example/plan) -ge 2 ]"; done

# The command has its own configuration and its own keys, whatever openssl.cnf tells other programs of ours.
openssl_conf default-first
export DEVID_CONF=$FOLDER/devid.conf
request() { "$devid" csr --out request.pem azure:ldevid && OPENSSL_CONF=/dev/null openssl req -in request.pem -noout -verify; }
sed "s|^config = .*|config = $FOLDER/away.conf|" openssl.cnf >other.cnf
sed "s|^activate = 1\$|&\nuri-schemes = devid handle|" openssl.cnf >schemes.cnf
sed '/^default = /d' openssl.cnf >alone.cnf
# shellcheck disable=SC2016  # it is a name
odd='a "folder" with $signs'
mkdir -p "$odd"
sed "s|^module = .*|module = /nowhere/devid.so|" openssl.cnf >"$odd/openssl.cnf"
echo "[" >broken.cnf
for cnf in other.cnf schemes.cnf alone.cnf broken.cnf "$odd/openssl.cnf"; do
    OPENSSL_CONF=$cnf ok "$cnf is not about the command" request
done
# but what it says of all else is
printf 'openssl_conf = init\n[init]\nalg_section = algorithms\nproviders = providers\n[algorithms]\ndefault_properties = fips=yes\n[providers]\n' >fips.cnf
OPENSSL_CONF=fips.cnf ok "a property that all of OpenSSL is to have" sh -c "! '$devid' csr azure:ldevid"
finish
