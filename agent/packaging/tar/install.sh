#!/bin/sh
# Installs, upgrades or removes Shunt where neither dpkg nor opkg does.
#
#   ./install.sh                 install or upgrade on this machine
#   ./install.sh --root DIR      the same into an image below DIR; nothing is started
#   ./install.sh --remove        give everything back to the kernel and remove the program; config and state stay
#
# An upgrade never cuts forwarding: a program that refuses the configuration of an agent that works is not put in place, and
# the agent may end at any moment without its routes.
set -eu
# The agent's user must be able to enter what is made here.
umask 022

here=$(CDPATH='' cd -- "$(dirname "$0")" && pwd)
root=
remove=no

say() { echo "install.sh: $*"; }
die() { echo "install.sh: $*" >&2; exit 1; }

while [ $# -gt 0 ]; do
    case "$1" in
    --root)
        # An empty one, of a variable that nobody set, would be this machine.
        [ -d "${2:-}" ] || die "--root needs a directory that is there"
        root=$(CDPATH='' cd -- "$2" && pwd)
        case "$root" in / | //) die "failed to install into /: leave --root out" ;; esac
        shift ;;
    --remove) remove=yes ;;
    *) die "failed to understand $1; use --root DIR or --remove" ;;
    esac
    shift
done

program=$root/usr/bin/shunt
config=$root/etc/shunt/shunt.toml
units=$root/usr/lib/systemd/system

# Which service manager there is: in an image by its files alone, here by what runs.
manager=none
if [ -e "$root/etc/rc.common" ]; then
    manager=procd
elif [ -z "$root" ]; then
    if [ -d /run/systemd/system ]; then manager=systemd; fi
elif [ -d "$units" ]; then
    manager=systemd
elif [ -d "$root/lib/systemd/system" ]; then
    manager=systemd
    units=$root/lib/systemd/system
fi

# Written beside its place and moved there, so that there is a whole file at every moment, also after a power cut:
# put SOURCE TARGET MODE
put() {
    mkdir -p "$(dirname "$2")"
    cp "$1" "$2.new"
    chmod "$3" "$2.new"
    if [ -z "$root" ]; then sync; fi
    mv "$2.new" "$2"
}

services() {
    case "$manager" in
    systemd)
        put "$here/systemd/shunt.service" "$units/shunt.service" 644
        put "$here/systemd/shunt.sysusers" "$root/usr/lib/sysusers.d/shunt.conf" 644
        put "$here/systemd/shunt.tmpfiles" "$root/usr/lib/tmpfiles.d/shunt.conf" 644
        put "$here/systemd/shunt.udev" "$root/usr/lib/udev/rules.d/60-shunt.rules" 644
        ;;
    procd)
        put "$here/openwrt/shunt.init" "$root/etc/init.d/shunt" 755
        put "$here/openwrt/keep" "$root/lib/upgrade/keep.d/shunt" 644
        ;;
    none) say "no service manager that is known here was found${root:+ below $root}, so no service is installed" ;;
    esac
}

# The unit's; without it the service would never start.
make_user() {
    if command -v systemd-sysusers >/dev/null; then
        systemd-sysusers "$here/systemd/shunt.sysusers" && return
    elif command -v useradd >/dev/null; then
        grep -q '^shunt:' /etc/group || groupadd --system shunt
        id shunt >/dev/null 2>&1 ||
            useradd --system --gid shunt --no-create-home --home-dir /var/lib/shunt --shell /usr/sbin/nologin shunt
        usermod --append --groups dialout shunt
    fi
    id shunt >/dev/null 2>&1 ||
        die "failed to make the user shunt; make it, in the group dialout, and run this again. Nothing was changed"
}

# As whom the service runs: what only root can read, the agent cannot.
check() {
    if [ "$manager" = systemd ] && setpriv --reuid shunt --regid shunt --init-groups true 2>/dev/null; then
        setpriv --reuid shunt --regid shunt --init-groups "$@" check --config "$config" >/dev/null
    else
        "$@" check --config "$config" >/dev/null
    fi
}

