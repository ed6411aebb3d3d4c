# The first boot: from apt to an upgrade under traffic.
. /.vm/guest/lib.sh

step "SONiC's Redis is there"
await 120 db 4 get CONFIG_DB_INITIALIZED

step "apt installs the package from its file"
apt-get -qq install -y /.vm/first.deb 2>&1 | tail -n 3
is "$(systemctl is-enabled sonic-telegen)" enabled "enabled"
await 120 systemctl -q is-active sonic-telegen
is "$(field 'TELEGEN_TABLE|GLOBAL' pid)" "$(main_pid)" "the agent that told STATE_DB"
grep -q '^Groups:.*\b'"$(getent group redis | cut -d: -f3)"'\b' "/proc/$(main_pid)/status" || fail "not in group redis"
is "$(ps -o user= -p "$(main_pid)")" telegen "user"
is "$(awk '/CapEff|CapBnd/ {printf "%s ", $2}' "/proc/$(main_pid)/status")" \
	"000000c000001000 000000c000001000 " "capabilities: BPF, NET_ADMIN, PERFMON"
ss -Hltn | grep -q 8080 && fail "it listens on TCP"
step "exposure: $(systemd-analyze security --no-pager sonic-telegen | tail -n 1)"

step "plug-ins, YANG model and debug-dump are where SONiC looks"
for file in /usr/local/lib/python3.*/dist-packages/{config,show,clear}/plugins/telegen.py /usr/local/yang-models/sonic-telegen.yang \
	/usr/local/bin/debug-dump/telegen; do
	[ -s "$file" ] || fail "$file is missing"
done

step "a row is counted, told, exported and shown"
plug
python3 "$guest/otlp.py" 4318 /run/otlp &
db 4 hset 'TELEGEN|GLOBAL' otlp_endpoint http://127.0.0.1:4318 otlp_protocol http/protobuf export_interval 2 >/dev/null
db 4 hset 'TELEGEN_JOB|up' port Ethernet0 >/dev/null
await 120 job_is up running
frames 1000
await 120 counted 1000
await 120 grep -qx 1000 /run/otlp
telegen show job up | tee /run/shown | head -n 20
grep -q 1,000 /run/shown || grep -q 1000 /run/shown || fail "telegen show job does not show it"
is "$(rest /healthz)" 200 "REST over the unix socket"
is "$(stat -c '%U:%G %a' /run/sonic-telegen/telegen.sock)" "telegen:redis 660" "its socket"
/usr/local/bin/debug-dump/telegen >/.vm/debug-dump || fail "debug-dump"
grep -q 'telegen/if@' /.vm/debug-dump || fail "debug-dump shows no filter"

step "a job with a duration ends by itself"
db 4 hset 'TELEGEN_JOB|short' port Ethernet0 duration_sec 3 >/dev/null
await 120 job_is short done

step "killed: systemd starts it anew, and it goes on counting"
before=$(main_pid)
kill -9 "$before"
frames 500
await 180 systemctl -q is-active sonic-telegen
[ "$(main_pid)" != "$before" ] || fail "the same process"
await 120 counted 1500

step "a wrong variable ends it with status 2, is named in the journal, and is not tried again"
echo TELEGEN_LOG_LEVEL=loud >>/etc/default/sonic-telegen
systemctl restart sonic-telegen 2>/dev/null && fail "it started"
is "$(systemctl show -P ExecMainStatus -P ActiveState sonic-telegen | sort | xargs)" "2 failed" "status"
journalctl --no-pager -u sonic-telegen | grep -q "TELEGEN_LOG_LEVEL='loud'" || fail "the variable is not named"
sed -i '$d' /etc/default/sonic-telegen
systemctl reset-failed sonic-telegen
systemctl start sonic-telegen || fail "it does not start again"
await 120 counted 1500

step "an upgrade under traffic loses no packet"
before=$(main_pid)
frames 4000 80 &
sender=$!
apt-get -qq install -y /.vm/second.deb 2>&1 | tail -n 3
[ "$(main_pid)" != "$before" ] || fail "the upgrade left the old agent"
kill -0 "$sender" || fail "the traffic ended before the upgrade: send for longer"
await 180 systemctl -q is-active sonic-telegen
wait "$sender"
await 120 counted 5500
await 120 grep -qx 5500 /run/otlp
await 60 job_is up running
case $(dpkg-query -W -f '${Version}' sonic-telegen) in *+second) ;; *) fail "the second build is not installed" ;; esac

step "memory: $(systemctl show -P MemoryCurrent sonic-telegen) bytes in its control group, RSS $(awk '/VmRSS/ {print $2}' "/proc/$(main_pid)/status") kB"
db 4 hget 'TELEGEN_JOB|short' duration_sec
printf '%s\n' "hset TELEGEN_JOB|up port Ethernet0" "hset TELEGEN_JOB|short port Ethernet0 duration_sec 3" >/etc/sonic/rows
step "done"
