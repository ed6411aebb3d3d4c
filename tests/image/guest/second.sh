# After a reboot: STATE_DB is empty, the netdevs are new, CONFIG_DB is loaded from what was saved. Then the package goes.
. /.vm/guest/lib.sh

step "the service came up by itself"
await 180 systemctl -q is-active sonic-telegen
await 120 job_is up pending

step "a job waits for its port, and counts from zero when it is there"
plug
await 120 job_is up running
frames 300
await 120 counted 300

step "a job whose duration was over stays ended"
await 60 job_is short "done"

step "SONiC stops and starts its services: so is the agent, and it goes on counting"
before=$(main_pid)
systemctl stop sonic.target
await 60 sh -c '! systemctl -q is-active sonic-telegen'
frames 200
systemctl start sonic.target
await 180 systemctl -q is-active sonic-telegen
await 120 counted 500

step "removal is refused while there are rows"
if apt-get -qq purge -y sonic-telegen >/run/refused 2>&1; then fail "removed with rows"; fi
grep -q 'TELEGEN_JOB|up' /run/refused || { cat /run/refused; fail "the rows are not named"; }
is "$(systemctl is-active sonic-telegen)" active "the service after a refused removal"

step "purge leaves nothing"
TELEGEN_REMOVE_ROWS=yes apt-get -qq purge -y sonic-telegen 2>&1 | tail -n 5
is "$(tc filter show dev Ethernet0 ingress)" "" "filters"
is "$(tc qdisc show dev Ethernet0 | grep -c -e ingress -e clsact)" 0 "qdiscs"
is "$(db 4 keys 'TELEGEN*')" "" "rows"
for left in /sys/fs/bpf/telegen-sonic /var/lib/sonic-telegen /run/sonic-telegen /usr/lib/sonic-telegen /etc/default/sonic-telegen \
	/usr/local/yang-models/sonic-telegen.yang /usr/local/bin/debug-dump/telegen /lib/systemd/system/sonic-telegen.service \
	/usr/lib/python3/dist-packages/sonic_telegen; do
	[ ! -e "$left" ] || fail "$left stays: $(ls -la "$left")"
done
ls /usr/local/lib/python3.*/dist-packages/*/plugins/telegen.py 2>/dev/null && fail "a plug-in stays"
getent passwd telegen && fail "the user stays"
is "$(db 4 get CONFIG_DB_INITIALIZED)" 1 "what is not ours"
step "done"
