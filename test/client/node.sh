#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Node.js, whose OpenSSL is its own or the system's: it reads the section nodejs_conf of OPENSSL_CONF, or openssl_conf if it is told
# to by --openssl-shared-config. A client, and a server with workers of the cluster module.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"
. "$DEVID_SRC/test/client/keys.sh"

needs node nodejs
needs curl curl
client_world
page_server
pages=$port
with_log server.log
cat >get.js <<'END'
// get.js PORT NAME: a page by NAME's key
const fs = require("fs"), https = require("https");
const [port, name] = process.argv.slice(2);
const read = (part) => fs.readFileSync(`${name}-${part}.pem`);
https.get({ host: "localhost", port, path: "/", agent: false, ca: fs.readFileSync("ca-cert.pem"), cert: read("cert"), key: read("key") },
    (answer) => answer.pipe(process.stdout)).on("error", (error) => { console.error(error); process.exit(1); });
END
cat >serve.js <<'END'
// serve.js PORT NAME: a server with NAME's key; two processes take its connections
const cluster = require("cluster"), fs = require("fs"), https = require("https");
const [port, name] = process.argv.slice(2);
const read = (part) => fs.readFileSync(`${name}-${part}.pem`);
if (cluster.isPrimary) {
    cluster.fork();
    cluster.fork();
    process.on("SIGTERM", () => cluster.disconnect(() => process.exit(0)));
} else {
    https.createServer({ ca: fs.readFileSync("ca-cert.pem"), cert: read("cert"), key: read("key"), requestCert: true },
        (request, answer) => answer.end(request.socket.getPeerCertificate().subject.CN + "\n")).listen(port, "127.0.0.1");
}
END

for order in default-first devid-first; do
    openssl_conf "$order"
    sed -i '1i nodejs_conf = init' openssl.cnf
    sends "" "node without a key" node -e 'console.log(require("crypto").createHash("sha256").update("a").digest("hex"))'
    for name in "${all_keys[@]}"; do
        sends "${tls_commands[$name]}" "a client with $name, by nodejs_conf" node get.js "$pages" "$name"
        ok "the server knows it" grep -Eq "Subject: CN ?= ?${subject_of[$name]}\$" out
    done
    sed -i 1d openssl.cnf
    for name in azure-ldevid wrapped-rsa-tss2; do
        sends "${tls_commands[$name]}" "a client with $name, by openssl_conf" node --openssl-shared-config get.js "$pages" "$name"
        port=$(free_port)
        start server.log node --openssl-shared-config serve.js "$port" "$name"
        wait_port "$port"
        sends "${tls_commands[$name]}" "a server with $name" fetch "$port"
        ok "it knows the client" grep -q "^localhost" out
        ok "forty clients at once with $name" fetch_all "$port"
        stop "$pid"
    done
    at_rest
done
finish
