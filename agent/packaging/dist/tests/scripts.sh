#!/bin/bash
# Runs the scripts for OpenWrt and install.sh in a root of their own, where stand-ins write down what they are told:
#
#   scripts.sh dash|busybox
#
# With dash the tools are this machine's; with busybox the shell and the tools are those of small systems. All that it
# changes, it changes below a new directory, as root of a user namespace.
set -euo pipefail
if [ -z "${SHUNT_INSIDE:-}" ]; then
    SHUNT_INSIDE=$(mktemp -d)
    export SHUNT_INSIDE
    trap 'rm -rf "$SHUNT_INSIDE"' EXIT
    unshare --user --map-root-user --mount --pid --fork --kill-child "$0" "$@"
    exit
fi

shell=$1
packaging=$(cd "$(dirname "$0")/../.." && pwd)
root=
readonly TOOLS="basename cat chmod cp dirname env grep id ls ln mkdir mv readlink rm sync true"

die() { echo "failed under $shell, $at: $*" >&2; [ ! -e "$root/said" ] || cat "$root/said" >&2; exit 1; }
in_root() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ "$@"; }
run() { in_root chroot "$root" "$@" >"$root/said" 2>&1; }
fails() { if run "$@"; then die "$* did not fail"; fi; }
works() { run "$@" || die "$* failed"; }
told() { grep -qxF "$1" "$root/told" || die "not told: $1; but: $(cat "$root/told")"; }
not_told() { if grep -q "$1" "$root/told"; then die "told: $(cat "$root/told")"; fi; }
says() { grep -q "$1" "$root/said" || die "it does not say: $1"; }
is() { [ "$(stat --format %a "$root/$1")" = "$2" ] || die "the mode of $1 is $(stat --format %a "$root/$1")"; }

# What stands in for the program: /refuses makes each version refuse the config, /refuses.VERSION the one.
program() {
    cat >"$1" <<PROGRAM
#!/bin/sh
echo "shunt \$*" >>/told
case "\$1" in
check) [ ! -e /refuses ] && [ ! -e /refuses.$2 ] || { echo "refused by $2" >&2; exit 2; } ;;
status) [ -e /runs ] || exit 3 ;;
--version) echo $2 ;;
esac
PROGRAM
    chmod 755 "$1"
}

stand_in() {
    mkdir -p "$root/$(dirname "$1")"
    { echo "#!/bin/sh"; echo "echo \"${1##*/} \$*\" >>/told"; cat; } >"$root/$1"
    chmod 755 "$root/$1"
}

# A new root: begin WHAT
begin() {
    at=$1
    root=$SHUNT_INSIDE/$((roots += 1))
    mkdir -p "$root"/{bin,dev,etc,run,tmp,usr/bin,var/lib,archive}
    : >"$root/dev/null"
    mount --bind /dev/null "$root/dev/null"
    : >"$root/told"
    if [ "$shell" = busybox ]; then
        cp "$(command -v busybox)" "$root/bin/busybox"
        for tool in sh $TOOLS; do ln -s busybox "$root/bin/$tool"; done
    else
        # With the libraries that each of them is linked to.
        for tool in dash $TOOLS; do
            cp "$(type -P "$tool")" "$root/bin/$tool"
            ldd "$root/bin/$tool" | grep -o '/[^ ]*' | while read -r library; do
                mkdir -p "$root/$(dirname "$library")"
                cp -n "$library" "$root/$library"
            done
        done
        ln -s dash "$root/bin/sh"
    fi
    [ "$(in_root chroot "$root" sh -c 'echo works')" = works ] || die "there is no shell"
}
roots=0

# --- OpenWrt: the init script and the scripts of the package ---

