#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The units of dist, installed and started by a systemd that boots for it: as process 1 of its own namespaces, on an overlay of this
# machine's root folder, in a cgroup of its own. It wants root and these namespaces; without them it is passed over. The software TPM and
# the test CA are outside, and nothing outside is changed.
set -u
pass_over() { echo "passed over: $*"; exit 77; }
systemd=/lib/systemd/systemd
[ "$(id -u)" = 0 ] || pass_over "root is needed"
[ -x $systemd ] || pass_over "systemd is needed: apt-get install systemd"
# where cgroups of the unified hierarchy can be made
groups=$(awk '{for (i = 7; i <= NF; i++) if ($i == "-") {if ($(i + 1) == "cgroup2") print $5}}' /proc/self/mountinfo | head -n 1)
group=$groups/devid-test-$$
if [ -z "$groups" ] || ! mkdir "$group" 2>/dev/null || ! rmdir "$group"; then pass_over "no cgroup can be made here"; fi
unshare --mount --uts --ipc --cgroup --pid --fork true 2>/dev/null || pass_over "no namespaces can be made here"
# shellcheck source=test/client/device.sh
. "${DEVID_SRC:?}/test/client/device.sh"

# All that the booted system is given is in the folder $dir, which is /srv/devid there.
boot=$dir/boot
mkdir -p "$boot" "$dir/over" "$dir/root"
chmod 711 "$dir"
chmod 666 "$dir/sock" "$dir/sock.ctrl" # the group tss of that system has a number that this one may not know
{
    sed -e "s|^tcti .*|tcti = swtpm:path=/srv/devid/sock|" -e 's|^state .*|state = /var/lib/devid|' -e "s|$dir/clients/device-id|/var/lib/devid-clients/web|" -e "s|$dir/clients|/var/lib/clients|" \
        -e "s|secret-file = .*/secret-\(.*\)|secret-file = credential:\1|" -e "s|$dir/ca/|/etc/devid/|" "$dir/devid.conf" |
        sed "/^\[identity azure:device-id\]/,\$ {s|^est .*|est = $(url_of field)/ttl-30s\nrenew-after = 10%|}"
} >"$boot/devid.conf"
cp "$dir"/ca/*-root.pem "$dir"/ca/secret-* "$boot"

cat >"$boot/boot" <<END
#!/bin/bash
# process 1 of the new namespaces
set -e
root=$dir/root
mount --make-rprivate /
mount -t tmpfs tmpfs $dir/over
mkdir $dir/over/upper $dir/over/work
mount -t overlay overlay -o lowerdir=/,upperdir=$dir/over/upper,workdir=$dir/over/work \$root
env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s -C $build install DESTDIR=\$root >$boot/install.log 2>&1
touch $boot/installed
mount -t proc proc \$root/proc
mount --bind \$root/proc/sys \$root/proc/sys
mount -o remount,bind,ro \$root/proc/sys
mount -t sysfs -o ro sysfs \$root/sys
mount -t cgroup2 cgroup2 \$root/sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs \$root/dev
for node in null zero full random urandom tty; do
    touch \$root/dev/\$node
    mount --bind /dev/\$node \$root/dev/\$node
done
mkdir \$root/dev/shm \$root/dev/pts
ln -s /proc/self/fd \$root/dev/fd
mount -t tmpfs -o mode=755 tmpfs \$root/run
rm -rf \$root/etc/devid \$root/var/lib/devid \$root/var/lib/devid-clients
mkdir -p \$root/srv/devid \$root/etc/devid \$root/var/lib/clients
mount --bind $dir \$root/srv/devid
# none of this machine's services, and nothing that is the kernel's, which both have
rm -rf \$root/etc/systemd/system/*.wants \$root/etc/systemd/system/*.requires
for unit in systemd-sysctl.service systemd-modules-load.service systemd-journald-audit.socket sys-kernel-debug.mount sys-kernel-tracing.mount; do
    ln -sf /dev/null \$root/etc/systemd/system/\$unit
done
cp $boot/devid.conf $boot/*-root.pem \$root/etc/devid
for name in manufacturer factory; do install -m 600 $boot/secret-\$name \$root/etc/devid/\$name; done
cp $boot/test.target $boot/test.service $boot/web.service \$root/etc/systemd/system
for unit in provision renew; do
    mkdir \$root/etc/systemd/system/devid-\$unit.service.d
    cp $boot/drop-in \$root/etc/systemd/system/devid-\$unit.service.d/test.conf
done
mount --make-rshared \$root # as systemd expects it of whoever starts it: credentials come by propagation
cd \$root
exec chroot \$root env -i container=devid-test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    $systemd --system --unit=test.target --log-target=console --show-status=no
END
printf '[Unit]\nRequires=basic.target test.service\nAfter=basic.target\n' >"$boot/test.target"
printf '[Unit]\nAfter=basic.target\n[Service]\nType=oneshot\nExecStart=/bin/bash /srv/devid/boot/inside\nExecStopPost=/bin/touch /srv/devid/boot/done\n' \
    >"$boot/test.service"
printf '[Service]\nExecStart=/bin/sleep infinity\nExecReload=/bin/cp /var/lib/devid-clients/web.pem /run/web.pem\n' >"$boot/web.service"
# What the comments of the units tell an operator to add, and a look at what is left to who runs in them.
cat >"$boot/drop-in" <<'END'
[Service]
LoadCredential=manufacturer:/etc/devid/manufacturer
LoadCredential=factory:/etc/devid/factory
ReadWritePaths=/var/lib/clients
ExecStartPost=/bin/sh -c '{ id; grep ^Cap /proc/self/status; ls /root; touch /usr/here; ls -A /tmp; ls -A /dev; } >/var/lib/clients/sandbox 2>&1; true'
END

cat >"$boot/inside" <<'END'
exec 3>/srv/devid/boot/results
# check NAME COMMAND...
check() {
    local name=$1
    shift
    if "$@" >/run/said 2>&1; then echo "ok $name" >&3; else { echo "no $name"; sed 's/^/# /' /run/said; } >&3; fi
}
shows() { [ "$(systemctl show -P "$2" "$1")" = "$3" ] || { systemctl show -P "$2" "$1"; systemctl status --no-pager "$1"; false; }; }
serial() { devid show azure:device-id | openssl x509 -noout -serial; }
wait_for() { for ((i = 0; i < 600; i++)); do "$@" && return; sleep 0.1; done; false; }
says() { grep -E -- "$1" /var/lib/clients/sandbox; }
is_due() { runuser -u devid -- devid renew --dry-run | grep "would renew"; }
is_new() { [ "$(serial)" != "$before" ]; }

check "nothing starts where there is no devid.conf" sh -c 'mv /etc/devid/devid.conf /etc/devid/away; systemctl start devid-provision.service; ! journalctl -u devid-provision.service | grep -i "key made" && mv /etc/devid/away /etc/devid/devid.conf'
check "the user of the services was made at boot, and may open the TPM" sh -c 'id devid | grep "(tss)"'
check "and so were its folders" sh -c '[ "$(stat -c %U:%a /var/lib/devid /var/lib/devid-clients | tr "\n" " ")" = "devid:755 devid:755 " ]'
chown devid: /var/lib/clients
check "devid-provision.service starts" systemctl start devid-provision.service
check "and has succeeded" shows devid-provision.service Result success
check "the device has its four identities and the EK" sh -c 'devid list && [ "$(devid list | grep -cE " (valid|due) ")" = 5 ]'
check "the state folder is the user's" sh -c '[ "$(stat -c %U:%a /var/lib/devid)" = devid:755 ] && ! find /var/lib/devid ! -user devid | grep .'
check "the files for clients are, too" sh -c '[ "$(stat -c %U /var/lib/clients/ldevid.pem)" = devid ]'
check "it ran as that user, in group tss" says '^uid=[0-9]+\(devid\) .*\(tss\)'
check "without a capability" sh -c '[ "$(grep -cE "^Cap.*:[[:space:]]*0+$" /var/lib/clients/sandbox)" = 5 ]'
check "the system's files are read-only to it" says "touch: .*/usr/here.*Read-only"
check "people's homes are closed" says "ls: .*/root.*denied"
check "the journal has what it did" sh -c 'journalctl -u devid-provision.service | grep "azure:ldevid: enrolled"'
check "and no secret" sh -c '! journalctl | grep -F -e "$(cat /etc/devid/manufacturer)" -e "$(cat /etc/devid/factory)"'
check "started again, it makes no key again" sh -c 'systemctl start devid-provision.service && [ "$(journalctl -u devid-provision.service | grep -c "key made")" = 4 ]'
# Who follows the doctor from its first line to its last has a device on which programs find the keys.
remedy() { devid doctor | sed -n "s|.*$1.*|\\1|p"; }
example=$(remedy 'put the sections of \([^ ]*\) into it')
check "the doctor names the example of openssl.cnf" test -n "$example"
cp "$example" "$(openssl version -d | cut -d '"' -f 2)/openssl.cnf"
module=$(remedy 'where OpenSSL.s programs look .*add \"\(module = [^"]*\)\"')
[ -z "$module" ] || sed -i "s|^\[devid_provider\]\$|&\\n$module|" "$(openssl version -d | cut -d '"' -f 2)/openssl.cnf"
check "OpenSSL's programs find a key then" openssl storeutl -noout -keys devid:azure:ldevid
module=$(remedy 'copy devid.module there, with \"\(module: [^"]*\)\" in it')
[ -z "$module" ] || { mkdir -p /usr/share/p11-kit/modules && echo "$module" >/usr/share/p11-kit/modules/devid.module; }
# but one that lives for 30 seconds, on a machine with much to do
check "the doctor has nothing to mend" sh -c 'devid doctor --user devid >/run/doctor; cat /run/doctor; ! grep BAD /run/doctor | grep -v "azure:device-id: its certificate expired"'
if command -v p11-kit; then check "p11-kit knows the tokens" sh -c 'p11-kit list-modules | grep "token: owner"'; fi
chmod 600 /etc/devid/devid.conf
check "another user is told what it lacks" sh -c 'devid doctor --user nobody | grep "BAD .*devid.conf: user nobody may not"'
chmod 644 /etc/devid/devid.conf
check "a renewal is due in some seconds" wait_for is_due
check "a service and the watch over its file start" systemctl start web.service devid-reload@web.path
check "the file is there, of the user of the services" sh -c '[ "$(stat -c %U:%a /var/lib/devid-clients /var/lib/devid-clients/web.pem | tr "\n" " ")" = "devid:755 devid:644 " ]'
before=$(serial)
check "devid-renew.service renews what is due" systemctl start devid-renew.service
check "and has succeeded" shows devid-renew.service Result success
check "it is new" is_new
check "the service is reloaded, with the new file" wait_for cmp /run/web.pem /var/lib/devid-clients/web.pem
check "without a restart" shows web.service NRestarts 0
check "a service that does not run is not started" sh -c 'systemctl stop web.service && systemctl start devid-reload@web.service && ! systemctl is-active web.service'
systemctl stop devid-reload@web.path
before=$(serial)
mkdir -p /run/systemd/system/devid-renew.timer.d
printf '[Timer]\nOnCalendar=\nOnCalendar=*:*:0/5\nRandomizedDelaySec=0\nAccuracySec=1s\n' >/run/systemd/system/devid-renew.timer.d/often.conf
systemctl daemon-reload
check "devid-renew.timer starts" systemctl start devid-renew.timer
check "and starts the service, which renews" wait_for is_new
check "the timer is active" shows devid-renew.timer ActiveState active
systemctl stop devid-renew.timer
rm -r /run/systemd/system/devid-renew.timer.d
systemctl daemon-reload
systemctl start devid-renew.timer
check "as it is, it comes within two hours" sh -c 'next=$(systemctl show -P NextElapseUSecRealtime devid-renew.timer) && [ $(($(date -d "$next" +%s) - $(date +%s))) -le 7200 ]'
systemctl stop devid-renew.timer
sed -i 's|/ttl-30s|/status-503|' /etc/devid/devid.conf
wait_for is_due
check "a server that says later is no failure of the service" systemctl start devid-renew.service
check "it said so" sh -c 'journalctl -u devid-renew.service | grep "try simplereenroll again"'
check "root renews by hand, and all is the service's still" sh -c 'sed -i "s|/status-503|/ttl-30s|" /etc/devid/devid.conf && devid renew --force azure:device-id && ! find /var/lib/devid /var/lib/devid-clients ! -user devid | grep .'
check "the next boot starts them" sh -c 'systemctl enable devid-provision.service devid-renew.timer devid-reload@web.path && ls /etc/systemd/system/multi-user.target.wants/devid-reload@web.path /etc/systemd/system/multi-user.target.wants/devid-provision.service /etc/systemd/system/timers.target.wants/devid-renew.timer'
END

