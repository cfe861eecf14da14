#!/usr/bin/env bash
# Installs, upgrades, removes and purges a Debian package of Shunt in a Debian root made for it, first as an image builder
# would, then with an agent that runs, and looks at every moment whether packets still find their way.
#
#   agent/packaging/debian/test.sh shunt_0.1.0-1_amd64.deb
#
# Needs root, mmdebstrap, unshare (util-linux), iproute2 and Debian's archive. All that runs, runs in namespaces of its own
# network, mounts and processes; systemd is a stand-in of a few lines, which starts and stops the real agent.
set -euo pipefail

readonly SUITE=bookworm
readonly DEADLINE=30 # seconds; only a defect takes so long
readonly UNIT_LINK=/etc/systemd/system/multi-user.target.wants/shunt.service

say() { echo "    $*"; }
die() { echo "failed: $*" >&2; exit 1; }

[ $# -eq 1 ] && [ -f "$1" ] || die "name one .deb file for this machine's processor"
deb=$(realpath "$1")

# The network, the mounts and the processes of this test end with it, whatever becomes of it.
if [ -z "${SHUNT_INSIDE:-}" ]; then
    home=$(mktemp -d)
    trap 'rm -rf "$home"' EXIT
    echo "==> a Debian root"
    if [ -n "${SHUNT_ROOT_TAR:-}" ]; then cp "$SHUNT_ROOT_TAR" "$home/root.tar"; else mmdebstrap --quiet --variant=essential --include=passwd,procps "$SUITE" "$home/root.tar"; fi
    SHUNT_INSIDE=$home unshare --net --mount --pid --fork --kill-child "$0" "$deb"
    exit
fi

root=$SHUNT_INSIDE/root
mkdir "$root"
tar --extract --file "$SHUNT_INSIDE/root.tar" --directory "$root" --exclude=./dev
mkdir -p "$root"/{dev,proc,run}
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"

in_root() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ "$@"; }
install_package() { cp "$1" "$root/package.deb" && in_root dpkg --install --force-confold /package.deb; }

# A package of the same files with another version, changed by a command that is given the unpacked directory.
repack() {
    local version=$1 change=$2 tree=$SHUNT_INSIDE/tree
    rm -rf "$tree"
    dpkg-deb --raw-extract "$deb" "$tree"
    sed -i "s/^Version: .*/Version: $version/" "$tree/DEBIAN/control"
    "$change" "$tree"
    dpkg-deb --root-owner-group -Znone --build "$tree" "$SHUNT_INSIDE/$version.deb" >/dev/null
}
same() { :; }
refusing() { printf '#!/bin/sh\necho "nothing of this is understood" >&2\nexit 2\n' >"$1/usr/bin/shunt"; }

# --- Without a service manager, as in the making of an image: files and links alone ---

echo "==> installed, upgraded, removed and purged in an image"
install_package "$deb"
in_root shunt --version >/dev/null || die "the program does not run; is the package for this machine's processor?"
in_root id --groups --name shunt | grep -qw dialout || die "there is no user shunt in the group dialout"
[ -L "$root$UNIT_LINK" ] || die "the service is not enabled"
if in_root shunt check >"$SHUNT_INSIDE/said" 2>&1; then die "the template of the config manages links that nobody named"; fi
grep -q link "$SHUNT_INSIDE/said" || die "the config's fault does not name the missing links: $(cat "$SHUNT_INSIDE/said")"
say "installed: the service is enabled, and no link is managed before one is named"

config=$root/etc/shunt/shunt.toml
cat >>"$config" <<'TOML'
targets = ["192.0.2.1", "192.0.2.2"]
[[link]]
name = "fiber"
interface = "fiber0"
[[link]]
name = "lte"
interface = "lte0"
TOML
cp "$config" "$SHUNT_INSIDE/config"
repack 99-1 same
rm "$root$UNIT_LINK"
install_package "$SHUNT_INSIDE/99-1.deb"
cmp -s "$config" "$SHUNT_INSIDE/config" || die "the upgrade changed the operator's config"
[ ! -e "$root$UNIT_LINK" ] || die "the upgrade enabled a service that the operator had disabled"
say "upgraded: the config is as it was, and a disabled service stays so"

in_root dpkg --remove shunt
cmp -s "$config" "$SHUNT_INSIDE/config" || die "the removal took the config along"
in_root dpkg --purge shunt
for gone in /etc/shunt /var/lib/shunt /usr/bin/shunt /usr/lib/systemd/system/shunt.service; do
    [ ! -e "$root$gone" ] || die "$gone is left behind by the purge"