# rc.common and procd.sh, as far as they decide what an init script does: a service is told to procd as a whole, also
# when its script failed, and one without an instance is ended. `restart` stops first.
openwrt() {
    begin "$1"
    mkdir -p "$root"/etc/{init.d,rc.d,shunt}
    program "$root/usr/bin/shunt" 1
    cp "$packaging/openwrt/shunt.init" "$root/etc/init.d/shunt"
    cp "$packaging/openwrt/"{postinst,prerm} "$root/"
    chmod 755 "$root/etc/init.d/shunt" "$root/postinst" "$root/prerm"
    stand_in usr/bin/logger </dev/null
    cat >"$root/etc/rc.common" <<'RC'
#!/bin/sh
script=$1 action=$2
procd_running() { service=; [ -e /runs ]; }
procd_send_signal() { echo "signal $*" >>/told; }
procd_open_instance() { instances=one; }
procd_set_param() { parameters="$parameters $*;"; }
procd_close_instance() { :; }
procd_kill() { echo ended >>/told; rm -f /runs; }
service_running() { return 0; }
restart() { stop; start; }
enable() { ln -sf ../init.d/shunt /etc/rc.d/S${START}shunt; ln -sf ../init.d/shunt /etc/rc.d/K${STOP}shunt; }
disable() { rm -f /etc/rc.d/*shunt; }
. "$script"
start() {
    service=shunt instances=none parameters=
    start_service || true
    [ -n "$service" ] || { echo lost >>/told; exit 1; }
    case $instances in
    none) procd_kill ;;
    one) if [ -e /runs ] && [ "$(cat /runs)" = "$parameters" ]; then echo kept >>/told; else echo "$parameters" >/runs; echo started >>/told; fi ;;
    esac
}
stop() { procd_kill; }
reload() { reload_service; }
running() { service_running; }
"$action"
RC
    chmod 755 "$root/etc/rc.common"
}
init() { : >"$root/told"; works sh -c "/etc/init.d/shunt $1 || true"; }

openwrt "the init script"
init start; told started
grep -q 'command /usr/bin/shunt run --config /etc/shunt/shunt.toml;' "$root/runs" || die "what procd runs: $(cat "$root/runs")"
grep -q 'respawn 3600 1 0;' "$root/runs" || die "how procd starts it again: $(cat "$root/runs")"
init start; told kept
init restart; told ended; told started
: >"$root/refuses"
for verb in start restart reload; do
    init "$verb"
    not_told '^ended\|^lost'
    [ -e "$root/runs" ] || die "$verb with a config that is refused ended the agent"
done
told 'signal shunt * HUP'
init stop; told ended
init start; not_told '^started'
fails /etc/init.d/shunt running

openwrt "the package"
works env PKG_UPGRADE=0 /postinst configure; told started
[ -L "$root/etc/rc.d/S21shunt" ] && [ -L "$root/etc/rc.d/K89shunt" ] || die "it is not enabled"
: >"$root/told"
works env PKG_UPGRADE=1 /prerm upgrade; not_told .
rm "$root/etc/rc.d/S21shunt"
works env PKG_UPGRADE=1 /postinst configure; told started
[ ! -e "$root/etc/rc.d/S21shunt" ] || die "an upgrade enabled what was disabled"
: >"$root/told"; : >"$root/refuses"
works env PKG_UPGRADE=1 /postinst configure; not_told ended; says "refused by 1"; says "mend /etc/shunt/shunt.toml"
[ -e "$root/runs" ] || die "an upgrade that refuses the config ended the agent"
rm "$root/refuses" "$root/runs"; : >"$root/told"
works env PKG_UPGRADE=1 /postinst configure; not_told started
works env PKG_UPGRADE=0 /prerm remove; told ended; told "shunt stop --restore"
[ ! -L "$root/etc/rc.d/K89shunt" ] || die "a link for the boot is left behind"
: >"$root/told"
works sh -c 'mkdir /image && IPKG_INSTROOT=/image /postinst && IPKG_INSTROOT=/image /prerm'; not_told .
[ -L "$root/image/etc/rc.d/S21shunt" ] && [ -L "$root/image/etc/rc.d/K89shunt" ] || die "in an image it is not enabled"

# --- install.sh on a machine, and into images ---

# The archive, and what its scripts are given; the user is there where a stand-in makes it.
machine() {
    begin "$1"
    mkdir -p "$root"/archive/{systemd,openwrt,man,completions}
    program "$root/archive/shunt" 1
    cp "$packaging/tar/install.sh" "$packaging/shunt.toml" "$root/archive/"
    cp "$packaging"/systemd/shunt.* "$root/archive/systemd/"
    cp "$packaging"/openwrt/* "$root/archive/openwrt/"
    : >"$root/archive/man/shunt.8.gz"
    : >"$root/archive/completions/shunt.bash"
    printf 'root:x:0:0::/:/bin/sh\n' >"$root/etc/passwd"
    printf 'root:x:0:\n' >"$root/etc/group"
}
systemd() {
    machine "$1"
    mkdir -p "$root/run/systemd/system"
    stand_in usr/bin/systemctl <<'IN'
case "$1" in
is-active) if [ -e /runs ]; then echo active; else echo inactive; exit 3; fi ;;
daemon-reload) exit 1 ;;
esac
IN
    for tool in systemd-tmpfiles udevadm; do stand_in "usr/bin/$tool" <<<'exit 73'; done
    stand_in usr/bin/systemd-sysusers <<<'echo shunt:x:9:9::/:/bin/sh >>/etc/passwd'
    stand_in usr/bin/setpriv <<<'shift 5; [ ! -e /only-root ] || { [ "$1" = true ] || exit 4; }; exec "$@"'
}
install() { : >"$root/told"; works sh -c "cd /archive && umask 077 && sh install.sh $*"; }

systemd "a machine with systemd"
install
is etc/shunt 755; is etc/shunt/shunt.toml 644; is usr/bin/shunt 755; is usr/lib/sysusers.d 755
not_told 'restart'
[ ! -e "$root/usr/bin/shunt.try" ] || die "the program that was tried is left behind"
: >"$root/refuses"
install
says "refused by 1"; says "next: edit"
rm "$root/refuses"; : >"$root/runs"
install; told "systemctl restart shunt.service"
program "$root/archive/shunt" 2
for reason in refuses.2 only-root; do
    : >"$root/$reason"; : >"$root/told"
    fails sh -c 'sh /archive/install.sh'
    says "nothing was changed"; not_told restart
    [ "$(in_root chroot "$root" /usr/bin/shunt --version)" = 1 ] || die "a program that refuses the config is in place"
    [ ! -e "$root/usr/bin/shunt.try" ] || die "the program that was tried is left behind"
    rm "$root/$reason"
done
install --remove
told "systemctl disable --now shunt.service"; told "shunt stop --restore"; told "systemctl daemon-reload"
[ -e "$root/etc/shunt/shunt.toml" ] || die "the config is gone"
left=$(find "$root/usr" "$root/lib" -name '*shunt*' 2>/dev/null || true)
[ -z "$left" ] || die "left behind: $left"

systemd "systemd without systemd-sysusers"
rm "$root/usr/bin/systemd-sysusers"
fails sh /archive/install.sh
says "failed to make the user shunt"
[ ! -e "$root/usr/bin/shunt" ] && [ ! -e "$root/usr/lib/systemd" ] || die "it is half installed"
echo 'shunt:x:9:9::/:/bin/sh' >>"$root/etc/passwd"
install

machine "no service manager"
install
says "no service manager"
[ ! -e "$root/usr/lib/systemd" ] && [ ! -e "$root/etc/init.d" ] || die "a service is there for nobody"
install
install --remove; told "shunt stop --restore"

machine "a config on a partition that is not there yet"
mkdir "$root/etc/shunt"
ln -s /data/shunt.toml "$root/etc/shunt/shunt.toml"
install
[ -L "$root/etc/shunt/shunt.toml" ] || die "the operator's link was replaced"

machine "images"
mkdir -p "$root"/{new/usr/lib/systemd/system,old/lib/systemd/system,bare,linked/etc,run/systemd/system}
install --root /new; [ -e "$root/new/usr/lib/systemd/system/shunt.service" ] || die "no unit"
install --root /old; [ -e "$root/old/lib/systemd/system/shunt.service" ] || die "no unit where it has to be"
install --root /bare; says "no service manager"
[ ! -e "$root/bare/usr/lib/systemd" ] || die "the builder's service manager was taken for the image's"
ln -s /data "$root/linked/etc/shunt"
for wrong in '""' / /missing /linked; do
    : >"$root/told"
    fails sh -c "sh /archive/install.sh --root $wrong"
done
[ ! -e "$root/usr/bin/shunt" ] && [ ! -e "$root/missing" ] || die "the builder's machine was changed"
not_told .
echo "the scripts are good under $shell"
