# What all parts of the story use: checks, waiting, rows, ports, frames.
set -uo pipefail
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
guest=/.vm/guest
first=/.vm/first.deb second=/.vm/second.deb old=/.vm/old.deb
checks=0 failed=()

# check NAME FUNCTION WORD...: the function, in a shell of its own, which fail ends. must: its failure ends the part.
check() {
	local name=$1 began=$SECONDS
	shift
	checks=$((checks + 1))
	if ("$@"); then
		echo "ok      $name ($((SECONDS - began)) s)"
	else
		echo "FAILED  $name ($((SECONDS - began)) s)"
		failed+=("$name")
		return 1
	fi
}
must() { check "$@" || summary; }
summary() {
	echo "$((checks - ${#failed[@]})) of $checks checks passed, in $(cut -d. -f1 /proc/uptime) s from the kernel's start"
	[ "${#failed[@]}" -eq 0 ] || { printf 'failed: %s\n' "${failed[@]}"; exit 1; }
	exit 0
}
fail() {
	echo "        $*"
	systemctl --no-pager --full status sonic-telegen 2>&1 | tail -n 25 | sed 's/^/        | /'
	db 6 hgetall 'TELEGEN_TABLE|GLOBAL' 2>&1 | paste -sd' ' | sed 's/^/        | /'
	exit 1
}

# await SECONDS WORD...: until the command succeeds. Emulated CPUs make all of it 15 to 30 times slower.
await() {
	local until=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$until" ] || fail "never true: $*"
		sleep 0.5
	done
}
is() { [ "$1" = "$2" ] || fail "$3: $1, not $2"; }
has() { grep -qe "$2" "$1" || { sed 's/^/        > /' "$1" | tail -n 20; fail "$3: no $2 in it"; }; }
# quiet FILE WORD...: the command's output to a file; an operator never meets a traceback
quiet() {
	local into=$1 status=0
	shift
	"$@" >"$into" 2>&1 || status=$?
	! grep -q Traceback "$into" || { sed 's/^/        > /' "$into"; fail "a traceback of: $*"; }
	return "$status"
}

db() { redis-cli -s /run/redis/redis.sock -n "$@"; }
field() { db 6 hget "$1" "$2"; }
job_is() { [ "$(field "TELEGEN_JOB_TABLE|$1" status)" = "$2" ]; }
active() { systemctl -q is-active sonic-telegen; }
inactive() { ! active; }
main_pid() { systemctl show -P MainPID sonic-telegen; }
# systemd counts starts by hand too, and refuses the sixth within five minutes; here there are many.
restart() { systemctl reset-failed sonic-telegen && systemctl restart sonic-telegen; }
no_traceback() { ! journalctl --no-pager -u sonic-telegen | grep -m 1 -B 3 -A 20 Traceback || fail "a traceback in the journal"; }
version() { dpkg-query -W -f '${Version}' sonic-telegen; }
told_version() { field 'TELEGEN_TABLE|GLOBAL' version; }
# The agent that systemd runs told STATE_DB after it had started.
told() { active && [ "$(field 'TELEGEN_TABLE|GLOBAL' pid)" = "$(main_pid)" ]; }

packets() { field 'TELEGEN_INTERFACE_TABLE|Ethernet0|ingress' ipv4_packets; }
sent() { awk '{ sum += $1 } END { print sum + 0 }' /run/sent; }
counted() { [ "$(packets)" = "$(sent)" ]; }
exported() { [ "$(cat "${1:-/run/otlp}")" = "$(sent)" ]; }
# Each packet that was sent since boot was counted, and no other.
all_counted() {
	local until=$((SECONDS + 120))
	until counted; do
		[ "$SECONDS" -lt "$until" ] || fail "counted $(packets) packets, sent $(sent)"
		sleep 0.5
	done
}
frames() { ip netns exec hosts python3 "$guest/frames.py" host0 /run/sent "$@"; }
# Frames go on until traffic_stop.
traffic() {
	rm -f /run/stop
	frames until /run/stop &
	sender=$!
}
traffic_stop() {
	touch /run/stop
	wait "$sender" || fail "the sender failed"
}
plug() {
	: >/run/sent
	ip netns add hosts
	ip netns exec hosts sysctl -qw net.ipv6.conf.all.disable_ipv6=1
	ip link add Ethernet0 type veth peer name host0 netns hosts
	ip netns exec hosts ip link set host0 up
	ip link set Ethernet0 up
}
# As config save: what config-setup and config reload load.
save() {
	local key
	db 4 keys 'TELEGEN*' | sort | while read -r key; do
		echo "hset $key $(db 4 hgetall "$key" | paste -sd' ')"
	done >/etc/sonic/rows
	grep -q 'TELEGEN_JOB|up' /etc/sonic/rows || fail "no row was saved"
}
# Byte-compilation takes minutes on emulated CPUs: once is enough, and the builds have the same Python files.
compiled_once() { ln -s /bin/true /usr/local/bin/py3compile && ln -s /bin/true /usr/local/bin/py3clean; }
compiled_always() { rm -f /usr/local/bin/py3compile /usr/local/bin/py3clean; }
install() { apt-get -qq -o DPkg::Path="$PATH" install -y "$@"; }

# rest PATH: the status of GET over the unix socket
rest() {
	python3 - "$1" <<'PY'
import http.client, socket, sys
class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect("/run/sonic-telegen/telegen.sock")
asked = Unix("localhost")
asked.request("GET", sys.argv[1])
print(asked.getresponse().status)
PY
}
# Every place where the package leaves something.
nothing_left() {
	local left
	for left in /sys/fs/bpf/telegen-sonic /var/lib/sonic-telegen /run/sonic-telegen /usr/lib/sonic-telegen /etc/default/sonic-telegen \
		/usr/local/yang-models/sonic-telegen.yang /usr/local/bin/debug-dump/telegen /lib/systemd/system/sonic-telegen.service \
		/usr/lib/python3/dist-packages/sonic_telegen /usr/share/sonic-telegen /usr/lib/sysusers.d/sonic-telegen.conf; do
		[ ! -e "$left" ] || fail "$left stays: $(ls -la "$left")"
	done
	! ls /usr/local/lib/python3.*/dist-packages/*/plugins/telegen.py 2>/dev/null || fail "a plug-in stays"
	! find /etc/systemd /var/lib/systemd -name '*sonic-telegen*' | grep . || fail "systemd keeps something"
	! getent passwd telegen || fail "the user stays"
	! getent group telegen || fail "the group stays"
	! ip -details link | grep -i telegen || fail "a netdev stays"
}
