#!/bin/bash
# NSS: modutil registers the module, certutil lists and makes keys and requests.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"

needs certutil libnss3-tools
needs modutil libnss3-tools
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
finish
