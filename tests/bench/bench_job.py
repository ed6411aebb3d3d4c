"""What a job's own program costs a packet: over an empty tc program, by what the job asks.

Rounds of BPF_PROG_TEST_RUN are interleaved with the empty program and the interface program; the minimum is the cost,
the median tells how busy the machine was. "Churn" is a program built to see another flow in every frame.

``python -m tests.bench.bench_job [--json] [--rounds N] [--repeat N]``
"""

from __future__ import annotations

import argparse
import json
import statistics
from contextlib import ExitStack
from ipaddress import ip_network
from pathlib import Path

from sonic_telegen.kernel import libbpf
from sonic_telegen.model.job import ResultDetail
from sonic_telegen.model.match import EVERY_FRAME, Match
from tests.support import frames as f
from tests.support.bpfobj import UNSPEC, sk_buff
from tests.support.jobprog import JobProgram, on_one_cpu, spec
from tests.support.objects import source_object, telegen_object

HERE = Path(__file__).parent
FLOWS, PACKETS = ResultDetail.FLOWS, ResultDetail.PACKETS
FRAME = f.ether(f.IPV4, f.ipv4(f.TCP, f.tcp(bytes(1448), bytes(12), (40000, 443)), tos=46 << 2))
NET = ip_network("192.0.2.0/24")
HIT = Match((6,), NET, NET, (), ((80, 80), (443, 443)), (46,))
MISS = Match((6,), NET, ip_network("10.0.0.0/8"), (), ((80, 80), (443, 443)), (46,))
RING = 1 << 23  # 49,932 frames of 128 bytes, so that none is refused in a run
BUDGET, WINDOW = 1000, 25  # 10,000 insertions a second where HZ is 250

# Over which row, and how many ns more at most; None: no target.
TARGETS: dict[str, tuple[str, int | None]] = {
    "interface": ("empty", 8),
    "filter misses": ("empty", 8),
    "filter hits": ("interface", 8),
    "flow hit": ("filter hits", 50),
    "flow refused": ("filter hits", None),
    "churn, budget 10,000/s": ("filter hits", None),
    "churn, no budget": ("filter hits", None),
    "flows 1/100": ("filter hits", None),
    "flows 1/1024": ("filter hits", 3),
    "bursts": ("filter hits", 45),
    "capture 128 bytes": ("filter hits", None),
    "capture 1,514 bytes": ("filter hits", None),
    "capture, ring full": ("filter hits", None),
    "behind the deadline": ("empty", None),
}


def load(stack: ExitStack, drained: dict[str, JobProgram]) -> dict[str, int]:
    """Descriptor of each program; those whose ring is to be emptied before each run are put into ``drained``."""
    programs = {}
    for name, path, function in (
        ("empty", source_object((HERE / "empty.bpf.c").read_text(), "empty"), "empty"),
        ("interface", telegen_object(), "telegen_if"),
    ):
        opened = stack.enter_context(libbpf.Object.open(path))
        opened.load()
        programs[name] = opened.prog_fd(function)

    def job(name: str, program: JobProgram) -> JobProgram:
        stack.enter_context(program)
        programs[name] = program.fd
        return program

    job("filter misses", JobProgram(spec(MISS)))
    job("filter hits", JobProgram(spec(HIT)))
    job("flow hit", JobProgram(spec(HIT, FLOWS), flows=16384))
    job("flow refused", JobProgram(spec(HIT, FLOWS), budget=0))
    job("churn, budget 10,000/s", JobProgram(spec(HIT, FLOWS), budget=BUDGET, window=WINDOW, flows=16384, TG_CHURN=1))
    job("churn, no budget", JobProgram(spec(HIT, FLOWS), flows=16384, TG_CHURN=1))
    job("flows 1/100", JobProgram(spec(HIT, FLOWS, sample_rate=100)))
    job("flows 1/1024", JobProgram(spec(HIT, FLOWS, sample_rate=1024)))
    job("bursts", JobProgram(spec(HIT), bursts=True))
    job("capture, ring full", JobProgram(spec(HIT, PACKETS)))
    drained["capture 128 bytes"] = job("capture 128 bytes", JobProgram(spec(HIT, PACKETS), ring=RING))
    drained["capture 1,514 bytes"] = job(
        "capture 1,514 bytes", JobProgram(spec(HIT, PACKETS, snaplen=1536), ring=8 * RING)
    )
    job("behind the deadline", JobProgram(spec(EVERY_FRAME))).live(deadline=1)
    return programs


def measure(programs: dict[str, int], drained: dict[str, JobProgram], rounds: int, repeat: int) -> dict[str, list[int]]:
    """Every program ``rounds`` times ``repeat`` runs; the first round warms up and is thrown away."""
    times: dict[str, list[int]] = {name: [] for name in programs}
    for number in range(rounds + 1):
        for name, fd in programs.items():
            if name in drained:
                drained[name].drain()
            ran = libbpf.prog_test_run(fd, FRAME, sk_buff(), repeat)
            if ran.retval != UNSPEC:
                raise RuntimeError(f"{name} answered {ran.retval}")
            if number:
                times[name].append(ran.duration_ns)
    return times


def summary(times: dict[str, list[int]]) -> list[dict[str, object]]:
    """One row a program: ns over empty (minimum, median), what it is compared with, and how much more it costs."""
    best = {name: min(of) for name, of in times.items()}
    rows: list[dict[str, object]] = []
    for name, (beside, target) in TARGETS.items():
        more = best[name] - best[beside]
        median = statistics.median(times[name]) - statistics.median(times["empty"])
        row = {"program": name, "ns": best[name] - best["empty"], "median": median, "over": beside, "more": more}
        rows.append(row | {"target": target, "met": target is None or more <= target})
    return rows


def table(rows: list[dict[str, object]]) -> str:
    """The rows for a terminal."""
    lines = [f"{'ns over an empty program':<26}{'minimum':>9}{'median':>9}  {'more':>5}  target"]
    for row in rows:
        verdict = f"<= {row['target']} {'met' if row['met'] else 'MISSED'}" if row["target"] is not None else ""
        lines.append(
            f"{row['program']:<26}{row['ns']:>9}{row['median']:>9}  {row['more']:>5}  over {row['over']} {verdict}"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure on one CPU and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--repeat", type=int, default=40_000)
    options = parser.parse_args()
    on_one_cpu()
    with ExitStack() as stack:
        drained: dict[str, JobProgram] = {}
        rows = summary(measure(load(stack, drained), drained, options.rounds, options.repeat))
    print(json.dumps(rows) if options.json else table(rows))


if __name__ == "__main__":
    main()
