# Runs the part of the story that this boot is about; leaves log and exit code in /.vm, then switches the machine off.
dmesg -n 1
cut -d' ' -f1 /proc/uptime >/.vm/up
bash "/.vm/guest/$(cat /.vm/part).sh" >/.vm/log 2>&1 </dev/null
echo $? >/.vm/rc.part
journalctl --no-pager -b >/.vm/journal
dmesg >/.vm/dmesg
mv /.vm/rc.part /.vm/rc
sync
echo o >/proc/sysrq-trigger
sleep 60
