"""``sonic-telegen``: the daemon's command line."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

from sonic_telegen import health, heap, lean
from sonic_telegen.errors import TelegenError
from sonic_telegen.log import log, set_up
from sonic_telegen.settings import environment, resolve
from sonic_telegen.version import build

_DESCRIPTION = """\
Telemetry agent for SONiC switches. Rows of TELEGEN_JOB in CONFIG_DB ask for telemetry on a port; the agent attaches a
BPF program with tc, counts packets and bytes exactly, tells in STATE_DB what it observed and exports OpenTelemetry
metrics. It never drops a packet, and its counters survive its own restart.
"""
_EPILOG = """\
commands:
  run            serve until SIGTERM or SIGINT; filters and counters stay in the kernel (the default)
  bcc FILE.c     attach a counting program of your own for a while, see bcc --help
  detach --all   remove every filter, qdisc, pin and mirror session of ours and end; strangers' objects stay
  health         whether the agent of this environment finishes passes: 0 or 1, for a container's health check

signals:
  SIGTERM, SIGINT  stop within two seconds; counting goes on, the next start adopts it
  SIGHUP           read everything again and open a new OTLP connection

environment:
  TELEGEN_DB_CONFIG   SONiC's database_config.json  (/var/run/redis/sonic-db/database_config.json)
  TELEGEN_PIN_DIR     bpffs folder of the pins      (/sys/fs/bpf/telegen-sonic)
  TELEGEN_STATE_DIR   what must outlive a reboot    (/var/lib/sonic-telegen)
  TELEGEN_BPF_OBJ     another BPF object            (the packaged one)
  TELEGEN_BTF_PATH    BTF file for a kernel without its own
  TELEGEN_LISTEN      addresses of REST, comma list of host:port and unix:/path; empty for none  (127.0.0.1:8080)
  TELEGEN_TLS_CERT, TELEGEN_TLS_KEY, TELEGEN_TLS_CLIENT_CA
                      PEM files: our certificate, its key, the CA of clients; needed beyond loopback
  TELEGEN_COPP_CFG    SONiC's defaults of CoPP      (/etc/sonic/copp_cfg.json)
  TELEGEN_LOG_LEVEL   debug, info, notice, warning, error  (notice)
  TELEGEN_MAX_JOBS, TELEGEN_MIRROR_MODE, TELEGEN_ERSPAN_*, TELEGEN_OTLP_VRF,
  OTEL_EXPORTER_OTLP_*, OTEL_METRIC_EXPORT_INTERVAL, OTEL_RESOURCE_ATTRIBUTES
                      defaults for fields of TELEGEN|GLOBAL, see docs/schema.md

exit status:
  0 stopped as asked, 1 a part of the agent died, 2 a wrong option or variable
"""


def main(arguments: list[str] | None = None) -> int:
    """Parse, run, and return the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] == ["bcc"]:
        from sonic_telegen import counting  # here: it brings its own options

        return counting.main(words[1:])
    parser = argparse.ArgumentParser(
        "sonic-telegen", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "command", nargs="?", choices=("run", "detach", "bcc", "health"), default="run", help="what to do"
    )
    parser.add_argument("--all", action="store_true", help="with detach: really remove everything of ours")
    parser.add_argument("--syslog", action="store_true", help="log to /dev/log instead of stderr")
    parser.add_argument("--version", action="version", version=str(build()))
    given = parser.parse_args(arguments)
    if (given.command == "detach") != given.all:
        parser.error("detach removes every filter and pin: say detach --all")
    try:
        settings = environment(os.environ)
        resolve({}, os.environ)
        set_up(settings.log_level, given.syslog)
    except (TelegenError, OSError) as problem:
        sys.stderr.write(f"sonic-telegen: {problem}\n")
        return 2
    if given.command == "health":
        return health.check(settings)
    heap.tune()
    for package in lean.PACKAGES:
        lean.defer(package)
    from sonic_telegen import agent, door  # here: --help and --version need none of their imports

    try:
        if given.command == "detach":
            return door.detach_all(settings)
        with door.only_one(settings):
            return asyncio.run(agent.Agent(settings, os.environ).run())
    except TelegenError as problem:
        log.error(str(problem))
        return 1


if __name__ == "__main__":
    sys.exit(main())