# Whether there is an agent that an upgrade could take away.
works() { [ -x "$program" ] && { "$program" status || check "$program"; } >/dev/null 2>&1; }

# The new program is tried where it will be: whatever this archive was unpacked to may be closed to others.
try() {
    if [ "$manager" = systemd ]; then make_user; fi
    mkdir -p "$root/usr/bin"
    cp "$here/shunt" "$program.try"
    chmod 755 "$program.try"
    trap 'rm -f "$program.try"' EXIT
    "$program.try" --version >/dev/null || die "failed to run the program: is this the archive for this processor?"
    if [ -e "$config" ] && ! check "$program.try"; then
        accepted=no
        if works; then die "failed to upgrade: this version refuses $config, as told above; nothing was changed"; fi
    fi
}

install_all() {
    accepted=yes
    if [ -z "$root" ]; then
        try
    elif [ -L "$root/etc/shunt" ]; then
        die "failed to install: $root/etc/shunt is a link, which leads elsewhere here than in the image; link the file instead"
    fi
    put "$here/shunt" "$program" 755
    # A link may lead to what is not there yet, such as the data partition.
    if [ ! -e "$config" ] && [ ! -L "$config" ]; then
        template=$here/shunt.toml
        if [ "$manager" = procd ]; then template=$here/openwrt/shunt.toml; fi
        put "$template" "$config" 644
    fi
    for page in "$here"/man/*; do put "$page" "$root/usr/share/man/man8/${page##*/}" 644; done
    put "$here/completions/shunt.bash" "$root/usr/share/bash-completion/completions/shunt" 644
    services
    say "installed in ${root:-this machine}: $program"
}

# A stopped service stays stopped, and a new one is for the operator to start, once its links are named.
restart() {
    case "$manager" in
    systemd)
        systemd-tmpfiles --create shunt.conf || true
        udevadm control --reload || true
        udevadm trigger --subsystem-match=usb --subsystem-match=gpio --subsystem-match=watchdog --subsystem-match=misc --subsystem-match=wwan || true
        systemctl daemon-reload || say "systemd goes on with the unit of before until: systemctl daemon-reload"
        state=$(systemctl is-active shunt.service) || true
        case "$accepted $state" in
        "yes active" | "yes reloading" | "yes activating" | "yes failed")
            systemctl restart shunt.service || die "failed to start the new agent: see journalctl -u shunt" ;;
        esac
        say "next: edit $config, then: shunt check && systemctl enable --now shunt"
        ;;
    procd)
        if [ "$accepted" = yes ] && /etc/init.d/shunt running; then /etc/init.d/shunt restart; fi
        say "next: edit $config, then: shunt check && service shunt enable && service shunt start"
        ;;
    none)
        say "next: edit $config, then have your service manager run: shunt run"
        say "an agent that runs already is still the one before; end it by SIGTERM and start the new one"
        ;;
    esac
}

remove_all() {
    [ -z "$root" ] || die "failed to remove from an image: make it anew without Shunt"
    case "$manager" in
    systemd) systemctl disable --now shunt.service || true ;;
    procd) /etc/init.d/shunt stop || true; /etc/init.d/shunt disable || true ;;
    esac
    # Routes and rules that it leaves are gone with the next boot; a watchdog MCU that is still armed is not.
    "$program" stop --restore || say "not everything was given back; see above"
    rm -f "$program" "$units/shunt.service" /usr/lib/sysusers.d/shunt.conf /usr/lib/tmpfiles.d/shunt.conf
    rm -f /usr/lib/udev/rules.d/60-shunt.rules /etc/init.d/shunt /lib/upgrade/keep.d/shunt /usr/share/bash-completion/completions/shunt
    rm -f /usr/share/man/man8/shunt.8.gz /usr/share/man/man8/shunt-*.8.gz
    if [ "$manager" = systemd ]; then systemctl daemon-reload || true; fi
    say "removed; /etc/shunt and /var/lib/shunt stay"
}

if [ "$remove" = yes ]; then
    remove_all
    exit
fi
install_all
if [ -z "$root" ]; then restart; fi
