#!/bin/bash
# NSS: modutil registers the module, certutil lists and makes keys and requests, tstclnt is a TLS client.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"

needs certutil libnss3-tools
needs modutil libnss3-tools
needs tstclnt libnss3-tools
needs pkcs11-tool opensc
needs swtpm swtpm
needs tpm2_createek tpm2-tools
world_start
world_manufacture || exit 1
"$DEVID_BUILD/test/client/prepare" "$FOLDER" || exit 1
cd "$FOLDER" || exit 1
export ORDER=nss
module=$DEVID_BUILD/.libs/devid-pkcs11.so
mkdir db
echo pass >password

ok "a database" certutil -N -d sql:db --empty-password
ok "the module is added" modutil -force -dbdir sql:db -add devid -libfile "$module"
ok "its tokens are listed" modutil -dbdir sql:db -list devid
ok "the owner's" grep -q owner out
ok "certificates are listed" certutil -L -d sql:db -h owner
ok "with the LDevID" grep -q "owner:azure:ldevid *u,u,u" out
ok "keys are listed" certutil -K -d sql:db -h owner
ok "three of them" test "$(certutil -K -d sql:db -h owner | grep -c '^<')" = 3
ok "a certificate is shown" certutil -L -d sql:db -n owner:azure:ldevid
ok "a certificate is checked" certutil -A -d sql:db -n ca -t CT,C,C -i ca-cert.pem
ok "as a client's" certutil -V -d sql:db -n owner:azure:ldevid -u C
head -c 1000 /dev/urandom >noise
ok "a request with a new EC key" certutil -R -d sql:db -h owner -k ec -q nistp256 -s "CN=nss" -a -o ec.csr -z noise
ok "is good" openssl req -in ec.csr -noout -verify
ok "a request with a new RSA key" certutil -R -d sql:db -h owner -k rsa -g 2048 -s "CN=nss" -a -o rsa.csr -z noise
ok "is good" openssl req -in rsa.csr -noout -verify
ok "a request with a key that is there" certutil -R -d sql:db -h owner -k owner:azure:ldevid -s "CN=nss again" -a -o old.csr
ok "is good" openssl req -in old.csr -noout -verify
ok "S/MIME: a message is signed" sh -c "echo text | cmsutil -S -d sql:db -N owner:azure:ldevid -o message.p7"
ok "openssl finds it good" openssl cms -verify -inform DER -in message.p7 -CAfile ca-cert.pem -purpose any -out /dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key -subj /CN=other -out other.pem 2>/dev/null
ok "a certificate is put into the token" certutil -A -d sql:db -h owner -n other -t ,, -i other.pem
ok "and deleted" certutil -D -d sql:db -h owner -n owner:other

# client VERSION NICKNAME OPTION...: tstclnt is let in by a server that asks for its certificate. It would not notice the server's
# end, so it leaves after the handshake, and the server's word counts.
client() {
    local port server rc
    port=$(free_port)
    timeout 100 openssl s_server -accept "127.0.0.1:$port" -key server.key -cert server.pem -Verify 2 -CAfile ca-cert.pem \
        -verify_return_error -naccept 1 -rev >server.log 2>&1 &
    server=$!
    wait_port "$port"
    timeout 60 tstclnt -4 -h localhost -p "$port" -d sql:db -V "$1:$1" -n "$2" -Q "${@:3}" </dev/null
    rc=$?
    wait "$server"
    cat server.log
    [ "$rc" = 0 ] && grep -q "^CONNECTION ESTABLISHED" server.log && grep -q "^Peer certificate: CN *= *${2#*:}" server.log
}
localhost_cert
seeded="GetRandom StirRandom GetRandom StirRandom" # each token gives and takes entropy
for version in tls1.2 tls1.3; do
    sends "$seeded Sign" "a client, $version" client "$version" owner:azure:ldevid
    sends "$seeded Load Sign FlushContext" "with a wrapped key" client "$version" owner:wrapped
done
sends "$seeded Sign" "with RSA, tls1.2, PKCS#1" client tls1.2 owner:rsa -J rsa_pkcs1_sha256,ecdsa_secp256r1_sha256
sends "$seeded RSA_Decrypt" "with RSA, tls1.3" client tls1.3 owner:rsa

# The same behind a PIN: NSS asks for it, or has it from a file.
vault "$module"
echo vault:123456 >pins
ok "the token with a PIN is listed" modutil -dbdir sql:db -list devid
ok "a request with a new EC key in it" certutil -R -d sql:db -h vault -k ec -q nistp256 -s "CN=mine" -a -o mine.csr -z noise -f pins
ok "is good" openssl req -in mine.csr -noout -verify
openssl x509 -req -in mine.csr -CA ca-cert.pem -CAkey ca-key.pem -out mine.pem 2>/dev/null
ok "its certificate is put beside it" certutil -A -d sql:db -h vault -n mine -t u,u,u -i mine.pem -f pins
ok "the key is listed with it" certutil -K -d sql:db -h vault -f pins
ok "by name" grep -q vault:mine out
for version in tls1.2 tls1.3; do
    ok "a client with a PIN, $version" client "$version" vault:mine -W pins
done
finish
