"""``sonic-telegen bcc FILE.c``: an operator's own counting program beside all others; part of the composition root."""

from __future__ import annotations

import argparse
import errno
import json
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sonic_telegen.cli.tables import clean, grid
from sonic_telegen.errors import ConfigError, KernelError
from sonic_telegen.kernel import compiler, counted, guest, libbpf
from sonic_telegen.kernel.capability import denied, missing
from sonic_telegen.kernel.netlink import Netlink
from sonic_telegen.model.job import Direction

_DESCRIPTION = """\
Compile FILE.c with bcc, prove that it is in nobody's way, attach it beside all other programs of the interface, print
what its maps have counted, and take it away again. It is refused unless its verdict is TC_ACT_UNSPEC on every path, it
calls nothing but reads, clocks and maps, and it stores into neither frame nor context.

Maps are bcc's: BPF_HASH, BPF_ARRAY, BPF_PERCPU_HASH, BPF_PERCPU_ARRAY, BPF_TABLE("lru_hash", …).
"""
_EPILOG = """\
example:
  cat > ttl.c <<'C'
  #include <linux/pkt_cls.h>
  #include <linux/if_ether.h>
  BPF_PERCPU_ARRAY(ttl, u64, 256);
  int count(struct __sk_buff *skb)
  {
          u8 value = 0;
          int key;
          u64 *seen;
          if (skb->protocol != bpf_htons(ETH_P_IP) || bpf_skb_load_bytes(skb, ETH_HLEN + 8, &value, 1))
                  return TC_ACT_UNSPEC;
          key = value;
          seen = ttl.lookup(&key);
          if (seen)
                  *seen += 1;
          return TC_ACT_UNSPEC;
  }
  C
  sonic-telegen bcc ttl.c --iface Ethernet0 --duration 10

exit status:
  0 it ran and is detached again, 1 it was refused or something failed, 2 a wrong option
"""


def main(arguments: Sequence[str]) -> int:
    """Parse, run, return the exit status."""
    given = _parse(arguments)
    try:
        return _run(given)
    except (KernelError, ConfigError) as problem:
        sys.stderr.write(f"sonic-telegen bcc: {problem}\n")
        return 1


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "sonic-telegen bcc",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("file", metavar="FILE.c", type=Path, help="C source for bcc")
    add("--iface", metavar="NETDEV", help="where to attach it; needed unless --check")
    add("--direction", choices=[*(way.value for way in Direction), "both"], default="ingress", help="ingress")
    add("--function", metavar="NAME", help="which function, where the file has several")
    add("--duration", metavar="SEC", type=float, help="how long; until Ctrl-C when not given")
    add("--interval", metavar="SEC", type=float, help="print every so often, not at the end alone")
    add("--json", action="store_true", help="one JSON object on a line each time")
    add("--kernel-headers", action="store_true", help="compile with the running kernel's headers (linux-headers-…)")
    add("--check", action="store_true", help="compile and prove it, attach nothing")
    given = parser.parse_args(arguments)
    if not given.iface and not given.check:
        parser.error("--iface is needed: the netdev to attach it to")
    for name in ("duration", "interval"):
        value = getattr(given, name)
        if value is not None and not 0 < value <= 86_400 * 365:
            parser.error(f"--{name} {value:g}: use seconds above 0")
    return given


def _run(given: argparse.Namespace) -> int:
    if missing():
        raise denied("compile and load", str(given.file), errno.EPERM)
    code = compiler.compiled(given.file, tables=True, kernel_headers=given.kernel_headers)
    with ExitStack() as undo:
        for table in code.tables:
            undo.callback(os.close, table.fd)
        function = _function(code, given)
        prog = guest.load(code.functions[function], function)
        undo.callback(os.close, prog)
        info = libbpf.prog_info(prog)
        for name in counted.unreadable(code.tables):
            sys.stderr.write(f"sonic-telegen bcc: map {name} is of a kind that is not printed\n")
        if given.check:
            _say(f"{given.file}: {function} keeps to TC_ACT_UNSPEC (program {info.tag})")
            return 0
        ways = [Direction(given.direction)] if given.direction != "both" else list(Direction)
        about = {"iface": given.iface, "direction": given.direction, "function": function, "program": info.tag}
        netlink = Netlink()
        undo.callback(netlink.close)
        with _Asked() as asked, guest.attached(netlink, given.iface, ways, prog):
            began = time.monotonic()
            end = None if given.duration is None else began + given.duration
            sys.stderr.write(f"{function} ({info.tag}) counts on {given.iface} {given.direction}; Ctrl-C ends it\n")
            while not asked.wait(_pause(given.interval, end)) and (end is None or time.monotonic() < end):
                _print(given.json, about, began, counted.read(code.tables))
        libbpf.wait_rcu()  # no CPU is within the program any more
        _print(given.json, about, began, counted.read(code.tables))
    return 0


def _pause(interval: float | None, end: float | None) -> float | None:
    left = None if end is None else max(0.0, end - time.monotonic())
    return min((limit for limit in (interval, left) if limit is not None), default=None)


def _function(code: compiler.Code, given: argparse.Namespace) -> str:
    names = sorted(code.functions)
    if given.function in names:
        return str(given.function)
    if given.function or len(names) != 1:
        known = f"it has {', '.join(names)}" if names else "it has none: write int NAME(struct __sk_buff *skb)"
        raise ConfigError("--function", given.function or "", f"{known}; name one")
    return names[0]


class _Asked:
    """SIGINT, SIGTERM and SIGHUP end the wait instead of the process, so that everything is taken away."""

    def __enter__(self) -> _Asked:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._before = {number: signal.signal(number, lambda *_: None) for number in _SIGNALS}
        self._wakeup = signal.set_wakeup_fd(self._write)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._read)
        os.close(self._write)

    def wait(self, seconds: float | None) -> bool:
        """Whether a signal came before the time was up."""
        return bool(select.select([self._read], [], [], seconds)[0])


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _print(as_json: bool, about: dict[str, str], began: float, found: list[counted.Counted]) -> None:
    seconds = round(time.monotonic() - began, 3)
    if as_json:
        maps = {one.name: [{"key": key, "value": value} for key, value in one.entries] for one in found}
        _say(json.dumps({**about, "seconds": seconds, "maps": maps}))
        return
    parts = [f"{seconds:.1f} s"]
    for one in found:
        columns = list(_flat("key", one.entries[0][0])) + list(_flat("value", one.entries[0][1])) if one.entries else []
        rows = [[clean(cell) for side in entry for cell in _flat("", side).values()] for entry in one.entries]
        table = grid([name.upper() for name in columns], rows) if rows else "nothing counted"
        parts.append(f"{one.name} ({one.kind})\n{table}")
    _say("\n\n".join(parts))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _flat(name: str, value: Any) -> dict[str, Any]:
    """A struct's fields as columns of their own."""
    if not isinstance(value, dict):
        return {name: value}
    return {field: cell for key, inner in value.items() for field, cell in _flat(key, inner).items()}
