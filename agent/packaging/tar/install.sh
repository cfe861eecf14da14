#!/bin/sh
# Installs, upgrades or removes Shunt where neither dpkg nor opkg does.
#
#   ./install.sh                 install or upgrade on this machine
#   ./install.sh --root DIR      the same into an image below DIR; nothing is started
#   ./install.sh --remove        give everything back to the kernel and remove the program; config and state stay
#
# An upgrade never cuts forwarding: a program that refuses the present configuration is not put in place, and the agent
# may end at any moment without its routes.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=
remove=no

say() { echo "install.sh: $*"; }
die() { echo "install.sh: $*" >&2; exit 1; }

while [ $# -gt 0 ]; do
    case "$1" in
    --root) [ $# -ge 2 ] || die "--root needs a directory"; root=$2; shift ;;
    --remove) remove=yes ;;
    *) die "failed to understand $1; use --root DIR or --remove" ;;
    esac
    shift
done

program=$root/usr/bin/shunt
config=$root/etc/shunt/shunt.toml

# Which service manager there is: in an image by its files, here by what runs.
manager=none
if [ -e "$root/etc/rc.common" ]; then
    manager=procd
elif [ -d /run/systemd/system ] || { [ -n "$root" ] && [ -d "$root/usr/lib/systemd/system" ]; }; then
    manager=systemd
fi

# Written beside its place and moved there, so that there is a whole file at every moment: put SOURCE TARGET MODE
put() {
    mkdir -p "$(dirname "$2")"
    cp "$1" "$2.new"
    chmod "$3" "$2.new"
    mv "$2.new" "$2"
}

services() {
    case "$manager" in
    systemd)
        put "$here/systemd/shunt.service" "$root/usr/lib/systemd/system/shunt.service" 644
        put "$here/systemd/shunt.sysusers" "$root/usr/lib/sysusers.d/shunt.conf" 644
        put "$here/systemd/shunt.tmpfiles" "$root/usr/lib/tmpfiles.d/shunt.conf" 644
        put "$here/systemd/shunt.udev" "$root/usr/lib/udev/rules.d/60-shunt.rules" 644
        ;;
    procd)
        put "$here/openwrt/shunt.init" "$root/etc/init.d/shunt" 755
        put "$here/openwrt/keep" "$root/lib/upgrade/keep.d/shunt" 644
        ;;
    esac
}

install_all() {
    if [ -z "$root" ]; then
        "$here/shunt" --version >/dev/null || die "failed to run the program: is this the archive for this processor?"
        if [ -e "$config" ]; then
            "$here/shunt" check --config "$config" >/dev/null ||
                die "failed to upgrade: this version refuses $config, as told above; nothing was changed"
        fi
    fi
    put "$here/shunt" "$program" 755
    if [ ! -e "$config" ]; then
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
        systemd-sysusers shunt.conf
        systemd-tmpfiles --create shunt.conf
        udevadm control --reload || true
        udevadm trigger --subsystem-match=usb --subsystem-match=gpio --subsystem-match=watchdog --subsystem-match=misc --subsystem-match=wwan || true
        systemctl daemon-reload
        systemctl try-restart shunt.service
        say "next: edit $config, then: shunt check && systemctl enable --now shunt"
        ;;
    procd)
        if /etc/init.d/shunt running; then /etc/init.d/shunt restart; fi
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
    rm -f "$program" /usr/lib/systemd/system/shunt.service /usr/lib/sysusers.d/shunt.conf /usr/lib/tmpfiles.d/shunt.conf
    rm -f /usr/lib/udev/rules.d/60-shunt.rules /etc/init.d/shunt /lib/upgrade/keep.d/shunt /usr/share/bash-completion/completions/shunt
    rm -f /usr/share/man/man8/shunt.8.gz /usr/share/man/man8/shunt-*.8.gz
    say "removed; /etc/shunt and /var/lib/shunt stay"
}

if [ "$remove" = yes ]; then
    remove_all
    exit
fi
install_all
if [ -z "$root" ]; then restart; fi
