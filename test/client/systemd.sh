#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The units of dist: systemd has nothing to say about them, and calls their sandbox safe. Nothing is started: that is
# systemd-boot.sh. Without systemd's own checker it is passed over.
set -u
build=${DEVID_BUILD:?} src=${DEVID_SRC:?}
command -v systemd-analyze >/dev/null || { echo "passed over: systemd-analyze is needed: apt-get install systemd"; exit 77; }
dir=$(mktemp -d) n=0 failed=0
trap 'rm -rf "$dir"' EXIT
ok() {
    local name=$1
    shift
    n=$((n + 1))
    if "$@" >"$dir/out" 2>&1; then echo "ok $n - $name"; else failed=1; echo "not ok $n - $name"; sed 's/^/# /' "$dir/out"; fi
}
# What is installed, but with the devid of this build.
for unit in devid-provision devid-renew; do
    sed "s|^ExecStart=[^ ]*|ExecStart=$build/devid|" "$build/dist/$unit.service" >"$dir/$unit.service"
    ok "$unit.service names the program that is installed" grep -q '^ExecStart=/.*/bin/devid ' "$build/dist/$unit.service"
done
cp "$src/dist/devid-renew.timer" "$src"/dist/devid-reload@.* "$dir"
# shellcheck disable=SC2317  # called by ok
verify() { systemd-analyze verify --man=no "$dir/$1" >"$dir/said" 2>&1 && ! grep -E "$dir/(devid-reload@|$1)" "$dir/said"; }
# shellcheck disable=SC2317
is_safe() { systemd-analyze security --offline=true --no-pager --threshold=20 "$dir/$1"; }
for unit in devid-provision.service devid-renew.service devid-renew.timer devid-reload@nginx.path devid-reload@openvpn-client@home.path devid-reload@nginx.service; do ok "$unit has no fault" verify $unit; done
for unit in devid-provision.service devid-renew.service; do ok "$unit has an exposure of at most 2.0" is_safe $unit; done
ok "the timer comes each hour" sh -c "systemd-analyze calendar \"\$(sed -n 's/^OnCalendar=//p' '$dir/devid-renew.timer')\" | grep -i 'normalized form: .*\*:00:00'"
if command -v systemd-sysusers >/dev/null; then
    mkdir -p "$dir/root/etc"
    touch "$dir/root/etc/passwd" "$dir/root/etc/group"
    ok "the user is made, and may open the TPM" sh -c \
        "systemd-sysusers --root='$dir/root' '$src/dist/devid.sysusers' && grep '^devid:' '$dir/root/etc/passwd' && grep '^tss:.*devid' '$dir/root/etc/group'"
    ok "and has its folders" sh -c "systemd-tmpfiles --root='$dir/root' --create '$src/dist/devid.tmpfiles' && [ -d '$dir/root/var/lib/devid-clients' ]"
fi
echo "1..$n"
exit $failed