done
install_package "$deb"
[ -L "$root$UNIT_LINK" ] || die "what was disabled before a purge is not enabled after it"
in_root dpkg --purge shunt
no_traces() {
    local left
    left=$(find "$root/etc/systemd" "$root/var/lib/systemd" -name '*shunt*')
    [ -z "$left" ] || die "the purge left the service's state behind: $left"
}
no_traces
say "purged: nothing is left but the user"

# --- With an agent that runs on two links ---

echo "==> upgraded, refused and removed with an agent that runs"
ip link set lo up
for link in fiber:1 lte:2; do
    ip link add "${link%:*}0" type veth peer name "${link%:*}1"
    ip link set "${link%:*}1" up
    ip address add "198.18.${link#*:}.2/24" dev "${link%:*}0"
    ip link set "${link%:*}0" up
    ip route add default via "198.18.${link#*:}.1" metric "10${link#*:}"
done

# systemctl, as far as the package's scripts use it; what it is told is kept. Like the real one it refuses to read its
# units anew where /run is short of room.
mkdir -p "$root/run/systemd/system"
cat >"$root/usr/bin/systemctl" <<'STUB'
#!/bin/sh
echo "$*" >>/systemctl.log
case " $* " in *" --quiet "*) exec >/dev/null ;; esac
verb=
for word; do case "$word" in -*) ;; *) verb=$word; break ;; esac; done
runs() { kill -0 "$(cat /run/shunt.pid 2>/dev/null)" 2>/dev/null; }
stop() {
    runs || return 0
    kill "$(cat /run/shunt.pid)"
    rm -f /run/shunt.failed
    while runs; do sleep 0.02; done
}
# As the unit does: directories and rights for the user, and no others.
start() {
    mkdir -p /run/shunt /var/lib/shunt
    chown -R shunt:shunt /run/shunt /var/lib/shunt
    two=-all,+net_admin,+net_raw
    setsid setpriv --reuid shunt --regid shunt --init-groups --inh-caps $two --ambient-caps $two --bounding-set $two \
        --no-new-privs shunt run >>/agent.log 2>&1 </dev/null &
    echo $! >/run/shunt.pid
}
case "$verb" in
is-active)
    if runs; then echo active; elif [ -e /run/shunt.failed ]; then echo failed; exit 3; else echo inactive; exit 3; fi
    ;;
daemon-reload) [ ! -e /run/full ] || { echo "Refusing to reload, not enough space available on /run/systemd." >&2; exit 1; } ;;
is-enabled) echo enabled ;;
start) rm -f /run/shunt.failed; runs || start ;;
restart) stop; rm -f /run/shunt.failed; start ;;
stop) stop ;;
esac
STUB
printf '#!/bin/sh\n' >"$root/usr/bin/systemd-tmpfiles"
chmod +x "$root/usr/bin/systemctl" "$root/usr/bin/systemd-tmpfiles"

agent() { cat "$root/run/shunt.pid"; }
told() { grep -cE "(^| )$1 .*shunt" "$root/systemctl.log" || true; }
await() {
    local what=$1 until=$((SECONDS + DEADLINE))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$until" ] || die "$what did not come about; the agent's log: $(tail -20 "$root/agent.log")"
        sleep 0.05
    done
}
ready() { in_root shunt status && ip rule show | grep -q '^20'; }

# Asks the kernel for a client's way to the far end, again and again. Left to itself it would take fiber, the first in
# `main`: so whoever takes Shunt's routes and rules away for a moment is seen, and not only who leaves none at all.
watch_forwarding() {
    while :; do
        way=$(ip -o route get 203.0.113.1 2>&1) || true
        case $way in *" dev lte0 "*) ;; *) echo "$way" >>"$SHUNT_INSIDE/elsewhere" ;; esac
        echo >>"$SHUNT_INSIDE/looks"
    done
}
by_lte() { ip -o route get 203.0.113.1 | grep -q ' dev lte0 '; }
given_back() {
    if ip rule show | grep -q '^20'; then die "$1 left rules behind: $(ip rule show)"; fi
    ip -o route get 203.0.113.1 | grep -q ' dev fiber0 ' || die "after $1 main does not decide"
}

install_package "$deb" 2>"$SHUNT_INSIDE/said"
in_root dpkg --remove shunt 2>>"$SHUNT_INSIDE/said"
if grep -q 'not everything' "$SHUNT_INSIDE/said"; then die "the removal of what was never configured warns: $(cat "$SHUNT_INSIDE/said")"; fi
in_root dpkg --purge shunt
mkdir -p "$root/etc/shunt"
cp "$SHUNT_INSIDE/config" "$config"
: >"$root/systemctl.log"
install_package "$deb"
await "the first start" ready
grep -q "^Uid:.*$(in_root id -u shunt)" "$root/proc/$(agent)/status" || die "the agent does not run as its user"
[ "$(told start)" -eq 1 ] || die "the first installation with a good config did not start the agent"
say "installed with a good config: the agent runs"

