#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# A key that is made for SPIRE is loaded by SPIRE: its agent's node attestor tpm_devid takes the files of devid export --spire, its
# server's believes it; after a renewal, too, and not what is another TPM's or another key's.
set -u
# shellcheck source=test/client/device.sh
. "${DEVID_SRC:?}/test/client/device.sh"
attest=$build/test/spire/attest
[ -x "$attest" ] || { echo "passed over: go is needed (apt-get install golang-go), and the modules of SPIRE from its proxy"; exit 77; }

cat >>"$dir/devid.conf" <<END
[identity spire]
role = client
purpose = spire
est = $(url_of field)
authenticate = azure:ldevid
anchors = $dir/ca/customer-root.pem
subject = CN=gw-000123 SPIRE,O=Example Customer
grace = none
END
ok "the device has an IDevID and an LDevID" "$devid" provision idevid azure:ldevid
# killed: after each command in turn, until it ends; each run begins without the key
killed() {
    local i
    for ((i = 1; i < 60; i++)); do
        rm -f "$dir"/state/owner/spire*
        DEVID_TCTI_KILL=$i "$devid" provision spire >"$dir/told" 2>&1 && break
    done
    cat "$dir/told"
    echo "killed $((i - 1)) times" | tee "$dir/times"
    [ $i -gt 5 ] && [ $i -lt 60 ] && [ "$(find "$dir/state/owner" -name "spire*" | wc -l)" -eq 1 ] && "$devid" provision spire &&
        [ -z "$(tpm2_getcap handles-transient)$(tpm2_getcap handles-loaded-session)" ]
}
ok "an identity for SPIRE is enrolled like every other, killed anywhere too" killed
ok "a device that has it needs nothing more" sh -c "[ -z \"\$('$devid' provision --dry-run spire | grep '^spire')\" ]"

mkdir "$dir/conf"
commands() { wc -l <"$dir/tpm.log"; }
export_it() {
    local before
    before=$(commands)
    "$devid" export --spire --out "$dir/conf" spire && [ "$(commands)" = "$before" ]
}
echo "# $(cat "$dir/times")"
ok "it is exported, and the TPM is asked nothing" export_it
ok "its certificate and chain are PEM" openssl verify -CAfile "$dir/ca/customer-root.pem" -untrusted "$dir/conf/devid.crt.pem" "$dir/conf/devid.crt.pem"

# attested FOLDER: SPIRE gives the ID by the certificate in that folder
attested() {
    local id
    id=$(openssl x509 -in "$1/devid.crt.pem" -outform DER | sha1sum | cut -d' ' -f1)
    "$attest" -tpm "$dir/sock" -files "$1" -devid-ca "$dir/ca/customer-root.pem" -ek-ca "$dir/vendor/issuercert.pem" >"$dir/id" 2>"$dir/why"
    cat "$dir/id" "$dir/why"
    [ "$(head -1 "$dir/id")" = "spiffe://example.org/spire/agent/tpm_devid/$id" ] && grep -q "subject:cn:gw-000123 SPIRE" "$dir/id"
}
refused() { # refused WORDS FOLDER DEVID-CA EK-CA
    "$attest" -tpm "$dir/sock" -files "$2" -devid-ca "$3" -ek-ca "$4" >"$dir/why" 2>&1 && return 1
    cat "$dir/why"
    grep -q "$1" "$dir/why"
}
ok "SPIRE's agent loads it, and SPIRE's server believes it" attested "$dir/conf"
ok "a server that trusts another chip maker does not" refused "cannot verify EK signature" "$dir/conf" "$dir/ca/customer-root.pem" "$dir/ca/customer-root.pem"
ok "nor one that trusts another CA" refused "unable to verify DevID signature" "$dir/conf" "$dir/ca/manufacturer-root.pem" "$dir/vendor/issuercert.pem"
ok "nor for the certificate of another key" sh -c "
    cp -r '$dir/conf' '$dir/mixed' && '$devid' ref --chain azure:ldevid | sed -n '/BEGIN CERT/,/END CERT/p' >'$dir/mixed/devid.crt.pem'"
