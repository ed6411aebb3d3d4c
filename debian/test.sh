#!/usr/bin/env bash
# test.sh FOLDER: the package that build.sh made in FOLDER, as a user meets it. Root; minutes.
#
# Builds it once more in another folder and compares bytes; installs it into a Debian of its own (made once by
# debootstrap and kept in TELEGEN_CACHE), first as it is, then with packages that stand in for sonic-utilities and
# sonic_yang; tries a model that breaks and removal with rows; purges it and compares every file with what was before.
set -euo pipefail
folder=$(realpath "$1")
arch=$(dpkg --print-architecture)
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
cache=${TELEGEN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/telegen-sonic}
deb=$(ls "$folder"/sonic-telegen_*_"$arch".deb)
work=$(mktemp -d /tmp/telegen-deb-$$-XXXXXX)
root=$work/root
redis_pid=

say() { printf '\n== %s\n' "$*"; }
fail() { echo "FAILED: $*" >&2; exit 1; }
cleanup() {
	[ -n "$redis_pid" ] && kill "$redis_pid" 2>/dev/null && wait "$redis_pid" 2>/dev/null || true
	mountpoint -q "$root/proc" && umount "$root/proc"
	rm -rf --one-file-system "$work"
}
trap cleanup EXIT

say "a second build, elsewhere, is equal byte for byte"
debian/build.sh "$work/again/sonic-telegen" "$arch" >/dev/null
cmp "$deb" "$work/again/${deb##*/}" || fail "the two builds differ"
rm -r "$work/again"

say "a Debian $suite"
base=$cache/root-$suite-$arch.tar
if [ ! -e "$base" ]; then
	mkdir -p "$cache"
	debootstrap --variant=minbase --include=systemd,python3,libbpf1,libpcap0.8 "$suite" "$work/base" >"$work/debootstrap.log" ||
		{ tail "$work/debootstrap.log" >&2; exit 1; }
	rm -rf "$work"/base/var/cache/apt/archives/*.deb
	tar -C "$work/base" -cf "$base.new" . && mv "$base.new" "$base"
	rm -rf --one-file-system "$work/base"
fi
mkdir "$root"
tar -C "$root" -xf "$base"
mount -t proc proc "$root/proc"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" # an image that is being built starts nothing
chmod 755 "$root/usr/sbin/policy-rc.d"
cp "$deb" "$root/root/"
dists=$root/usr/local/lib/python3.$("$root/usr/bin/python3" -c 'import sys; print(sys.version_info[1])')/dist-packages
in_root() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
files() { (cd "$root" && find . -xdev \( -path ./proc -o -path ./var/lib/dpkg -o -path ./var/log -o -path ./var/cache -o -path ./root \) -prune \
	-o ! -name '*-' ! -path './etc/.pwd.lock' -printf '%y %m %u %p %l\n' | sort); }
install_deb() { in_root dpkg -i "/root/${deb##*/}"; }

files >"$work/before"

say "install where nothing of SONiC is: no Redis, no sonic-utilities"
install_deb
in_root getent passwd telegen
in_root id -nG telegen | grep -qw redis || fail "telegen is not in group redis"
in_root sonic-telegen --version
in_root telegen --version
in_root telegen --help >/dev/null
in_root python3 -IS -c 'import sys; sys.path[:0] = ["/usr/lib/sonic-telegen/site"]
import redis, pyroute2, aiohttp, grpc, requests, opentelemetry.sdk.metrics
import opentelemetry.exporter.otlp.proto.grpc.metric_exporter, opentelemetry.exporter.otlp.proto.http.metric_exporter'
for target in multi-user sonic; do
	[ -L "$root/etc/systemd/system/$target.target.wants/sonic-telegen.service" ] || fail "the service is not enabled in $target.target"
done

say "the bill of materials lists what is there"
zcat "$root/usr/share/doc/sonic-telegen/sbom.cdx.json.gz" | python3 -c 'import json, sys
for part in json.load(sys.stdin)["components"]: print(part["name"], part["version"])' | sort >"$work/listed"
in_root python3 -IS -c 'from importlib.metadata import distributions
for one in distributions(path=["/usr/lib/sonic-telegen/site"]): print(one.metadata["Name"].lower().replace("_", "-"), one.version)' | sort >"$work/there"
diff "$work/listed" "$work/there" || fail "the bill of materials differs"

say "bcc compiles the packaged source, where python3-bpfcc is on the machine that tests"
if /usr/bin/python3 -I -c 'import bcc' 2>/dev/null; then
	/usr/bin/python3 -IBc 'import sys; sys.path.append(sys.argv[1])
