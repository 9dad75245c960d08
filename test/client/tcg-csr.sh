#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The TCG's certificate request: devid export --tcg-csr writes it, devid verify --tcg-csr checks it without a TPM. A decoder of its own
# (Python, and openssl) reads what devid writes, and devid reads what the firmware of a switch has written.
set -u
# shellcheck source=test/client/device.sh
. "${DEVID_SRC:?}/test/client/device.sh"

# A CA's machine.
verify() { env -i PATH="$PATH" OPENSSL_MODULES=/nowhere DEVID_CONF=/nowhere "$devid" verify --tcg-csr "$@"; }
all() { verify --ek-roots "$dir/vendor/issuercert.pem" --nonce 00112233 "$@"; }
# good N FILE [WORDS]...: N things were checked, and the words were told
good() {
    local n=$1 file=$2 words
    shift 2
    all "$file" >"$dir/told" || return 1
    cat "$dir/told"
    [ "$(grep -c '^checked:' "$dir/told")" -eq "$n" ] || return 1
    for words; do grep -q -- "$words" "$dir/told" || return 1; done
}

# One decoder that is not ours. decode FILE KEY: the structure's sizes, hash and padding are as the standard says, its parts are what
# the TPM has (tpm2_readpublic of KEY), and openssl takes the signature.
decode() {
    python3 - "$1" "$dir" "$2" <<'END'
import hashlib, struct, subprocess, sys
data, dir, handle = open(sys.argv[1], 'rb').read(), sys.argv[2], sys.argv[3]
version, size, sig_size = struct.unpack_from('>III', data)
assert version == 0x100 and len(data) == 12 + size + sig_size, (version, size, sig_size, len(data))
contents, sig = data[12:12 + size], data[12 + size:]
version, alg, hash_size = struct.unpack_from('>III', contents)
assert version == 0x100 and (alg, hash_size) in {(0xb, 32), (0xc, 48)} and size % 16 == 0
digest, rest = contents[12:12 + hash_size], contents[12 + hash_size:]
assert digest == {0xb: hashlib.sha256, 0xc: hashlib.sha384}[alg](rest).digest()
names = ('model serial ca_data boot_log ek_cert attest_pub ticket at_info at_sig signing_pub sgn_info sgn_sig pad').split()
sizes = struct.unpack_from('>13I', rest)
at, part = 52, {}
for name, n in zip(names, sizes):
    part[name], at = rest[at:at + n], at + n
assert at == len(rest) and len(part['pad']) < 16
print({name: len(value) for name, value in part.items()})
assert part['model'] == b'Gateway 7' and part['serial'] == b'GW-000123'
assert not (part['ca_data'] or part['boot_log'] or part['ticket'] or part['at_info'] or part['at_sig'])
def run(*args):
    return subprocess.run(args, check=True, capture_output=True).stdout
run('tpm2_readpublic', '-Q', '-c', handle, '-f', 'tss', '-o', dir + '/key.tss')
assert open(dir + '/key.tss', 'rb').read()[2:] == part['signing_pub'], 'signingPub'
run('tpm2_nvread', '-Q', '-C', 'o', '0x01c00002', '-o', dir + '/ek.nv')
assert open(dir + '/ek.nv', 'rb').read().startswith(part['ek_cert']) and part['ek_cert'][0] == 0x30
# what the attestation key signed names the key: magic, ST_ATTEST_CERTIFY, qualifiedSigner, extraData, clock, firmware, name
assert part['sgn_info'][:6] == b'\xffTCG\x80\x17'
at = 6
signer = struct.unpack_from('>H', part['sgn_info'], at)[0]; at += 2 + signer
extra = struct.unpack_from('>H', part['sgn_info'], at)[0]
assert part['sgn_info'][at + 2:at + 2 + extra] == bytes.fromhex('00112233'); at += 2 + extra + 17 + 8
name = struct.unpack_from('>H', part['sgn_info'], at)[0]
hashes = {0xb: hashlib.sha256, 0xc: hashlib.sha384}
name_alg = struct.unpack_from('>H', part['signing_pub'], 2)[0]
assert part['sgn_info'][at + 2:at + 2 + name] == struct.pack('>H', name_alg) + hashes[name_alg](part['signing_pub']).digest()
# the signature: SEQUENCE { AlgorithmIdentifier, BIT STRING }
open(dir + '/sig.der', 'wb').write(sig)
tree = run('openssl', 'asn1parse', '-inform', 'DER', '-in', dir + '/sig.der').decode()
assert {0xb: 'ecdsa-with-SHA256', 0xc: 'ecdsa-with-SHA384'}[alg] in tree and 'BIT STRING' in tree, tree
bits = [line for line in tree.splitlines() if 'BIT STRING' in line][0]
offset, header = int(bits.split(':')[0]), int(bits.split('hl=')[1].split()[0])
open(dir + '/value', 'wb').write(sig[offset + header + 1:])
open(dir + '/contents', 'wb').write(contents)
run('tpm2_readpublic', '-Q', '-c', handle, '-f', 'pem', '-o', dir + '/key.pem')
run('openssl', 'dgst', {0xb: '-sha256', 0xc: '-sha384'}[alg], '-verify', dir + '/key.pem', '-signature', dir + '/value', dir + '/contents')
END
}

