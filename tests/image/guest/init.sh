#!/bin/busybox sh
# PID 1 until systemd takes over: the root, writable over virtiofs, and /.vm, where the story lies and its results go.
B=/bin/busybox
$B mount -t devtmpfs dev /dev
$B mount -t proc proc /proc
$B mount -t sysfs sys /sys

die() {
	echo "image-init: $*"
	$B poweroff -f
}

for module in $($B cat /modules.list); do
	$B insmod "/modules/$module" || die "insmod $module failed"
done
$B mkdir -p /new
$B mount -t virtiofs root /new || die "cannot mount the root"
for dir in proc sys dev; do
	$B mount --move "/$dir" "/new/$dir"
done
$B mkdir -p /new/.vm
$B mount -t virtiofs out /new/.vm || die "cannot mount the out directory"
[ -e /new/hide-btf ] && $B mount -t tmpfs none /new/sys/kernel/btf
exec $B switch_root /new /sbin/init
