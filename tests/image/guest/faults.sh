# What happens to a switch while jobs count.

redis_away() {
	save
	systemctl stop sonic.target config-setup database || fail "it does not stop"
	await 60 inactive
	systemctl reset-failed sonic-telegen
	systemctl start sonic-telegen || fail "it does not start without Redis"
	traffic
	systemctl start database config-setup sonic.target
	await 180 told
	traffic_stop
	await 120 job_is up running
	await 60 job_is short "done"
	all_counted
}

management_vrf() {
	modprobe vrf || fail "no VRF in this kernel"
	ip link add mgmt type vrf table 5000 && ip link set mgmt up
	ip netns add collector
	ip link add eth0 type veth peer name col0 netns collector
	ip link set eth0 master mgmt && ip addr add 10.9.0.1/24 dev eth0 && ip link set eth0 up
	ip netns exec collector ip addr add 10.9.0.2/24 dev col0
	ip netns exec collector ip link set col0 up
	ip netns exec collector python3 "$guest/otlp.py" 4318 /run/otlp-mgmt 10.9.0.2 &
	db 4 hset 'TELEGEN|GLOBAL' otlp_endpoint http://10.9.0.2:4318 >/dev/null
	await 120 export_fails
	[ ! -e /run/otlp-mgmt ] || fail "the collector is reached without the VRF"
	db 4 hset 'TELEGEN|GLOBAL' otlp_vrf mgmt >/dev/null
	await 120 exported /run/otlp-mgmt
	quiet /run/out show telegen doctor Ethernet0
	has /run/out 'in VRF mgmt' "show telegen doctor"
	db 4 hdel 'TELEGEN|GLOBAL' otlp_vrf >/dev/null
	db 4 hset 'TELEGEN|GLOBAL' otlp_endpoint http://127.0.0.1:4318 >/dev/null
	await 120 exported
}
export_fails() { [ -n "$(field 'TELEGEN_TABLE|GLOBAL' otlp_last_error)" ]; }

no_room() {
	mount -t tmpfs -o size=4k none /var/lib/sonic-telegen
	dd if=/dev/zero of=/var/lib/sonic-telegen/full bs=4k count=1 2>/dev/null
	restart || fail "it does not start"
	await 120 told
	db 4 hset 'TELEGEN_JOB|later' port Ethernet0 duration_sec 3 >/dev/null
	await 120 job_is later "done"
	frames 100
	all_counted
	journalctl --no-pager -u sonic-telegen | grep -q 'No space left on device' || fail "nothing is said of it"
	umount -l /var/lib/sonic-telegen
	db 4 del 'TELEGEN_JOB|later' >/dev/null
	restart
	await 120 told
	await 60 job_is short "done"
}

downgraded() {
	systemctl reset-failed sonic-telegen
	traffic
	dpkg -i "$first" >/run/out 2>&1 || { tail /run/out; fail "dpkg failed"; }
	await 180 told
	traffic_stop
	is "$(version)" "$(dpkg-deb -f "$first" Version)" "the version installed"
	all_counted
}

# An older version, whose maps have a layout of their own, does not know the pins that it finds.
downgraded_below_the_layout() {
	systemctl reset-failed sonic-telegen
	dpkg -i "$old" >/run/out 2>&1 || { tail /run/out; fail "dpkg failed"; }
	await 180 told
	await 120 job_is up failed
	field 'TELEGEN_JOB_TABLE|up' message >/run/out
	has /run/out 'sonic-telegen detach --all' "the remedy"
	tc filter show dev Ethernet0 ingress | grep -q telegen/if || fail "it took the filter away"
	systemctl stop sonic-telegen
	sonic-telegen detach --all >/run/out 2>&1 || { cat /run/out; fail "detach --all"; }
	: >/run/sent
	restart
	await 180 told
	await 120 job_is up running
	frames 100
	all_counted
}

pins_of_an_older_version() {
	systemctl reset-failed sonic-telegen
	traffic
	dpkg -i "$second" >/run/out 2>&1 || { tail /run/out; fail "dpkg failed"; }
	await 180 told
	await 120 job_is up running
	traffic_stop
	all_counted
	journalctl --no-pager -u sonic-telegen | grep -q migrated || fail "nothing is said of the migration"
}

faults() {
	check "SONiC and its Redis away and back, the agent meanwhile started without: no packet lost" redis_away
	check "OTLP through the management VRF" management_vrf
	check "no room for its state: counts, ends jobs, says so" no_room
	check "downgrade under traffic: no packet lost" downgraded
	check "downgrade to a version that cannot read the pins: says so and how to go on, touches nothing" downgraded_below_the_layout
	check "upgrade under traffic over an older version's pins: migrated, no packet lost" pins_of_an_older_version
}
