"""``python -m sonic_telegen.demo``: the command line of the switch in a box."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from typing import TYPE_CHECKING

from sonic_telegen.demo.stop import Stop

if TYPE_CHECKING:
    from sonic_telegen.demo.run import Summary
    from sonic_telegen.demo.screen import Screen

_DESCRIPTION = """\
A SONiC switch in a box. Starts a private Redis with SONiC's database layout, a network namespace with ports Ethernet0,
Ethernet4, ... as veth pairs, an OTLP receiver and the agent; writes one job (all ports, both directions) into
CONFIG_DB; and when STATE_DB says that it is running, sends IPv4, IPv6, ICMPv6, ARP and LLDP frames, some of them in one
or two VLAN tags, through every port in both directions.

A terminal shows the counts of STATE_DB with their rates; anything else gets a plain line every two seconds. At the end
the traffic stops, and what was sent is compared with what was counted and with what arrived over OTLP, packet by packet
and byte by byte. Then everything is removed: filters, pins, namespaces, processes, files.
"""
_EPILOG = """\
signals:
  SIGINT (Ctrl-C), SIGTERM, SIGHUP  stop the traffic, compare, remove everything; a second one does not wait for the
                                    counts to settle

environment:
  TELEGEN_BPF_OBJ, TELEGEN_BTF_PATH, TELEGEN_LOG_LEVEL
                   handed to the agent; all other TELEGEN_* and OTEL_* variables are the demo's own affair

exit status:
  0    all that was sent was counted and received, and nothing was left behind
  1    something differs, and the summary says which series
  2    a wrong option
  3    it could not be run; the reason is on stderr, with the end of the agent's log
  130  asked to end before there was any traffic

examples:
  python -m sonic_telegen.demo --duration 10
  python -m sonic_telegen.demo --ports 4 --otlp http --rate 1000
  python -m sonic_telegen.demo --duration 10 --json | jq .equal
"""
_PROGRAMS = ("redis-server", "nsenter", "setpriv")
_EQUAL, _DIFFERENT, _IMPOSSIBLE, _INTERRUPTED = 0, 1, 3, 130


def main(arguments: list[str] | None = None) -> int:
    """Parse, run, print, and return the exit status."""
    parser = argparse.ArgumentParser(
        "python -m sonic_telegen.demo",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--duration", type=_seconds, metavar="SECONDS", help="end by itself (default: at Ctrl-C)")
    parser.add_argument("--ports", type=_ports, default=2, metavar="N", help="front-panel ports, 1 to 64 (2)")
    parser.add_argument("--otlp", choices=("grpc", "http"), default="grpc", help="how metrics are exported (grpc)")
    parser.add_argument(
        "--rate", type=_rate, default=200.0, metavar="PPS", help="frames a second on each port and direction (200)"
    )
    parser.add_argument("--json", action="store_true", help="the summary as JSON on stdout, all else on stderr")
    given = parser.parse_args(arguments)
    stop = Stop()
    stop.install()
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    if os.geteuid() != 0 or missing:
        reason = f"{', '.join(missing)} not found; `make run` installs it" if missing else "it needs root"
        print(f"demo: network namespaces and BPF: {reason}", file=sys.stderr)
        return _IMPOSSIBLE

    from sonic_telegen.demo import run  # after install(): these imports take half a second, and Ctrl-C may come then
    from sonic_telegen.demo.screen import Screen

    screen = Screen(sys.stderr if given.json else sys.stdout)
    options = run.Options(given.ports, given.duration, given.rate, given.otlp == "http")
    demo = run.Demo(options, stop, screen)
    code = _INTERRUPTED
    try:
        demo.run()
        code = _EQUAL if demo.summary.equal else _DIFFERENT
    except run.Interrupted:
        screen.say("asked to end before there was any traffic; nothing to compare")
    except (run.DemoError, OSError, RuntimeError) as problem:
        print(f"demo: {problem}", file=sys.stderr)
        code = _IMPOSSIBLE
    _tell(demo.summary, screen, given.json)
    return code


def _tell(summary: Summary, screen: Screen, as_json: bool) -> None:
    if summary.lines:
        screen.summary(summary.lines)
    for problem in summary.problems:
        screen.say(problem)
    if summary.lines:
        screen.say("equal: all that was sent was counted and received" if summary.equal else "NOT equal")
    if as_json:
        print(json.dumps(summary.as_json(), indent=2))


def _number(low: float, high: float, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text!r}: use a number from {low:g} to {high:g}")
    return value


def _seconds(text: str) -> float:
    return _number(0.1, 86400, text)


def _rate(text: str) -> float:
    return _number(1, 20000, text)


def _ports(text: str) -> int:
    value = _number(1, 64, text)
    if value != int(value):
        raise argparse.ArgumentTypeError(f"{text!r}: use a whole number")
    return int(value)


if __name__ == "__main__":
    sys.exit(main())
