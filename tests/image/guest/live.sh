# A switch's day: from apt to an upgrade under traffic, and what may go wrong while jobs count.
. /.vm/guest/lib.sh
. /.vm/guest/faults.sh

redis_is_there() { await 120 db 4 get CONFIG_DB_INITIALIZED; }

installs() {
	install "$first" >/run/out 2>&1 || { tail /run/out; fail "apt failed"; }
	is "$(systemctl is-enabled sonic-telegen)" enabled "enabled"
	await 120 told
	compiled_once
}

sandboxed() {
	local status
	status=/proc/$(main_pid)/status
	grep -q '^Groups:.*\b'"$(getent group redis | cut -d: -f3)"'\b' "$status" || fail "not in group redis"
	is "$(ps -o user= -p "$(main_pid)")" telegen "user"
	is "$(awk '/CapEff|CapBnd/ {printf "%s ", $2}' "$status")" \
		"000000c000001000 000000c000001000 " "capabilities: BPF, NET_ADMIN, PERFMON"
	! ss -Hltn | grep 8080 || fail "it listens on TCP"
	systemd-analyze security --no-pager sonic-telegen | tail -n 1 | tee /run/out
	is "$(awk '{ for (i = 1; i < NF; i++) if ($i == "sonic-telegen.service:") print ($(i + 1) <= 2.0) }' /run/out)" 1 "exposure is at most 2.0"
}

plug_ins() {
	local file
	for file in /usr/local/lib/python3.*/dist-packages/{config,show,clear}/plugins/telegen.py /usr/local/yang-models/sonic-telegen.yang \
		/usr/local/bin/debug-dump/telegen; do
		[ -s "$file" ] || fail "$file is missing"
	done
	quiet /run/out config telegen job --help || { cat /run/out; fail "config telegen job"; }
	has /run/out add "its commands"
	quiet /run/out show telegen || { cat /run/out; fail "show telegen"; }
	has /run/out "$(told_version | cut -d' ' -f1)" "the version"
}

counts() {
	plug
	quiet /run/out config telegen job add up --port Ethernet0 || { cat /run/out; fail "config telegen job add"; }
	await 120 job_is up running
	frames 1000
	all_counted
}

exports() {
	python3 "$guest/otlp.py" 4318 /run/otlp &
	db 4 hset 'TELEGEN|GLOBAL' otlp_endpoint http://127.0.0.1:4318 otlp_protocol http/protobuf export_interval 2 >/dev/null
	await 120 exported
}

doors() {
	quiet /run/out show telegen job up || { cat /run/out; fail "show telegen job"; }
	has /run/out '1,\?000' "the packets"
	is "$(rest /healthz)" 200 "/healthz"
	is "$(rest /jobs/up)" 200 "/jobs/up"
	is "$(stat -c '%U:%G %a' /run/sonic-telegen/telegen.sock)" "telegen:redis 660" "REST's socket"
	/usr/local/bin/debug-dump/telegen >/.vm/debug-dump || fail "debug-dump"
	has /.vm/debug-dump 'telegen/if@' "debug-dump"
	! grep -q '^Usage:' /.vm/debug-dump || fail "debug-dump: a command of it is wrong"
}

ends() {
	db 4 hset 'TELEGEN_JOB|short' port Ethernet0 duration_sec 3 >/dev/null
	await 120 job_is short "done"
}

killed() {
	local before
	before=$(main_pid)
	traffic
	kill -9 "$before"
	await 180 told
	traffic_stop
	[ "$(main_pid)" != "$before" ] || fail "the same process"
	is "$(systemctl show -P NRestarts sonic-telegen)" 1 "restarts"
	all_counted
}

upgraded() {
	local before
	before=$(main_pid)
	traffic
	install "$second" >/run/out 2>&1 || { tail /run/out; fail "apt failed"; }
	await 180 told
	[ "$(main_pid)" != "$before" ] || fail "the upgrade left the old agent"
	traffic_stop
	is "$(version)" "$(dpkg-deb -f "$second" Version)" "the version installed"
	all_counted
	await 120 exported
	await 60 job_is up running
	echo "        $(tail -n 1 /run/sent) packets were sent meanwhile"
}

saved() {
	no_traceback
	is "$(rest /healthz)" 200 "/healthz"
	all_counted
	await 120 exported
	await 60 job_is short "done"
	save
	echo "        its control group has $(systemctl show -P MemoryCurrent sonic-telegen) bytes," \
		"its RSS is $(awk '/VmRSS/ {print int($2 / 1024)}' "/proc/$(main_pid)/status") MiB"
}

must "SONiC's Redis is there" redis_is_there
must "apt installs the package from its file; the agent told STATE_DB" installs
check "user, groups, capabilities, exposure at most 2.0, no TCP port" sandboxed
check "plug-ins, YANG model and debug-dump where SONiC looks; config and show find them" plug_ins
must "a job by config: each packet counted" counts
check "exported by OTLP" exports
check "show, REST on its socket, debug-dump" doors
check "a job with a duration ends by itself" ends
check "kill -9 under traffic: systemd starts it anew, no packet lost" killed
check "upgrade under traffic: no packet lost" upgraded
faults
check "after all of it: as many packets counted as were sent" saved
summary
