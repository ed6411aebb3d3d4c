"""What a packet costs: the interface programs over an empty tc program, beside a reference that does what is common.

The reference (reference_hash.bpf.c) makes two map lookups as well, one of them in a per-CPU hash by netdev and class,
and counts less. ``telegen_if_punt`` also tells control protocols apart: it runs where a job is for all ports. Rounds of
BPF_PROG_TEST_RUN are interleaved, so that a busy machine is busy for all; the minimum is the cost, the median tells how
busy it was. Warm caches and one CPU: what the program adds, not what a packet costs in all.

``python -m tests.bench.bench_packet [--json] [--rounds N] [--repeat N]``
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from contextlib import ExitStack
from pathlib import Path

from sonic_telegen.kernel import libbpf
from tests.support import frames as f
from tests.support.bpfobj import UNSPEC, sk_buff
from tests.support.objects import source_object, telegen_object

HERE = Path(__file__).parent
TARGET_NS = 8
FRAMES = {
    "IPv4 UDP 64": f.ether(f.IPV4, f.ipv4(f.UDP, f.udp(bytes(22)))),
    "IPv4 TCP 1514": f.ether(f.IPV4, f.ipv4(f.TCP, f.tcp(bytes(1448), bytes(12)))),
    "ICMPv6": f.ether(f.IPV6, f.ipv6(f.ICMPV6, f.icmpv6(bytes(56)))),
    "BGP": f.ether(f.IPV4, f.ipv4(f.TCP, f.tcp(bytes(19), ports=(40000, 179)))),
    "QinQ IPv4": f.ether(f.IPV4, f.ipv4(f.UDP, f.udp(bytes(100))), [(f.DOT1AD, 1), (f.DOT1Q, 2)]),
}

OTHERS = ("telegen_if", "telegen_if_punt", "reference_hash")

Times = dict[str, dict[str, list[int]]]  # frame, program: ns a run of each round


def load(stack: ExitStack) -> dict[str, int]:
    """Descriptor of each program."""
    objects = {
        "empty": source_object((HERE / "empty.bpf.c").read_text(), "empty"),
        "telegen_if": telegen_object(),
        "telegen_if_punt": telegen_object(),
        "reference_hash": source_object((HERE / "reference_hash.bpf.c").read_text(), "reference_hash"),
    }
    programs = {}
    for name, path in objects.items():
        opened = libbpf.Object.open(path)
        stack.callback(opened.close)
        opened.load()
        programs[name] = opened.prog_fd(name)
    return programs


def measure(programs: dict[str, int], rounds: int, repeat: int) -> Times:
    """Every program on every frame, ``rounds`` times ``repeat`` runs; the first round warms up and is thrown away."""
    times: Times = {frame: {name: [] for name in programs} for frame in FRAMES}
    for number in range(rounds + 1):
        for frame, data in FRAMES.items():
            for name, fd in programs.items():
                ran = libbpf.prog_test_run(fd, data, sk_buff(), repeat)
                if ran.retval != UNSPEC:
                    raise RuntimeError(f"{name} answered {ran.retval} on {frame}")
                if number:
                    times[frame][name].append(ran.duration_ns)
    return times


def summary(times: Times) -> dict[str, dict[str, float]]:
    """For each frame: ns over empty (minimum and median) of each program, and the reference as a multiple of ours."""
    rows = {}
    for frame, of in times.items():
        row: dict[str, float] = {"empty_min": min(of["empty"])}
        for name in OTHERS:
            row[f"{name}_min"] = min(of[name]) - min(of["empty"])
            row[f"{name}_median"] = statistics.median(of[name]) - statistics.median(of["empty"])
        row["ratio"] = round(row["reference_hash_min"] / max(row["telegen_if_min"], 1), 1)
        rows[frame] = row
    return rows


def table(rows: dict[str, dict[str, float]]) -> str:
    """The summary for a terminal."""
    lines = [f"{'ns over an empty program':<26}{''.join(f'{name:>18}' for name in OTHERS)}{'ratio':>8}"]
    for frame, row in rows.items():
        cells = [f"{row[f'{name}_min']:g} ({row[f'{name}_median']:g})" for name in OTHERS]
        lines.append(f"{frame:<26}{''.join(f'{cell:>18}' for cell in cells)}{row['ratio']:>7}x")
    worst = max(row["telegen_if_min"] for row in rows.values())
    verdict = "met" if worst <= TARGET_NS else "MISSED"
    lines.append(f"minimum (median); the test loop itself takes {min(row['empty_min'] for row in rows.values()):g} ns")
    lines.append(f"target for telegen_if: at most {TARGET_NS} ns over empty: {verdict} ({worst:g} ns)")
    return "\n".join(lines)


def main() -> None:
    """Measure on one CPU and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--repeat", type=int, default=100_000)
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with ExitStack() as stack:
        rows = summary(measure(load(stack), options.rounds, options.repeat))
    print(json.dumps(rows) if options.json else table(rows))


if __name__ == "__main__":
    main()