mkdir "$group"
(
    echo "$BASHPID" >"$group/cgroup.procs" || exit 1
    exec unshare --mount --uts --ipc --cgroup --pid --fork --kill-child bash "$boot/boot"
) >"$boot/log" 2>&1 &
machine=$!
pids+=("$machine")
for ((i = 0; i < 2400; i++)); do
    if [ -e "$boot/done" ] || ! kill -0 $machine 2>/dev/null; then break; fi
    sleep 0.1
done
{ kill -9 $machine && wait $machine; } 2>/dev/null
unset 'pids[-1]'
for ((i = 0; i < 100; i++)); do
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
    [ -d "$group" ] || break
    sleep 0.1
done
if [ ! -e "$boot/installed" ] && ! [ -s "$boot/install.log" ]; then
    sed 's/^/# /' "$boot/log"
    pass_over "no overlay can be mounted here"
fi
ok "make install into it" test -e "$boot/installed"
ok "systemd has booted, and its test has ended" test -e "$boot/done"
[ -e "$boot/done" ] || tail -n 30 "$boot/log" | sed 's/^/# /'
# shellcheck disable=SC2034  # device.sh exits by it
while read -r verdict name; do
    case $verdict in
    ok | no) n=$((n + 1)) ;;&
    ok) echo "ok $n - $name" ;;
    no) failed=1; echo "not ok $n - $name" ;;
    *) echo "$verdict $name" ;;
    esac
done <"$boot/results"
ok "nothing is loaded, and no wrong password was counted" clean
ok "nothing is left of its cgroup" test ! -d "$group"
echo "1..$n"
