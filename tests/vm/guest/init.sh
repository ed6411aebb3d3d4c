#!/bin/busybox sh
# PID 1 of the VM: the host's root, read-only over virtiofs, becomes ours under a tmpfs overlay; /.vm is the out directory.
# Each share is read and written by the device that vmrun.py gives it; /vm.conf says which kernel this is.
B=/bin/busybox
$B mount -t devtmpfs dev /dev
$B mount -t proc proc /proc
$B mount -t sysfs sys /sys
. /vm.conf

die() {
	echo "vm-init: $*"
	$B poweroff -f
}

for module in $($B cat /modules.list); do
	$B insmod "/modules/$module" || die "insmod $module failed"
done
$B mkdir -p /host /rw /new
$B mount -t virtiofs -o ro root /host || die "cannot mount the host's root"
$B mount -t tmpfs -o size=80% tmpfs /rw
$B mkdir /rw/upper /rw/work
$B mount -t overlay -o lowerdir=/host,upperdir=/rw/upper,workdir=/rw/work overlay /new || die "cannot mount the overlay"
for dir in proc sys dev; do
	$B mkdir -p "/new/$dir"
	$B mount --move "/$dir" "/new/$dir"
done
$B mkdir -p /new/.vm "/new/lib/modules/$RELEASE" /new/dev/pts /new/dev/shm /new/run
$B mount -t virtiofs out /new/.vm || die "cannot mount the out directory"
$B mount --bind "/host$KERNEL/lib/modules/$RELEASE" "/new/lib/modules/$RELEASE" || die "cannot mount the modules"
$B mount -t devpts devpts /new/dev/pts
$B mount -t tmpfs tmpfs /new/dev/shm
$B mount -t tmpfs tmpfs /new/run
$B mkdir -p /new/run/netns /new/run/lock /new/run/vm
$B mount -t bpf bpf /new/sys/fs/bpf
$B mount -t cgroup2 cgroup /new/sys/fs/cgroup
$B cp /command.sh /run.sh /new/run/vm/
exec $B switch_root /new /bin/bash /run/vm/run.sh
