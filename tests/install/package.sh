# Run by package.rs as root: sh package.sh DEB FOLDER. In a mount, network and pid namespace of its own, over the machine's
# system but with a layer above it that takes all changes: installs the package, uses it, removes it. FOLDER is empty.
set -eu
deb=$1 folder=$2

if [ -z "${INSIDE:-}" ]; then
    INSIDE=1 exec unshare --mount --net --pid --fork --kill-child sh "$0" "$deb" "$folder"
fi

if [ "$INSIDE" = 1 ]; then
    ip link set lo up
    mount -t tmpfs tmpfs "$folder"
    cd "$folder"
    mkdir upper work root
    mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" root
    mount -t proc proc root/proc
    mount -t tmpfs tmpfs root/run
    mount -t tmpfs tmpfs root/tmp
    mount --rbind /dev root/dev
    cp "$deb" root/tmp/ser.deb
    cp "$0" root/tmp/package.sh
    # It would keep invoke-rc.d from starting anything.
    rm -f root/usr/sbin/policy-rc.d
    # So would not knowing the runlevel: there is no init in here.
    rm -f root/sbin/runlevel
    printf '#!/bin/sh\necho N 2\n' >root/sbin/runlevel
    chmod +x root/sbin/runlevel
    exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive INSIDE=2 \
        chroot root sh /tmp/package.sh /tmp/ser.deb /
fi

# What failed is the last line on stderr.
set -x
step() { echo "== $1"; }
fail() { echo "FAILED: $1" >&2; exit 1; }
register() { sipsak -U -i -s sip:alice@127.0.0.1 -C sip:alice@127.0.0.1:5070 >/tmp/sipsak 2>&1 || { cat /tmp/sipsak; fail "a phone registers"; }; }
stopped() { if runs || pgrep -x ser; then fail "the server is stopped"; fi; }
runs() { /etc/init.d/ser status >/dev/null; }

step "it installs, and the server starts as its user"
dpkg -i "$deb"
runs
pid=$(cat /run/ser/ser.pid)
ps -o user= -p "$pid" | grep -qx ser
[ "$(stat -c %U /run/ser /var/lib/ser | sort -u)" = ser ]
ldd /usr/sbin/ser | grep -q '=> /usr/sbin/../lib/ser/libstd-'
ls /etc/rc2.d | grep -q 'S..ser$'

step "a phone registers"
register

step "its init script stops and starts it"
/etc/init.d/ser stop
stopped
/etc/init.d/ser start
register
invoke-rc.d ser restart
register

step "its programs and pages are found"
ser -V | grep -q '^version: ser '
ser -c 2>&1 | grep -qx 'config file ok, exiting...'
serctl version >/dev/null
man -w ser ser.cfg serctl >/dev/null

step "an upgrade keeps what was changed and restarts a server that runs"
echo '# mine' >>/etc/ser/ser.cfg
old=$(cat /run/ser/ser.pid)
dpkg -i --force-confold "$deb"
grep -qx '# mine' /etc/ser/ser.cfg
runs
[ "$old" != "$(cat /run/ser/ser.pid)" ]
register

step "and leaves one alone that was stopped"
/etc/init.d/ser stop
dpkg -i --force-confold "$deb"
stopped

step "a config with a mistake does not fail the installation"
/etc/init.d/ser start
echo 'route { dorp; }' >>/etc/ser/ser.cfg
dpkg -i --force-confold "$deb"
[ "$(dpkg-query -W -f '${Status}' ser)" = "install ok installed" ]
runs

step "removed, it leaves config and data; purged, nothing"
dpkg -r ser
[ -z "$(pgrep -x ser)" ]
grep -qx '# mine' /etc/ser/ser.cfg
/etc/init.d/ser stop
dpkg -P ser
for path in /etc/ser /etc/init.d/ser /etc/default/ser /var/lib/ser /run/ser /usr/lib/ser /usr/sbin/ser; do
    if [ -e "$path" ]; then fail "$path is gone"; fi
done
if getent passwd ser || ls /etc/rc?.d | grep 'ser$'; then fail "user and links are gone"; fi
step "all is well"
