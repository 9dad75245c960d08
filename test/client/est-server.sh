#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What servers do that is not an answer: later, nothing, elsewhere, half of it. devid says so in one line or bears with it.
set -u
# shellcheck source=test/client/device.sh
. "${DEVID_SRC:?}/test/client/device.sh"

# labelled LABEL: a configuration in which the manufacturer's server behaves so
labelled() { changed "s|$(url_of manufacturer)|&/$1|"; }

ok "an answer that is empty is told" says 1 "with status 200 and no content" "$devid" --config "$(labelled empty)" provision idevid
ok "a connection that breaks off is told" says 1 "closed the connection without an answer" "$devid" --config "$(labelled drop)" provision idevid
ok "a server that is overloaded is told, and to come again" says 75 "again in .*status 503" \
    "$devid" --config "$(labelled status-503)" provision --no-wait idevid
ok "a certificate of another CA is told" says 1 "does not lead to a trust anchor" "$devid" --config "$(labelled otherca)" provision idevid
ok "a redirection to another host gets no secret" says 1 "not followed" "$devid" --config "$(labelled redirect)" provision idevid
ok "who does not wait is told to come again" says 75 "again in .*status 202" "$devid" --config "$(labelled defer-2s)" provision --no-wait idevid
ok "Basic without a password is told" says 1 "401" "$devid" --config "$(labelled basic)" provision idevid
ok "nothing was written but the key" sh -c "'$devid' list | grep idevid | grep -v ' valid '"
ok "who waits is served" "$devid" --config "$(labelled defer-2s)" provision idevid
ok "each request is in the server's log" sh -c "[ \"\$(grep -c simpleenroll '$dir/ca/requests.log')\" -ge 8 ]"
ok "the rest is made" "$devid" provision
field=$(url_of field)
ok "a lifetime of a minute is had" "$devid" --config "$(changed "s|$field|&/ttl-60s|")" est reenroll azure:device-id
ok "a slow server is waited for" "$devid" --config "$(changed "s|$field|&/slow-1s|")" est reenroll azure:device-id
ok "a redirection on the same server is followed" "$devid" --config "$(changed "s|$field|&/redirect-same|")" est reenroll azure:device-id
# spoken SERVER: by what the requests were that it was sent
spoken() { awk -F'\t' -v server="$1" '$2 == server && $3 == "POST" {print $9}' "$dir/ca/requests.log" | sort -u; }
ok "HTTP/2 is spoken" test "$(spoken field)" = HTTP/2.0
ok "but where a secret is sent: its headers would stay in tables" test "$(spoken manufacturer)" = HTTP/1.1
ok "a key made by the server is not wanted, and why" says 1 "serverkeygen.*outside of a TPM" "$devid" est serverkeygen azure:device-id
ok "nothing is loaded, and no wrong password was counted" clean
echo "1..$n"
