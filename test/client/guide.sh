#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The guides, word for word: the sh blocks of each are one script, which runs where it finds what a device has after it was
# provisioned. Only ports, and the places of openssl.cnf and module, are changed; a server on 8443 wants certificates of its clients.
# The module is not registered with p11-kit here, so GnuTLS's programs are told of it.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"
. "$DEVID_SRC/test/client/registry.sh"

PATH=$DEVID_BUILD:$PATH:/usr/sbin
needs swtpm swtpm
needs tpm2_createek tpm2-tools
world_start
world_manufacture || exit 1
"$DEVID_BUILD/test/client/prepare" "$FOLDER" || exit 1
world_let_in www-data # the servers' user, as a member of the group tss is
cd "$FOLDER" || exit 1

# What a guide takes for granted.
openssl_conf guide
cp ca-cert.pem customer-root.pem
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -subj /CN=localhost -CA ca-cert.pem \
    -CAkey ca-key.pem -addext subjectAltName=DNS:localhost -out server.pem 2>/dev/null
openssl x509 -in server.pem -outform DER -out server.der
chmod a+rx . && chmod a+r server.key # mosquitto gives up root's rights
cnf=$OPENSSL_CONF
unset OPENSSL_CONF
https=$(free_port) mqtt=$(free_port)
trap 'stop_all; world_stop' EXIT
by_software start server.log openssl s_server -accept "127.0.0.1:$https" -key server.key -cert server.pem -Verify 2 -CAfile ca-cert.pem \
    -verify_return_error -www
wait_port "$https"

# An EST server of that CA: GlobalSign's.
est=$(free_port)
if [ -x "$DEVID_BUILD/test/ca/estserver" ]; then
    cat >estserver.json <<EOF
{"mock_ca": {"certificates": "ca-cert.pem", "private_key": "ca-key.pem"}, "healthcheck_password": "x", "rate_limit": 1000, "timeout": 30,
 "tls": {"listen_address": "127.0.0.1:$est", "certificates": "server.pem", "private_key": "server.key", "client_cas": ["ca-cert.pem"]}}
EOF
    start estserver.log "$DEVID_BUILD/test/ca/estserver" -config estserver.json
    wait_port "$est"
fi

cat >setup.sh <<EOF
for program in p11tool certtool gnutls-cli; do
    eval "\$program() { command \$program --provider $DEVID_BUILD/.libs/devid-pkcs11.so \"\\\$@\"; }"
done
trap 'kill \$(jobs -p) 2>/dev/null || :' EXIT # what a guide has started and did not come to stop
EOF

# run GUIDE
run() {
    local web radius
    web=$(free_port)
    radius=$(free_port)
    # shellcheck disable=SC2016  # it is Markdown's
    sed -n '/^```sh$/,/^```$/{/^```/d; p}' "$DEVID_SRC/doc/guide/$1.md" | sed -e "s|8443|$https|; s|8883|$mqtt|; s|9443|$web|; s|1812|$radius|" \
        -e "s|9444|$est|; s|5432|$web|" \
        -e "s|/usr/share/devid/openssl.cnf|$cnf|; s|/usr/lib/x86_64-linux-gnu/pkcs11/|$DEVID_BUILD/.libs/|" >"$1.sh"
    [ -s "$1.sh" ] && LD_LIBRARY_PATH=$DEVID_BUILD/.libs BASH_ENV=$FOLDER/setup.sh DEVID_CONF=$FOLDER/devid.conf \
        timeout 100 bash -eu -o pipefail -x "$1.sh"
}

# guide NAME [PROGRAM...]: passed over where a program is missing
guide() {
    local program
    for program in "${@:2}"; do
        command -v "$program" >/dev/null || { echo "ok - guide: $1 # SKIP no $program"; return; }
    done
    ok "$1" run "$1"
}
for file in "$DEVID_SRC"/doc/guide/*.md; do
    name=$(basename "$file" .md)
    case $name in
    README | transfer) continue ;; # the latter takes the keys away
    programs) ;; # test/lint/programs compares it with the scripts
    curl) guide curl curl ;;
    openssl) OPENSSL_MODULES=$DEVID_BUILD/.libs guide openssl ;;
    est | spire)
        if [ -e estserver.json ]; then OPENSSL_MODULES=$DEVID_BUILD/.libs guide "$name" openssl; else echo "ok - guide: $name # SKIP no go"; fi
        ;;
    java) guide java keytool ;;
    openssh) guide openssh ssh-keygen ;;
    nss) guide nss certutil tstclnt ;;
    node)
        if fetch_node >/dev/null; then guide node node; else echo "ok - guide: node # SKIP no graphene-pk11"; fi
        ;;
    python)
        if fetch_python >/dev/null; then guide python python3; else echo "ok - guide: python # SKIP no python-pkcs11"; fi
        ;;
    nginx)
        # Others than root may not write where Debian's nginx keeps temporary files.
        if [ "$(id -u)" = 0 ]; then guide nginx nginx; else echo "ok - guide: nginx # SKIP not root"; fi
        ;;
    postgres)
        if [ "$(id -u)" = 0 ] && [ -d /usr/lib/postgresql ]; then guide postgres psql runuser; else echo "ok - guide: postgres # SKIP no server"; fi
        ;;
    apache) guide apache apache2 ;;
    haproxy | stunnel | openvpn) guide "$name" "$name" ;;
    wpa_supplicant) guide wpa_supplicant eapol_test hostapd ;;
    mosquitto) guide mosquitto mosquitto mosquitto_pub ;;
    p11tool) guide p11tool p11tool certtool gnutls-cli ;;
    pkcs11-tool | pin | azure) guide "$name" pkcs11-tool ;;
    *) guide "$name" ;;
    esac
    ok "$name is in the list" grep -q "($name.md)" "$DEVID_SRC/doc/guide/README.md"
done
guide transfer
ok "transfer is in the list" grep -q "(transfer.md)" "$DEVID_SRC/doc/guide/README.md"
finish
