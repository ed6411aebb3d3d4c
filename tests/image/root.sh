#!/usr/bin/env bash
# root.sh SUITE FOLDER [PACKAGE]: a Debian of SUITE with systemd, Redis and what the package depends on, in FOLDER;
# with PACKAGE that too.
#
# Made once by debootstrap and kept as an archive in TELEGEN_CACHE. Root.
set -euo pipefail
suite=$1 folder=$2 more=${3:-}
packages=systemd,systemd-sysv,dbus,udev,kmod,iproute2,procps,python3,redis-server,libbpf1,libpcap0.8
[ "$suite" = bookworm ] || packages=${packages/libpcap0.8/libpcap0.8t64}
cache=${TELEGEN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/telegen-sonic}
packages+=${more:+,$more}
archive=$cache/image-$suite${more:+-$more}.tar

mkdir -p "$cache"
exec 9>"$cache/.image-$suite${more:+-$more}.lock"
flock 9
if [ ! -e "$archive" ]; then
	echo "debootstrap $suite" >&2
	work=$(mktemp -d "$cache/.new-XXXXXX")
	trap 'rm -rf --one-file-system "$work"' EXIT
	debootstrap --variant=minbase --include="$packages" "$suite" "$work/root" >"$work/log" || { tail "$work/log" >&2; exit 1; }
	rm -rf "$work"/root/var/cache/apt/archives/*.deb "$work"/root/var/lib/apt/lists/*
	# SONiC's Redis is there when its services start, by its own paths and names; the tests start one like it.
	chroot "$work/root" systemctl -q disable redis-server.service
	tar -C "$work/root" -cf "$archive.new" .
	mv "$archive.new" "$archive"
fi
flock -u 9
rm -rf --one-file-system "$folder"
mkdir -p "$folder"
tar -C "$folder" -xf "$archive"
# A machine that is thrown away need not wait for the disk.
echo force-unsafe-io >"$folder/etc/dpkg/dpkg.cfg.d/unsafe-io"
# A clock that is set makes apt's own timers run, which would hold its lock.
rm -f "$folder"/etc/systemd/system/timers.target.wants/apt-daily*.timer