ok "the device has an IDevID and an LDevID" "$devid" provision idevid azure:ldevid
csr="$dir/idevid.csr"
ok "the IDevID's request is written" "$devid" export --tcg-csr --model "Gateway 7" --nonce 00112233 --out "$csr" idevid
ok "another decoder finds in it what the TPM has" decode "$csr" 0x81020000
ok "it is good, and a CA is told what is left to do" good 8 "$csr" "^checked: the request is signed by its key" \
    "^checked: the key has the TCG's policy" "^checked: the EK's certificate is by one of the CAs given" "^checked: it was made for this nonce" \
    "^not checked: that attestation key and EK are in one TPM" '^not checked: that it is a device of model "Gateway 7", serial number "GW-000123"'
ok "to standard output it is written, too" sh -c "'$devid' export --tcg-csr idevid >'$dir/out.csr' && '$devid' verify --tcg-csr '$dir/out.csr'"
with_iak ec-p384
ok "an IAK of another type is enrolled" "$devid" provision iak
ok "with it the request is made again" "$devid" export --tcg-csr --model "Gateway 7" --nonce 00112233 --out "$csr" idevid
ok "and is as good" good 8 "$csr"
ok "another decoder finds in it what the TPM has now" decode "$csr" 0x81020000
ok "the IAK's request has no other key" sh -c "'$devid' export --tcg-csr --model 'Gateway 7' --out '$dir/iak.csr' iak"
ok "it is good, and signed by the IAK itself" good 4 "$dir/iak.csr" "^checked: the request is signed by the attestation key, EC P-384" "^not checked: whether it is fresh"
ok "it has no place for a nonce" sh -c "'$devid' export --tcg-csr --nonce 00112233 --out '$dir/none' iak 2>&1 | grep 'no place for a nonce'"
ok "an LDevID's request is good, but its policy is not the TCG's" sh -c "
    '$devid' export --tcg-csr --nonce 00112233 --out '$dir/ldevid.csr' azure:ldevid"
ok "as is told" good 7 "$dir/ldevid.csr" "^not checked: who may use the key: its policy is not the TCG's"

for one in "idevid-rsa idevid 0x81020004 0x01c90004" "iak-rsa iak 0x81020005 0x01c90105"; do
    read -r name role handle index <<<"$one"
    cat >>"$dir/devid.conf" <<END