ok "that is refused" refused "devID challenge verification failed" "$dir/mixed" "$dir/ca/customer-root.pem" "$dir/vendor/issuercert.pem"

ok "other programs sign with it, too" sh -c "
    '$devid' sign --out '$dir/sig' spire '$dir/devid.conf' && openssl x509 -in '$dir/conf/devid.crt.pem' -noout -pubkey >'$dir/pub.pem' &&
    openssl dgst -sha256 -verify '$dir/pub.pem' -signature '$dir/sig' '$dir/devid.conf'"
signs_by() {
    : >"$dir/tpm.log"
    "$devid" sign --out "$dir/sig" spire "$dir/devid.conf" || return 1
    awk '{print $2}' "$dir/tpm.log" | tr '\n' ' '
    [ "$(awk '{print $2}' "$dir/tpm.log" | tr '\n' ' ')" = "$1 " ]
}
ok "for each process the TPM makes its parent" signs_by "CreatePrimary Load FlushContext Sign FlushContext"
ok "that its handle of the storage root key is empty is nothing to it" sh -c "
    tpm2_evictcontrol -Q -C o -c 0x81000001 && '$devid' sign --out '$dir/sig' spire '$dir/devid.conf' && '$devid' list | grep -q 'spire.*valid'"

# renewed: another key, which SPIRE believes as well
renewed() {
    cp "$dir/conf/devid.pub.blob" "$dir/before"
    "$devid" renew --force spire && export_it && ! cmp -s "$dir/before" "$dir/conf/devid.pub.blob" && attested "$dir/conf"
}
ok "after a renewal it is another key, which SPIRE believes as well" renewed
ok "files of two keys are refused" sh -c "cp -r '$dir/conf' '$dir/two' && cp '$dir/before' '$dir/two/devid.pub.blob'"
ok "by the TPM" refused "tpm2.Load failed" "$dir/two" "$dir/ca/customer-root.pem" "$dir/vendor/issuercert.pem"

ok "a key that SPIRE cannot load is not exported" says 1 "purpose = spire" "$devid" export --spire --out "$dir/conf" idevid
ok "a folder that is not there is told" says 1 "$dir/nowhere" "$devid" export --spire --out "$dir/nowhere" spire
ok "what for must be said" sh -c "'$devid' export spire 2>&1; [ \$? -eq 2 ]"
sed 's/^purpose = spire/&\nhandle = 0x81000005/' "$dir/devid.conf" >"$dir/handle.conf"
ok "a handle is refused" says 1 "none is expected where" env DEVID_CONF="$dir/handle.conf" "$devid" list
sed 's/^purpose = spire/&\nkey = rsa-2048/' "$dir/devid.conf" >"$dir/rsa.conf"
ok "so is another type of key" says 1 "ec-p256 is expected where" env DEVID_CONF="$dir/rsa.conf" "$devid" list
sed '/^role *= idevid/a purpose = spire' "$dir/devid.conf" >"$dir/idevid.conf"
ok "and a key of the manufacturer's" says 1 "an owner's key" env DEVID_CONF="$dir/idevid.conf" "$devid" list
sed '/^\[identity azure:ldevid\]/a purpose = spire' "$dir/devid.conf" | sed '/^handle *= 0x81000002/d' >"$dir/late.conf"
ok "a key that was made otherwise is left to a person" says 1 "another key under this name" env DEVID_CONF="$dir/late.conf" "$devid" provision azure:ldevid

ok "a clear ends it" tpm2_clear -Q -c p
ok "then it is told as gone, and made and enrolled anew" sh -c "
    '$devid' provision >'$dir/told' 2>&1; cat '$dir/told'; grep -q '^spire: key made' '$dir/told' && grep -q '^spire: enrolled' '$dir/told'"
ok "and SPIRE believes the new one" sh -c "$(declare -f export_it commands attested); dir='$dir' devid='$devid' attest='$attest'; export_it && attested '$dir/conf'"
ok "nothing is loaded, and no wrong password was counted" clean
ok "the lockout counter is 0" sh -c "tpm2_getcap properties-variable | grep -q 'TPM2_PT_LOCKOUT_COUNTER: 0x0'"
echo "1..$n"
