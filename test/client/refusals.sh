#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Programs that read key files by themselves, and cannot use one whose key is in a TPM: they say so, and nothing else happens.
. "$DEVID_SRC/test/tpm/world.sh"
. "$DEVID_SRC/test/client/lib.sh"
. "$DEVID_SRC/test/client/keys.sh"

needs gnutls-cli gnutls-bin
needs wget wget
needs ssh-keygen openssh-client
client_world
page_server
chmod 600 ./*-key.pem

# refuses PATTERN WORDS COMMAND...: fails by itself, not by a signal; PATTERN is in what it says; and nothing was sent to the TPM
refuses() {
    local pattern=$1 words=$2 rc
    shift 2
    world_forget_commands
    timeout 120 "$@" >said 2>&1 </dev/null
    rc=$?
    ok "$words is refused" test "$rc" -gt 0 -a "$rc" -ne 124 -a \( "$rc" -lt 126 -o "$rc" = 255 \)
    ok "in words" grep -Eqi "$pattern" said
    ok "and nothing is sent" test -z "$(world_commands)"
}

for order in default-first devid-first; do
    openssl_conf "$order"
    for name in azure-ldevid wrapped-tss2 wrapped-rsa-tss2; do
        refuses "importing key" "$name by gnutls-cli" gnutls-cli --x509keyfile "$name-key.pem" --x509certfile "$name-cert.pem" \
            --x509cafile ca-cert.pem -p "$port" localhost
        refuses "giving up" "$name by wget" wget --tries=1 --private-key="$name-key.pem" --certificate="$name-cert.pem" --ca-certificate=ca-cert.pem \
            -O page.got "https://localhost:$port/"
        refuses "load key .*: " "$name by ssh-keygen" ssh-keygen -y -f "$name-key.pem"
    done
done
finish
