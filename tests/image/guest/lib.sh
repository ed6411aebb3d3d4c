# What both parts of the story use: steps, waiting, rows, ports, frames.
set -uo pipefail
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
guest=/.vm/guest

step() { echo "[$(cut -d' ' -f1 /proc/uptime)] $*"; }
fail() {
	echo "FAILED: $*"
	systemctl --no-pager --full status sonic-telegen 2>&1 | tail -n 30
	db 6 hgetall 'TELEGEN_TABLE|GLOBAL'
	exit 1
}
# await SECONDS WORD...: until the command succeeds; TCG makes all of it 15 to 30 times slower
await() {
	local until=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$until" ] || fail "never true: $*"
		sleep 0.5
	done
}
is() { [ "$1" = "$2" ] || fail "$3: $1, not $2"; }
db() { redis-cli -s /run/redis/redis.sock -n "$@"; }
field() { db 6 hget "$1" "$2"; }
job_is() { [ "$(field "TELEGEN_JOB_TABLE|$1" status)" = "$2" ]; }
packets() { field 'TELEGEN_INTERFACE_TABLE|Ethernet0|ingress' ipv4_packets; }
counted() { [ "$(packets)" = "$1" ]; }
frames() { ip netns exec hosts python3 "$guest/frames.py" host0 "$@"; }
plug() {
	ip netns add hosts
	ip netns exec hosts sysctl -qw net.ipv6.conf.all.disable_ipv6=1
	ip link add Ethernet0 type veth peer name host0 netns hosts
	ip netns exec hosts ip link set host0 up
	ip link set Ethernet0 up
}
main_pid() { systemctl show -P MainPID sonic-telegen; }
# The REST over the unix socket: the status of GET PATH
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
