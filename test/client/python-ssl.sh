#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Python's ssl module: load_cert_chain opens a file. A context is shared by threads and by children of fork, on both ends.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"
. "$DEVID_SRC/test/client/keys.sh"

python=/usr/bin/python3 # a virtual environment may come before Debian's own
needs "$python" python3
needs pkcs11-tool opensc
"$python" -c 'import ssl' 2>/dev/null || { echo "passed over: this python3 has no ssl"; exit 77; }
client_world
cat >tls.py <<'END'
"""tls.py ROLE PORT NAME: a client or a server with NAME's key. Clients: how they come together is in their names."""
import os, socket, socketserver, ssl, sys, threading

role, port, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def context(purpose):
    made = ssl.create_default_context(purpose, cafile="ca-cert.pem")
    made.load_cert_chain(name + "-cert.pem", name + "-key.pem")
    made.verify_mode = ssl.CERT_REQUIRED
    return made


def fetch(client):
    """Who the server says that we are, or who the server is."""
    with client.wrap_socket(socket.create_connection(("localhost", port), timeout=60), server_hostname="localhost") as tls:
        tls.sendall(b"GET / HTTP/1.0\r\n\r\n")
        text = b""
        while part := tls.recv(4096):
            text += part
        return text


def once(client):
    print(fetch(client).decode())


def threads(client):
    """Forty handshakes, eight at a time."""
    failures = []

    def run():
        try:
            for _ in range(5):
                fetch(client)
        except Exception as error:
            failures.append(error)

    running = [threading.Thread(target=run) for _ in range(8)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    sys.exit(repr(failures) if failures else 0)


def fork(client):
    """The parent has signed before its children do, and signs after they have gone in good order."""
    fetch(client)
    for _ in range(2):
        children = []
        for _ in range(4):
            child = os.fork()
            if child == 0:
                fetch(client)
                sys.exit(0)
            children.append(child)
        for child in children:
            if os.waitpid(child, 0)[1] != 0:
                sys.exit("a child failed")
        fetch(client)


def serve():
    tls = context(ssl.Purpose.CLIENT_AUTH)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            with tls.wrap_socket(self.request, server_side=True) as connection:
                connection.recv(4096)
                who = dict(part[0] for part in connection.getpeercert()["subject"])["commonName"]
                connection.sendall(b"HTTP/1.0 200 ok\r\nContent-Length: %d\r\n\r\n" % len(who.encode()) + who.encode())

    class Server({"serve-threads": socketserver.ThreadingTCPServer, "serve-forks": socketserver.ForkingTCPServer}[role]):
        allow_reuse_address = True
        request_queue_size = 64

    Server(("127.0.0.1", port), Handler).serve_forever()


if role.startswith("serve"):
    serve()
else:
    {"once": once, "threads": threads, "fork": fork}[role](context(ssl.Purpose.SERVER_AUTH))
END

cat >refused.py <<'END'
"""refused.py CERTIFICATE KEY PASSWORD PORT: the exception by which a program learns that it does not work."""
import socket, ssl, sys

certificate, key, password, port = sys.argv[1:]
client = ssl.create_default_context(cafile="ca-cert.pem")
try:
    client.load_cert_chain(certificate, key, password)
    client.wrap_socket(socket.create_connection(("localhost", int(port)), timeout=60), server_hostname="localhost")
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
END

# raises WORDS REASON CERTIFICATE KEY PASSWORD [SENTENCE]: ssl.SSLError with the reason that libssl gives last, and the log has our sentence
raises() {
    DEVID_LOG=error fails "$1 raises SSLError" "^SSLError: .*$2" "$python" refused.py "$3" "$4" "$5" "$pages"
    [ $# -lt 6 ] || ok "and the log says why" grep -q "$6" out
}

page_server
pages=$port
for order in default-first devid-first preferred; do
    openssl_conf "$order"
    for name in "${all_keys[@]}"; do
        sends "${tls_commands[$name]}" "a client with $name" "$python" tls.py once "$pages" "$name"
        ok "the server saw its certificate" grep -Eq "Subject: CN ?= ?${subject_of[$name]}\$" out
    done
    at_rest
done

for order in default-first devid-first; do
    openssl_conf "$order"
    for name in azure-ldevid wrapped-tss2; do
        ok "a context with $name for eight threads" "$python" tls.py threads "$pages" "$name"
        ok "a context with $name for eight children" "$python" tls.py fork "$pages" "$name"
        for role in serve-threads serve-forks; do
            port=$(free_port)
            start server.log "$python" tls.py "$role" "$port" "$name"
            wait_port "$port"
            sends "${tls_commands[$name]}" "$role with $name" fetch "$port"
            ok "$role with $name and forty clients" by_software "$python" tls.py threads "$port" software
            stop "$pid"
        done
        at_rest
    done
done

# A program learns what is wrong: errno, which ssl would take for the reason, is as it was.
export DEVID_CONF=$FOLDER/devid.conf
vault "$DEVID_BUILD/.libs/devid-pkcs11.so"
(umask 077 && echo 123456 >pin)
openssl_conf default-first
sed -i "s|^\[devid_provider\]\$|&\nauth = file:$FOLDER/pin|" openssl.cnf
ok "a key behind a PIN" openssl genpkey -propquery provider=devid -algorithm EC -pkeyopt group:P-256 \
    -pkeyopt "devid:token=vault;label=mine" -out mine-key.pem
ok "its certificate" openssl req -x509 -new -key mine-key.pem -subj /CN=mine -out mine-cert.pem
printf 'asn1 = SEQUENCE:reference\n[reference]\nversion = INTEGER:0\nuri = UTF8:pkcs11:token=owner\\;object=nobody\n' >nobody.cnf
by_software openssl asn1parse -genconf nobody.cnf -noout -out nobody.der
{ echo "-----BEGIN DEVID KEY REFERENCE-----"; base64 -w 64 nobody.der; echo "-----END DEVID KEY REFERENCE-----"; } >nobody-key.pem
ok "a reference that outlives its key" openssl genpkey -propquery provider=devid -algorithm EC -pkeyopt group:P-256 \
    -pkeyopt devid:label=gone -out gone-key.pem
ok "its certificate, too" openssl req -x509 -new -key gone-key.pem -subj /CN=gone -out gone-cert.pem
ok "the key goes" env "DEVID_CONF=$FOLDER/devid.conf" "$DEVID_BUILD/devid" delete --yes gone
for order in default-first devid-first preferred; do
    openssl_conf "$order"
    for name in azure-ldevid wrapped wrapped-tss2; do
        raises "another key's certificate with $name" "KEY_VALUES_MISMATCH" software-cert.pem "$name-key.pem" ""
    done
    raises "an RSA key with an EC certificate" "NO_CERTIFICATE_ASSIGNED" software-cert.pem rsa-key.pem ""
    raises "a key that nobody has" "PEM lib" azure-ldevid-cert.pem nobody-key.pem "" "nobody is not on this device"
    raises "a key that has gone" "EVP lib" gone-cert.pem gone-key.pem "" "gone is not on this device"
    [ "$order" != default-first ] || raises "a wrong PIN" "PEM lib" mine-cert.pem mine-key.pem 654321 "this is not the user's PIN"
    fails "a file that is not there is another exception" "^FileNotFoundError" "$python" refused.py azure-ldevid-cert.pem nothing.pem "" "$pages"
done
# shellcheck disable=SC2034  # what world.sh compares with at the end
WORLD_LOCKOUT=$(world_lockout)
finish
