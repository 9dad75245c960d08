#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# PostgreSQL: psql (libpq) with a key in the TPM, and a server with one, whose processes, one a connection, sign.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"
. "$DEVID_SRC/test/client/keys.sh"

needs psql postgresql-client
bin=$(find /usr/lib/postgresql -name initdb 2>/dev/null | sort -V | tail -1)
bin=${bin%/*}
[ -n "$bin" ] || { echo "passed over: initdb is needed: apt-get install postgresql"; exit 77; }
client_world
world_let_in www-data
with_log server.log
data=$FOLDER/data
mkdir data
chmod 600 ./*-key.pem # libpq and server refuse others
cp software-cert.pem software-key.pem ca-cert.pem data
for name in "${all_keys[@]}"; do cp "$name-cert.pem" "$name-key.pem" data; done
as_server=()
if [ "$(id -u)" = 0 ]; then # the server will not run as root
    chown -R www-data data
    as_server=(setpriv --reuid www-data --regid www-data --clear-groups)
fi
"${as_server[@]}" "$bin/initdb" -D "$data/base" -A trust -U tester -E UTF8 --locale C --no-sync >initdb.log 2>&1 || { cat initdb.log; exit 1; }
echo "hostssl all all 127.0.0.1/32 trust clientcert=verify-ca" >data/base/pg_hba.conf

# settings NAME: the server's key is NAME's
settings() {
    cat >"$data/base/postgresql.auto.conf" <<END
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
ssl = on
ssl_ca_file = '$data/ca-cert.pem'
ssl_cert_file = '$data/$1-cert.pem'
ssl_key_file = '$data/$1-key.pem'
END
}

# serve: from here on as openssl.cnf says now
serve() {
    port=$(free_port)
    : >server.log
    start server.log "${as_server[@]}" "$bin/postgres" -D "$data/base" -p "$port"
    server=$pid
    wait_port "$port"
    for _ in $(seq 300); do
        grep -q "ready to accept connections" server.log && return
        sleep 0.1
    done
}

# ask NAME SQL: by psql with NAME's key
ask() {
    PGCONNECT_TIMEOUT=60 psql -qAt -c "$2" "host=localhost hostaddr=127.0.0.1 port=$port dbname=postgres user=tester sslmode=verify-full \
        sslrootcert=ca-cert.pem sslcert=$1-cert.pem sslkey=$1-key.pem"
}

# many: twenty at once
many() {
    local pids=() p rc=0
    for _ in $(seq 20); do
        by_software ask software "select 1" &
        pids+=($!)
    done
    for p in "${pids[@]}"; do wait "$p" || rc=1; done
    return "$rc"
}

settings software
by_software serve
for order in default-first devid-first preferred; do
    openssl_conf "$order"
    for name in "${all_keys[@]}"; do
        sends "${tls_commands[$name]}" "psql with $name" ask "$name" "select client_dn from pg_stat_ssl where pid = pg_backend_pid()"
        ok "the server knows it" grep -q "^/CN=${subject_of[$name]}\$" out
    done
    at_rest
done
stop "$server"

for order in default-first devid-first; do
    openssl_conf "$order"
    settings azure-ldevid
    serve
    for name in "${all_keys[@]}"; do
        settings "$name"
        kill -HUP "$server"
        for _ in $(seq 100); do
            by_software ask software "show ssl_key_file" >key 2>&1 && grep -q "/$name-key.pem" key && break
            sleep 0.1
        done
        sends "${tls_commands[$name]}" "a server with $name, after its configuration was read again" by_software ask software "show ssl_key_file"
        ok "it is the key's file" grep -q "/$name-key.pem" out
    done
    ok "no file was refused" test "$(grep -c "could not load" server.log)" = 0
    at_rest
    ok "twenty clients at once" many
    at_rest
    stop "$server"
done
finish
