#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Python's ssl module: load_cert_chain opens a file. A context is shared by threads and by children of fork, on both ends.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"
. "$DEVID_SRC/test/client/keys.sh"

python=/usr/bin/python3 # a virtual environment may come before Debian's own
needs "$python" python3
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
finish
