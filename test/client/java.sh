#!/bin/bash
# Java's SunPKCS11: keytool lists keys and certificates, makes a key, signs requests; a TLS client with its key in the TPM.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"

needs keytool default-jdk-headless
needs pkcs11-tool opensc
needs swtpm swtpm
needs tpm2_createek tpm2-tools
world_start
world_manufacture || exit 1
"$DEVID_BUILD/test/client/prepare" "$FOLDER" || exit 1
cd "$FOLDER" || exit 1
export ORDER=java
cat >pkcs11.cfg <<EOF
name = devid
library = $DEVID_BUILD/.libs/devid-pkcs11.so
slot = 1
EOF

tool() {
    keytool "$@" -keystore NONE -storetype PKCS11 -storepass 1234 -providerClass sun.security.pkcs11.SunPKCS11 -providerArg pkcs11.cfg
}
# objects: all that the token has, a line each
objects() {
    pkcs11-tool --module "$DEVID_BUILD/.libs/devid-pkcs11.so" --token-label owner -O 2>/dev/null | grep -A9 Object | grep -E "Object|label|ID:"
}
objects >before
ok "the key store is listed" tool -list
ok "three keys with certificates" test "$(grep -c PrivateKeyEntry out)" = 3
ok "a certificate is exported" tool -exportcert -rfc -alias azure:ldevid -file ldevid.pem
ok "it is the one that was issued" diff <(openssl x509 -in ldevid.pem) <(openssl x509 -in azure-ldevid-cert.pem)
for name in azure:ldevid rsa wrapped; do
    ok "a request, by $name" tool -certreq -alias "$name" -file request.pem
    ok "is good" openssl req -in request.pem -noout -verify
done
ok "a request, by PSS" tool -certreq -alias rsa -sigalg RSASSA-PSS -file request.pem
ok "is good" openssl req -in request.pem -noout -verify
ok "a new EC key, with a certificate of its own" tool -genkeypair -alias made -keyalg EC -groupname secp256r1 -dname CN=made -providerName SunPKCS11-devid
ok "a new RSA key" tool -genkeypair -alias made-rsa -keyalg RSA -keysize 2048 -dname CN=made-rsa -providerName SunPKCS11-devid
ok "they are listed" tool -list
ok "five" test "$(grep -c PrivateKeyEntry out)" = 5
ok "a request by the new key" tool -certreq -alias made -file request.pem
ok "is signed by a CA" openssl x509 -req -in request.pem -CA ca-cert.pem -CAkey ca-key.pem -out made.pem
cat made.pem ca-cert.pem >reply.pem
ok "the certificate is imported, with its chain" tool -importcert -noprompt -alias made -file reply.pem
ok "a key is deleted" tool -delete -alias made
ok "and the other one" tool -delete -alias made-rsa
objects >after
ok "and nothing stays behind of them" diff before after
ok "of what there is" test -s after

# A token with a PIN: it is the key store's password.
vault "$DEVID_BUILD/.libs/devid-pkcs11.so"
sed "s/^slot = .*/slotListIndex = 2/" pkcs11.cfg >pin.cfg
vault_tool() {
    keytool "$@" -keystore NONE -storetype PKCS11 -storepass 123456 -providerClass sun.security.pkcs11.SunPKCS11 -providerArg pin.cfg
}
for kind in "EC -groupname secp384r1" "RSA -keysize 2048"; do
    # shellcheck disable=SC2086  # it is two words more
    ok "a new key behind the PIN, $kind" vault_tool -genkeypair -alias mine -keyalg $kind -dname CN=mine -providerName SunPKCS11-devid
    ok "a request by it" vault_tool -certreq -alias mine -file request.pem
    ok "is good" openssl req -in request.pem -noout -verify
    ok "it is deleted" vault_tool -delete -alias mine
done
ok "none is left" lacks Object pkcs11-tool --module "$DEVID_BUILD/.libs/devid-pkcs11.so" --token-label vault --login --pin 123456 -O

cat >Client.java <<'EOF'
import java.io.*;
import java.security.*;
import java.security.cert.*;
import javax.net.ssl.*;

public class Client {
    public static void main(String[] a) throws Exception {
        Provider p = Security.getProvider("SunPKCS11").configure("pkcs11.cfg");
        Security.addProvider(p);
        KeyStore keys = KeyStore.getInstance("PKCS11", p), trust = KeyStore.getInstance(KeyStore.getDefaultType());
        keys.load(null, null);
        trust.load(null, null);
        trust.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(new FileInputStream("ca-cert.pem")));
        KeyManagerFactory k = KeyManagerFactory.getInstance("SunX509");
        k.init(keys, null);
        X509KeyManager all = (X509KeyManager) k.getKeyManagers()[0];
        KeyManager one = new X509ExtendedKeyManager() {
            public String chooseEngineClientAlias(String[] types, Principal[] issuers, SSLEngine e) { return a[2]; }
            public String chooseClientAlias(String[] types, Principal[] issuers, java.net.Socket s) { return a[2]; }
            public String chooseServerAlias(String type, Principal[] issuers, java.net.Socket s) { return null; }
            public String[] getClientAliases(String type, Principal[] issuers) { return new String[] {a[2]}; }
            public String[] getServerAliases(String type, Principal[] issuers) { return null; }
            public X509Certificate[] getCertificateChain(String alias) { return all.getCertificateChain(alias); }
            public PrivateKey getPrivateKey(String alias) { return all.getPrivateKey(alias); }
        };
        TrustManagerFactory t = TrustManagerFactory.getInstance("PKIX");
        t.init(trust);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(new KeyManager[] {one}, t.getTrustManagers(), null);
        SSLSocket s = (SSLSocket) context.getSocketFactory().createSocket("localhost", Integer.parseInt(a[0]));
        s.setEnabledProtocols(new String[] {a[1]});
        s.getOutputStream().write("GET / HTTP/1.0\r\n\r\n".getBytes());
        s.getInputStream().transferTo(System.out);
    }
}
EOF
if command -v javac >/dev/null; then
    localhost_cert
    ok "a client is compiled" javac Client.java
    port=$(free_port)
    openssl s_server -accept "127.0.0.1:$port" -key server.key -cert server.pem -Verify 2 -CAfile ca-cert.pem -verify_return_error \
        -www >server.log 2>&1 &
    server=$!
    wait_port "$port"
    for version in TLSv1.2 TLSv1.3; do
        for name in azure:ldevid rsa wrapped; do
            ok "$version with $name" java Client "$port" "$version" "$name"
            ok "is let in" grep -q "200 ok" out
        done
    done
    kill "$server"
    wait "$server" 2>/dev/null
fi
finish
