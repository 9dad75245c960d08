#!/bin/bash
# OpenSSH with keys in the TPM: ssh-keygen lists them, ssh logs in with them to a real sshd, straight and by ssh-agent.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"

PATH=$PATH:/usr/sbin
needs ssh openssh-client
needs sshd openssh-server
needs swtpm swtpm
needs tpm2_createek tpm2-tools
world_start
world_manufacture || exit 1
"$DEVID_BUILD/test/client/prepare" "$FOLDER" || exit 1
cd "$FOLDER" || exit 1
export ORDER=openssh
module=$DEVID_BUILD/.libs/devid-pkcs11.so
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd

ok "public keys are listed" sh -c "ssh-keygen -D '$module' >keys"
ok "EC and RSA" sh -c "grep -q '^ecdsa-sha2-nistp256 ' keys && grep -q '^ssh-rsa ' keys"
grep -E '^(ecdsa-sha2|ssh-rsa)' keys >authorized
ssh-keygen -q -t ed25519 -N '' -f host
port=$(free_port)
cat >sshd_config <<EOF
Port $port
ListenAddress 127.0.0.1
HostKey $FOLDER/host
AuthorizedKeysFile $FOLDER/authorized
PidFile $FOLDER/sshd.pid
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
EOF
"$(command -v sshd)" -D -e -f "$FOLDER/sshd_config" >sshd.log 2>&1 &
sshd=$!
wait_port "$port"
echo "[127.0.0.1]:$port $(cut -d' ' -f1,2 host.pub)" >known

# login OPTION...
login() {
    ssh -F none -p "$port" -o UserKnownHostsFile=known -o BatchMode=yes -o IdentityFile=none "$@" 127.0.0.1 echo in
}
ok "ssh logs in" login -o "PKCS11Provider=$module"
ok "and runs what it is told" grep -qx in out
for type in ecdsa-sha2-nistp256 rsa-sha2-512 rsa-sha2-256; do
    ok "with $type" login -o "PKCS11Provider=$module" -o "PubkeyAcceptedAlgorithms=$type"
done
eval "$(ssh-agent -s -P "$module")" >/dev/null
ok "an agent takes the module" sh -c "echo | SSH_ASKPASS_REQUIRE=never setsid ssh-add -s '$module' </dev/null || printf '\n' | ssh-add -s '$module'"
ok "it has the keys" sh -c "ssh-add -l | grep -q ECDSA && ssh-add -l | grep -q RSA"
ok "ssh logs in by the agent" login
ok "a key signs for others" sh -c "echo text >text && awk '/ecdsa/' keys >one.pub && rm -f text.sig && ssh-keygen -q -Y sign -f one.pub -n file text"
ok "it is good" sh -c "echo \"me \$(head -1 one.pub)\" >signers && ssh-keygen -Y verify -f signers -I me -n file -s text.sig <text"
ok "an agent lets the module go" ssh-add -e "$module"

# A file that names a key of the TPM: ssh takes keys apart in memory.
openssl_conf devid-first
for name in azure-ldevid wrapped-tss2 wrapped-rsa-tss2; do
    chmod 600 "$name-key.pem"
    fails "$name is no key for ssh -i" "$name-key.pem\": error in libcrypto" login -i "$name-key.pem" -o IdentitiesOnly=yes
    ok "and it says that nobody is let in" grep -q "Permission denied" out
done
kill "$SSH_AGENT_PID" "$sshd"
wait "$sshd" 2>/dev/null
finish