in_root shunt force lte --strict --for 10m >/dev/null
await "the link that was ordered" by_lte
watch_forwarding &
watcher=$!
before=$(agent)
install_package "$SHUNT_INSIDE/99-1.deb"
[ "$(agent)" != "$before" ] || die "the upgrade left the earlier agent running"
[ "$(told stop)" -eq 0 ] || die "the upgrade stopped the agent"
await "the upgraded agent" ready
say "upgraded: a new agent runs"

before=$(agent)
repack 99-2 refusing
install_package "$SHUNT_INSIDE/99-2.deb" 2>"$SHUNT_INSIDE/said"
[ "$(agent)" = "$before" ] && kill -0 "$before" || die "an upgrade that refuses the config ended the earlier agent"
grep -q 'the agent before it goes on' "$SHUNT_INSIDE/said" || die "the refusal is not told: $(cat "$SHUNT_INSIDE/said")"
say "refused: the earlier agent goes on, and the package says what to mend"
repack 99-3 same
chmod 600 "$config"
install_package "$SHUNT_INSIDE/99-3.deb" 2>"$SHUNT_INSIDE/said"
[ "$(agent)" = "$before" ] && kill -0 "$before" || die "a config that only root can read ended the earlier agent"
grep -q 'the agent before it goes on' "$SHUNT_INSIDE/said" || die "a config that only root can read is not told: $(cat "$SHUNT_INSIDE/said")"
chmod 644 "$config"
say "refused also where root alone can read the config"
repack 99-4 same
touch "$root/run/full"
install_package "$SHUNT_INSIDE/99-4.deb"
rm "$root/run/full"
[ "$(agent)" != "$before" ] || die "with little room in /run the upgrade left the earlier agent running"
await "the mended agent" ready
kill -9 "$(agent)"
touch "$root/run/shunt.failed"
repack 99-5 same
install_package "$SHUNT_INSIDE/99-5.deb"
await "the agent in place of the failed one" ready
say "upgraded with little room in /run, and over an agent that had failed"
kill "$watcher"
wait "$watcher" || true
looks=$(wc -l <"$SHUNT_INSIDE/looks")
[ ! -e "$SHUNT_INSIDE/elsewhere" ] || die "of $looks looks some found another way, or none: $(sort "$SHUNT_INSIDE/elsewhere" | uniq -c)"
say "at each of $looks looks meanwhile packets went by the agent's link"
in_root shunt release >/dev/null

in_root systemctl stop shunt.service
repack 99-6 same
install_package "$SHUNT_INSIDE/99-6.deb" 2>"$SHUNT_INSIDE/said"
! kill -0 "$(agent)" 2>/dev/null || die "an upgrade started a service that was stopped"
grep -q 'the service was stopped' "$SHUNT_INSIDE/said" || die "that the service stays stopped is not told"
in_root systemctl start shunt.service
await "the agent" ready
say "upgraded: a stopped service stays so, and the package says it"

# However the agent is, and whoever started it, its removal gives everything back; installed again it starts.
for state in runs died refused elsewhere; do
    case $state in
    died) kill -9 "$(agent)" ;;
    refused) echo 'nothing that is understood' >>"$config" ;;
    elsewhere) rmdir "$root/run/systemd/system" ;;
    esac
    in_root dpkg --remove shunt 2>"$SHUNT_INSIDE/said"
    ! kill -0 "$(agent)" 2>/dev/null || die "the removal left the agent running ($state)"
    given_back "the removal ($state)"
    if grep -q 'not everything' "$SHUNT_INSIDE/said"; then die "the removal warns ($state): $(cat "$SHUNT_INSIDE/said")"; fi
    mkdir -p "$root/run/systemd/system"
    cp "$SHUNT_INSIDE/config" "$config"
    install_package "$SHUNT_INSIDE/99-6.deb"
    await "the agent after the package was removed ($state) and installed again" ready
done
say "removed while it runs, after it died, with a config that is refused, and without systemd: main decides again"
in_root dpkg --purge shunt
given_back "the purge"
[ ! -e "$root/var/lib/shunt" ] || die "the purge left the state behind"
no_traces
say "installed again and purged"
echo "the Debian package is good"
