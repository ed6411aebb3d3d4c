# After a reboot: STATE_DB is empty, the netdevs are new, CONFIG_DB is loaded from what was saved. Then the package goes.
. /.vm/guest/lib.sh

came_up() {
	await 180 told
	await 120 job_is up pending
}

from_zero() {
	plug
	await 120 job_is up running
	frames 300
	all_counted
}

stays_ended() {
	await 60 job_is short "done"
	! tc filter show dev Ethernet0 ingress | grep telegen/job/short || fail "it has a filter"
}

target_restarted() {
	local before
	before=$(main_pid)
	systemctl stop sonic.target
	await 60 inactive
	frames 200
	systemctl start sonic.target
	await 180 told
	[ "$(main_pid)" != "$before" ] || fail "the same process"
	all_counted
}

year_1970() {
	local now
	python3 "$guest/otlp.py" 4318 /run/otlp &
	now=$(date +%s)
	date -s @86400 >/dev/null || fail "the clock cannot be set" # not before the kernel's start
	restart || fail "it does not start in 1970"
	await 120 told
	frames 100
	all_counted
	db 4 hset 'TELEGEN_JOB|epoch' port Ethernet0 duration_sec 3 >/dev/null
	await 120 job_is epoch "done"
	await 60 job_is short "done"
	is "$(date +%Y)" 1970 "the year"
	date -s "@$((now + 60))" >/dev/null || fail "the clock cannot be set right"
	frames 100
	all_counted
	await 120 exported
	await 60 job_is up running
	await 60 job_is epoch "done"
	db 4 del 'TELEGEN_JOB|epoch' >/dev/null
	quiet /run/out show telegen jobs || { cat /run/out; fail "show telegen jobs"; }
}

refused() {
	! quiet /run/out apt-get -qq purge -y sonic-telegen || fail "removed with rows"
	has /run/out 'TELEGEN_JOB|up' "the rows"
	active || fail "the service stopped"
	frames 50
	all_counted
}

purged() {
	ip link add Ethernet4 type veth peer name host4 netns hosts
	ip link set Ethernet4 up
	tc qdisc add dev Ethernet4 clsact
	tc filter add dev Ethernet4 ingress prio 9 protocol ip u32 match u32 0 0 flowid 1:1
	db 4 hset 'TELEGEN_JOB|second' port Ethernet4 direction both >/dev/null
	db 4 hset 'TELEGEN_JOB|own' port Ethernet0 ip_proto udp >/dev/null
	await 120 job_is second running
	await 120 job_is own running
	compiled_always
	TELEGEN_REMOVE_ROWS=yes apt-get -qq purge -y sonic-telegen >/run/out 2>&1 || { tail /run/out; fail "apt failed"; }
	is "$(tc filter show dev Ethernet0 ingress)" "" "filters"
	is "$(tc qdisc show dev Ethernet0 | grep -c -e ingress -e clsact)" 0 "qdiscs"
	tc filter show dev Ethernet4 ingress >/run/out
	has /run/out 'pref 9 u32' "a stranger's filter"
	! grep telegen /run/out || fail "filters of ours beside a stranger's"
	ip link del Ethernet4
	is "$(db 4 keys 'TELEGEN*')" "" "rows"
	is "$(db 4 get CONFIG_DB_INITIALIZED)" 1 "what is not ours"
	nothing_left
}

must "after a reboot the service came up by itself; a job waits for its port" came_up
must "new netdev: it counts from zero" from_zero
check "a job whose duration was over stays ended" stays_ended
check "sonic.target stops and starts it; what came meanwhile was counted" target_restarted
check "the clock in 1970, then set right" year_1970
check "removal is refused while there are rows, and counting goes on" refused
check "purge leaves no filter, qdisc, pin, netdev, file, user, row; a stranger's filter stays" purged
summary