[identity $name]
role = $role
key = rsa-2048
handle = $handle
certificate = nv:$index
est = $(url_of manufacturer)
secret-file = $dir/ca/secret-manufacturer
anchors = $dir/ca/manufacturer-root.pem
subject = CN=Example Gateway,serialNumber=GW-000123,O=Example Manufacturer
san = hardware-module
END
done
cat >>"$dir/devid.conf" <<END
[identity rsa]
key = rsa-2048
END
ok "keys of RSA are made" "$devid" provision idevid-rsa iak-rsa rsa
ok "an IDevID of RSA" "$devid" export --tcg-csr --nonce 00112233 --out "$dir/rsa.csr" idevid-rsa
ok "signs its request by PKCS#1" good 8 "$dir/rsa.csr" "^checked: the request is signed by its key, RSA 2048"
ok "an owner's key of RSA decrypts, too" "$devid" export --tcg-csr --nonce 00112233 --out "$dir/rsa.csr" rsa
ok "as is told" good 7 "$dir/rsa.csr" "^not checked: what else its key is used for"
ok "an IAK of RSA signs by PSS" "$devid" export --tcg-csr --out "$dir/pss.csr" iak-rsa
ok "and is good" good 4 "$dir/pss.csr" "^checked: the request is signed by the attestation key, RSA 2048"
# by openssl, with the parameters that stand there
pss() {
    python3 - "$dir/pss.csr" "$dir" <<'END' && openssl asn1parse -inform DER -in "$dir/pss.der" | tee "$dir/told"
import struct, sys
data = open(sys.argv[1], 'rb').read()
_, size, _ = struct.unpack_from('>III', data)
open(sys.argv[2] + '/pss.contents', 'wb').write(data[12:12 + size])
open(sys.argv[2] + '/pss.der', 'wb').write(data[12 + size:])
open(sys.argv[2] + '/pss.value', 'wb').write(data[-256:])
END
    grep -q ':rsassaPss' "$dir/told" && [ "$(grep -c ':sha256' "$dir/told")" -eq 2 ] && grep -q 'INTEGER *:20' "$dir/told" &&
        tpm2_readpublic -Q -c 0x81020005 -f pem -o "$dir/pss.pem" &&
        openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -verify "$dir/pss.pem" -signature "$dir/pss.value" "$dir/pss.contents"
}
ok "for openssl, too" pss

ok "another nonce is refused" says 1 "its nonce is another one" verify --nonce 00112234 "$csr"
ok "another chip maker is refused" says 1 "the EK's certificate does not verify" verify --ek-roots "$dir/ca/customer-root.pem" "$csr"
ok "a disabled key makes no request" sh -c "'$devid' disable --key azure:ldevid && ! '$devid' export --tcg-csr azure:ldevid >'$dir/none'; '$devid' enable azure:ldevid; [ ! -s '$dir/none' ]"
ok "evidence is no request" sh -c "'$devid' attest --out '$dir/evidence.pem' idevid"
ok "and is told so" says 1 "no TCG_CSR_IDEVID" verify "$dir/evidence.pem"

# sends COMMANDS COMMAND...: exactly these TPM commands; one that the TPM asks to send again (0x922: it tests itself) counts once
sends() {
    local expected=$1 got
    shift
    : >"$dir/tpm.log"
    "$@" || return 1
    got=$(awk '$3 != "0x922" {print $2 ($3 == "0x0" ? "" : ":" $3)}' "$dir/tpm.log" | tr '\n' ' ')
    echo "$got"
    [ "$got" = "$expected " ]
}
# killed: after each command in turn; the file is the one of before, and the next run writes another
killed() {
    local i total
    total=$(wc -l <"$dir/tpm.log")
    for ((i = 1; i <= total; i++)); do
        cp "$csr" "$dir/before"
        DEVID_TCTI_KILL=$i "$devid" export --tcg-csr --out "$csr" idevid && { echo "not killed at $i"; return 1; }
        [ "$i" -eq "$total" ] || cmp "$csr" "$dir/before" || return 1
        verify "$csr" >"$dir/told" || { cat "$dir/told"; return 1; }
    done
    echo "killed $total times"
    "$devid" export --tcg-csr --model "Gateway 7" --nonce 00112233 --out "$csr" idevid && good 8 "$csr" && "$devid" provision
}
ok "a request takes these commands" sends "ReadPublic ReadPublic StartAuthSession PolicySecret PolicyCommandCode PolicyOR \
Certify FlushContext ReadPublic ReadPublic NV_ReadPublic:0x18b GetRandom Sign Shutdown" "$devid" export --tcg-csr --out "$csr" idevid
ok "killed after each of them, it leaves the file whole, and nothing in the TPM that stays" killed