from sonic_telegen.kernel import compiled, compiler
assert str(compiler.packaged(compiled.SOURCE)).startswith(sys.argv[1]), compiler.packaged(compiled.SOURCE)
assert {"telegen_if", "telegen_if_punt"} < compiled.compile_interface().functions.keys()' "$root/usr/lib/python3/dist-packages"
else
	echo "not tried: there is none"
fi

say "install again, over itself, where SONiC is"
tests/image/sonic_python.sh "$root"
install_deb
for place in "$dists"/{config,show,clear}/plugins/telegen.py "$root"/usr/local/yang-models/sonic-telegen.yang "$root/usr/local/bin/debug-dump/telegen"; do
	[ -s "$place" ] || fail "$place is missing"
done

say "a model that does not load with the switch's is not placed, and the package says so"
cp "$root/usr/share/sonic-telegen/yang/sonic-telegen.yang" "$work/model"
rm "$root/usr/local/yang-models/sonic-telegen.yang"
echo broken >"$root/usr/share/sonic-telegen/yang/sonic-telegen.yang"
if in_root /usr/lib/sonic-telegen/integrate place 2>"$work/err"; then fail "a broken model was taken"; fi
grep -q 'sonic-telegen.yang is broken' "$work/err" || { cat "$work/err"; fail "the reason is missing"; }
[ ! -e "$root/usr/local/yang-models/sonic-telegen.yang" ] || fail "a broken model was placed"
cp "$work/model" "$root/usr/share/sonic-telegen/yang/sonic-telegen.yang"
in_root /usr/lib/sonic-telegen/integrate place

say "removal is refused while a saved row of ours needs the model"
mkdir "$root/etc/sonic"
echo '{"TELEGEN_JOB": {"uplink": {"port": "Ethernet0"}}}' >"$root/etc/sonic/config_db.json"
if in_root dpkg -r sonic-telegen 2>"$work/err"; then fail "removed with rows"; fi
grep -q 'TELEGEN_JOB|uplink' "$work/err" || { cat "$work/err"; fail "the row is not named"; }
[ "$(in_root dpkg-query -W -f '${db:Status-Status}' sonic-telegen)" = installed ] || fail "a refused removal changed the state"

say "removal is refused while there are rows in CONFIG_DB; when told, they go with the package"
echo '{}' >"$root/etc/sonic/config_db.json"
mkdir -p "$root/run/redis/sonic-db"
cat >"$root/run/redis/sonic-db/database_config.json" <<'JSON'
{"INSTANCES": {"redis": {"hostname": "127.0.0.1", "port": 0, "unix_socket_path": "/run/redis/redis.sock"}},
 "DATABASES": {"CONFIG_DB": {"id": 4, "separator": "|", "instance": "redis"}}, "VERSION": "1.0"}
JSON
redis-server --port 0 --save '' --unixsocket "$root/run/redis/redis.sock" >"$work/redis.log" &
redis_pid=$!
config_db() { redis-cli -s "$root/run/redis/redis.sock" -n 4 "$@"; }
until [ "$(config_db ping 2>/dev/null)" = PONG ]; do kill -0 "$redis_pid" && sleep 0.1; done
config_db hset 'TELEGEN_JOB|rows' port Ethernet0 >/dev/null
config_db hset 'PORT|Ethernet0' alias e0 >/dev/null
if in_root dpkg -r sonic-telegen 2>"$work/err"; then fail "removed with rows"; fi
grep -q 'CONFIG_DB holds TELEGEN_JOB|rows' "$work/err" || { cat "$work/err"; fail "the row is not named"; }
in_root env TELEGEN_REMOVE_ROWS=yes dpkg -r sonic-telegen
[ "$(config_db keys '*')" = 'PORT|Ethernet0' ] || fail "CONFIG_DB holds $(config_db keys '*')"
say "purge: nothing stays"
[ ! -e "$root/usr/local/yang-models/sonic-telegen.yang" ] || fail "the model stayed"
in_root dpkg -P sonic-telegen
kill "$redis_pid" && wait "$redis_pid" || true
redis_pid=
tests/image/sonic_python.sh --remove "$root"
rm -r "$root/etc/sonic" "$root/run/redis"
files >"$work/after"
diff "$work/before" "$work/after" || fail "purge left or took something"

say "ok: $(stat -c %s "$deb") bytes, $(dpkg-deb -f "$deb" Installed-Size) KiB installed"
