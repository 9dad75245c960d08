# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Ports for the servers of tests. Several scripts run at once, and some name a dozen ports before the first server listens: a port is
# this script's until it ends, and it is below those that the kernel hands to clients.

# free_port: a port that nobody else has been given or uses, of TCP or UDP
free_port() {
    local given=${TMPDIR:-/tmp}/devid-ports-$UID port holder
    mkdir -p "$given"
    while :; do
        port=$((10000 + RANDOM % 22000))
        holder=$(readlink "$given/$port") && ! kill -0 "$holder" 2>/dev/null && rm -f "$given/$port"
        ln -s $$ "$given/$port" 2>/dev/null || continue
        [ -n "$(ss -lntuH "sport = :$port")" ] || break
    done
    echo "$port"
}

# wait_port PORT: until somebody listens, thirty seconds at most
wait_port() {
    for _ in $(seq 300); do
        ss -ltnH "sport = :$1" | grep -q . && return 0
        sleep 0.1
    done
    return 1
}