# Each bit of a request matters: a bit of each 5th byte changed, each length cut off, and a byte more.
tamper() {
    mkdir -p "$dir/changed" && python3 - "$1" "$dir/changed" <<'END'
import sys
data = bytearray(open(sys.argv[1], 'rb').read())
def write(name, data): open('%s/%s' % (sys.argv[2], name), 'wb').write(data)
for at in list(range(0, 120)) + list(range(120, len(data), 29)) + [len(data) - 1]:
    data[at] ^= 1 << at % 8
    write('bit-%d' % at, data)
    data[at] ^= 1 << at % 8
for n in range(0, len(data), 97): write('cut-%d' % n, data[:n])
write('longer', data + b'\0')
END
}
# The outer version 0x01000100 is the one change that means nothing: others write it so.
refused() {
    local file bad=0
    for file; do all "$file" >"$dir/told" 2>&1 && [ "$(head -c 4 "$file" | xxd -p)" != 01000100 ] && { echo "good: $file"; bad=1; }; done
    echo "$# files"
    [ $# -ge 150 ] && return $bad
}
ok "a request is changed and cut anywhere" tamper "$csr"
ok "and then refused" refused "$dir"/changed/*

# what FORM: the request as others write it: FORM of its signature and of its structures
what() {
    python3 - "$csr" "$dir/$1.csr" "$1" "$dir" <<'END'
import struct, sys
data = open(sys.argv[1], 'rb').read()
_, size, sig_size = struct.unpack_from('>III', data)
contents, sig, form = data[12:12 + size], data[12 + size:], sys.argv[3]
bits = sig.index(b'\x03', 14)
value = sig[bits + 3:]
if form == 'bare':
    sig = value
elif form == 'tpm': # TPMT_SIGNATURE
    at, numbers = 2, []
    for _ in range(2):
        n = value[at + 1]; numbers.append(value[at + 2:at + 2 + n].lstrip(b'\0')); at += 2 + n
    sig = struct.pack('>HH', 0x18, 0xb) + b''.join(struct.pack('>H', len(n)) + n for n in numbers)
elif form == 'weak':
    sig = sig.replace(bytes.fromhex('2a8648ce3d040302'), bytes.fromhex('2a8648ce3d040303'))
version = 0x01000100 if form == 'version' else 0x100
open(sys.argv[2], 'wb').write(struct.pack('>III', version, size, len(sig)) + contents + sig)
END
}
for form in bare tpm version; do
    ok "$form: a request as others write it" what $form
    ok "$form: it is good" good 8 "$dir/$form.csr"
done
ok "one that names another hash than its key's" what weak
ok "is refused" says 1 "another scheme" verify "$dir/weak.csr"

# The contents and signature that a switch gave to its owner's enrollment service (OpenConfig), from that project's tests: made by
# its maker's firmware with a TPM of STMicroelectronics.
foreign() {
    local from
    command -v go >/dev/null || return 77
    from=$(cd "$dir" && GOTOOLCHAIN=local GOFLAGS=-modcacherw go mod download -json github.com/openconfig/attestz@v0.6.19 | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
    [ -d "$from/service/biz/hmac_challenge_test_data" ] || return 77 # no network, or a Go that is too old for it
    python3 - "$from/service/biz/hmac_challenge_test_data" "$dir/switch.csr" <<'END'
import struct, sys
contents = open(sys.argv[1] + '/csrResponse-csr_contents', 'rb').read()
sig = open(sys.argv[1] + '/csrResponse-idevid_signature_csr', 'rb').read()
open(sys.argv[2], 'wb').write(struct.pack('>III', 0x100, len(contents), len(sig)) + contents + sig)
END
}
rc=0
foreign || rc=$?
if [ $rc -eq 77 ]; then
    echo "# passed over: a switch's request cannot be fetched"
else
    ok "a switch's request, as its firmware has made it" test $rc -eq 0
    ok "is good" sh -c "$(declare -f verify); devid='$devid' dir='$dir'; verify '$dir/switch.csr' >'$dir/told'; rc=\$?; cat '$dir/told'
        [ \$rc -eq 0 ] && [ \$(grep -c '^checked:' '$dir/told') -eq 6 ] && grep -q 'model \"DCS-7001-SUP-L\"' '$dir/told' &&
        grep -q \"the attestation key has the TCG's policy\" '$dir/told' && grep -q \"^checked: the key has the TCG's policy\" '$dir/told'"
fi

ok "nothing is loaded" sh -c "[ -z \"\$(tpm2_getcap handles-transient)\$(tpm2_getcap handles-loaded-session)\" ]"
ok "the lockout counter is 0" sh -c "tpm2_getcap properties-variable | grep -q 'TPM2_PT_LOCKOUT_COUNTER: 0x0'"
echo "1..$n"
