# Runs /run/vm/command.sh as root; leaves log, exit code and kernel log in /.vm, then switches the machine off.
echo 1 > /proc/sys/kernel/printk # the console shows emergencies only from here on; dmesg has everything
ip link set lo up
# As long as one is there, the kernel's own instructions at every ingress and egress are not rewritten when a test makes its first
# clsact or removes its last: a guest of QEMU 7.2, with a thread for each CPU, was seen to hang at that one.
ip netns add keep && ip netns exec keep tc qdisc add dev lo clsact
cut -d' ' -f1 /proc/uptime > /.vm/up
bash /run/vm/command.sh > /.vm/log 2>&1 < /dev/null
echo $? > /.vm/rc.part
dmesg > /.vm/dmesg
mv /.vm/rc.part /.vm/rc # last: an exit code means that everything else is there
sync
echo o > /proc/sysrq-trigger
sleep 60
