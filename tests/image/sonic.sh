#!/usr/bin/env bash
# sonic.sh ROOT: what stands in for SONiC in a Debian at ROOT: its Redis, its target, its loading of saved rows and
# config reload, its command line and what else Python finds of it, its sysctl.
set -euo pipefail
root=$1
units=$root/etc/systemd/system
"$(dirname "$0")/sonic_python.sh" "$root"
mkdir -p "$root/etc/sonic" "$units"
cat >"$root/etc/sonic/database_config.json" <<'JSON'
{"INSTANCES": {"redis": {"hostname": "127.0.0.1", "port": 6379, "unix_socket_path": "/var/run/redis/redis.sock"}},
 "DATABASES": {"CONFIG_DB": {"id": 4, "separator": "|", "instance": "redis"},
  "STATE_DB": {"id": 6, "separator": "|", "instance": "redis"},
  "COUNTERS_DB": {"id": 2, "separator": ":", "instance": "redis"}}, "VERSION": "1.0"}
JSON
cat >"$root/etc/sonic/redis.conf" <<'CONF'
bind 127.0.0.1
port 6379
unixsocket /run/redis/redis.sock
unixsocketperm 770
save ""
databases 100
notify-keyspace-events AKE
CONF
cat >"$units/database.service" <<'UNIT'
[Unit]
Description=SONiC's Redis
[Service]
User=redis
Group=redis
RuntimeDirectory=redis
RuntimeDirectoryMode=0755
ExecStartPre=/bin/sh -c 'mkdir -p /run/redis/sonic-db && cp /etc/sonic/database_config.json /run/redis/sonic-db/'
ExecStart=/usr/bin/redis-server /etc/sonic/redis.conf
UNIT
cat >"$root/etc/sonic/load" <<'SH'
#!/bin/sh
until redis-cli -s /run/redis/redis.sock ping 2>/dev/null | grep -q PONG; do sleep 0.5; done
redis-cli -s /run/redis/redis.sock -n 4 set CONFIG_DB_INITIALIZED 0
[ ! -e /etc/sonic/rows ] || redis-cli -s /run/redis/redis.sock -n 4 </etc/sonic/rows
redis-cli -s /run/redis/redis.sock -n 4 set CONFIG_DB_INITIALIZED 1
SH
cat >"$root/etc/sonic/reload" <<'SH'
#!/bin/sh
# As config reload: a table that no YANG model knows is refused, and nothing happens.
for table in $(sed -n 's/^hset \([A-Z_]*\)|.*/\1/p' /etc/sonic/rows | sort -u); do
	grep -qs "container $table\b" /usr/local/yang-models/*.yang || { echo "no YANG model for $table" >&2; exit 1; }
done
systemctl stop sonic.target config-setup
redis-cli -s /run/redis/redis.sock -n 4 flushdb
systemctl start config-setup sonic.target
SH
chmod 755 "$root/etc/sonic/load" "$root/etc/sonic/reload"
for command in config show; do
	cat >"$root/usr/local/bin/$command" <<PY
#!/usr/bin/python3
import pkgutil, sys
from importlib import import_module
sys.path.append("/usr/lib/sonic-telegen/site")  # a switch has click and tabulate of its own
import click
cli = click.Group("$command")
plugins = import_module("$command.plugins")
for found in pkgutil.iter_modules(plugins.__path__):
    import_module("$command.plugins." + found.name).register(cli)
cli()
PY
	chmod 755 "$root/usr/local/bin/$command"
done
cat >"$units/config-setup.service" <<'UNIT'
[Unit]
Description=Loads the saved configuration
Requires=database.service
After=database.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/etc/sonic/load
[Install]
WantedBy=multi-user.target
UNIT
cat >"$units/sonic.target" <<'UNIT'
[Unit]
Description=SONiC's services
Requires=config-setup.service
After=config-setup.service
[Install]
WantedBy=multi-user.target
UNIT
echo 'vm.panic_on_oom=2' >"$root/etc/sysctl.d/90-sonic.conf"
echo switch >"$root/etc/hostname"
for unit in config-setup.service sonic.target; do
	mkdir -p "$units/multi-user.target.wants"
	ln -sf "/etc/systemd/system/$unit" "$units/multi-user.target.wants/$unit"
done
