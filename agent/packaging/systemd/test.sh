#!/usr/bin/env bash
# Boots Debian's systemd in a container, installs a Debian package of Shunt there, and looks at what the service may do, and
# that it does its work with that: what `systemd-analyze` only judges by the unit's text.
#
#   agent/packaging/systemd/test.sh shunt_0.1.0-1_amd64.deb
#
# Needs root, mmdebstrap, systemd-container and Debian's archive. The container has a network of its own.
set -euo pipefail

readonly SUITE=bookworm
readonly DEADLINE=180 # seconds; only a defect takes so long
readonly PACKAGES=init,systemd,udev,passwd,procps,iproute2,init-system-helpers

[ $# -eq 1 ] && [ -f "$1" ] || { echo "name one .deb file for this machine's processor" >&2; exit 1; }
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
root=$home/root

echo "==> a Debian root with systemd"
mmdebstrap --quiet --variant=minbase --include="$PACKAGES" "$SUITE" "$home/root.tar"
mkdir "$root"
tar --extract --file "$home/root.tar" --directory "$root" --exclude='./dev/*'
cp "$1" "$root/shunt.deb"

cat >"$root/look" <<'LOOK'
#!/bin/bash
# Runs in the container, and tells by the last line of its output whether all is well.
exec >/said 2>&1
trap 'systemctl poweroff --force' EXIT
fail() { echo "failed: $*"; journalctl --no-pager --unit shunt; exit 1; }
is() { [ "$2" = "$3" ] || fail "$1: $2, not $3"; }
await() {
    local until=$((SECONDS + 30)) what=$1
    shift
    until "$@" >/dev/null; do [ "$SECONDS" -lt "$until" ] || fail "$what did not come about"; sleep 0.1; done
}

for link in fiber:1 lte:2; do
    ip link add "${link%:*}0" type veth peer name "${link%:*}1"
    ip link set "${link%:*}1" up
    ip address add "198.18.${link#*:}.2/24" dev "${link%:*}0"
    ip link set "${link%:*}0" up
    ip route add default via "198.18.${link#*:}.1" metric "10${link#*:}"
    echo 1 >"/proc/sys/net/ipv4/conf/${link%:*}0/rp_filter"
done
# State on a data partition, the one way: a directory of it bound onto the packages' place.
mkdir -p /etc/shunt /run/systemd/system/shunt.service.d /data/shunt /data/other /var/lib/shunt
mount --bind /data/shunt /var/lib/shunt
printf 'targets = ["192.0.2.1", "192.0.2.2"]\n' >/etc/shunt/shunt.toml
printf '[[link]]\nname = "%s"\ninterface = "%s0"\n' fiber fiber lte lte >>/etc/shunt/shunt.toml
install -m 600 /dev/null /etc/shunt/pin
printf '[Service]\nLoadCredential=pin:/etc/shunt/pin\n' >/run/systemd/system/shunt.service.d/pin.conf
dpkg --install --force-confold /shunt.deb || fail "the package cannot be installed"
await "the service" systemctl --quiet is-active shunt
await "the uplink" sh -c 'ip rule show | grep -q ^20600'

process=$(systemctl show --property MainPID --value shunt)
field() { awk -v key="$1:" '$1 == key { print $2 }' "/proc/$process/status"; }
inside() { nsenter --target "$process" --mount setpriv --reuid shunt --regid shunt --init-groups --inh-caps -all,+net_admin \
    --ambient-caps -all,+net_admin --bounding-set -all,+net_admin sh -c "$1" 2>/dev/null; }
is "its user" "$(field Uid)" "$(id -u shunt)"
for set in CapPrm CapEff CapBnd; do is "$set" "$(field "$set")" 0000000000003000; done
is "CapAmb" "$(field CapAmb)" 0000000000000000
is "NoNewPrivs" "$(field NoNewPrivs)" 1
is "seccomp" "$(field Seccomp)" 2
id --groups --name shunt | grep -qw dialout || fail "its user is not in the group dialout"

is "rp_filter" "$(cat /proc/sys/net/ipv4/conf/fiber0/rp_filter)" 2
is "ignore_routes_with_linkdown" "$(cat /proc/sys/net/ipv4/conf/lte0/ignore_routes_with_linkdown)" 1
inside 'echo 2 >/proc/sys/net/ipv4/conf/fiber0/rp_filter' || fail "sysctls of interfaces are closed"
for closed in /proc/sys/vm/swappiness /etc/shunt/shunt.toml /usr/bin/other /sys/kernel/mm/ksm/run; do
    if nsenter --target "$process" --mount sh -c "echo 1 >$closed" 2>/dev/null; then fail "$closed can be written, even by root"; fi
done
inside 'cat /run/credentials/shunt.service/pin' || fail "a credential cannot be read"
if inside 'cat /etc/shunt/pin'; then fail "a secret of root's can be read"; fi
is "the socket" "$(stat --format '%U:%G %a' /run/shunt/shunt.sock)" "shunt:shunt 660"
if journalctl --no-pager --unit shunt | grep "time of day is never believed"; then fail "the kernel may not be asked for the time's keeping"; fi
# The canary was forwarded, so its interface could be made; the router was asked on the wire, so packet sockets work.
await "the canary's interface" sh -c 'shunt status | grep -q "^Canary: forwarded"'
await "the cause" sh -c 'shunt status --json | grep -q "\"provider\""'

systemctl reload shunt || fail "it cannot be reloaded"
await "the reload" sh -c 'journalctl --no-pager --unit shunt | grep -q "the new config is in force"'
systemctl restart shunt
await "the restart" shunt status
systemctl stop shunt
shunt stop --restore || fail "root cannot clean up after the service"
if ip rule show | grep -q ^20; then fail "rules are left behind"; fi
is "files that are not the user's" "$(find /data/shunt ! -user shunt)" ""
[ -e /data/shunt/lock ] || fail "the state is not on the data partition"

# The other way: elsewhere by the config, with a drop-in.
chown shunt:shunt /data/other
sed -i '1a [agent]\nstate_dir = "/data/other"' /etc/shunt/shunt.toml
printf '[Service]\nReadWritePaths=/data/other\n' >/run/systemd/system/shunt.service.d/state.conf
systemctl daemon-reload
systemctl start shunt || fail "it does not start with its state elsewhere"
[ -e /data/other/lock ] || fail "the state is not where the config says"
echo "the service is good"
LOOK
chmod +x "$root/look"
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
printf '[Service]\nExecStart=/look\n' >"$root/etc/systemd/system/look.service"
ln -s ../look.service "$root/etc/systemd/system/multi-user.target.wants/look.service"

# Containers may not ask the kernel whether the time is kept, unless told so; a gateway may.
echo "==> the service under systemd"
timeout "$DEADLINE" systemd-nspawn --quiet --register=no --keep-unit --private-network --bind=/dev/net/tun --directory="$root" \
    --system-call-filter="adjtimex clock_adjtime" --boot >"$home/boot" 2>&1 </dev/null || true
cat "$root/said" 2>/dev/null || { tail -20 "$home/boot"; exit 1; }
[ "$(tail -1 "$root/said")" = "the service is good" ]
