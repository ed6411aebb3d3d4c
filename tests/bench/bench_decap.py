"""What taking ERSPAN apart costs a packet: over an empty tc program, and over counting the packet as it is.

Rounds of BPF_PROG_TEST_RUN are interleaved; the minimum is the cost, the median tells how busy the machine was. The
packet is ERSPAN II of a TCP frame of 1,514 bytes with a sequence number, the same one each time.

``python -m tests.bench.bench_decap [--json] [--rounds N] [--repeat N]``
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from sonic_telegen.kernel import libbpf
from sonic_telegen.model.erspan import ErspanAsked
from sonic_telegen.model.job import MirrorMode, ResultDetail
from sonic_telegen.model.match import EVERY_FRAME, Match
from tests.bench.bench_job import FRAME, HIT, MISS
from tests.support import erspan as e
from tests.support.bpfobj import UNSPEC, sk_buff
from tests.support.jobprog import JobProgram, on_one_cpu, spec
from tests.support.objects import source_object, telegen_object

HERE = Path(__file__).parent
MIRRORED = e.outer(e.type_2(FRAME, 12, 1))
FORMS: dict[str, Callable[[bytes], bytes]] = {
    "ERSPAN I": e.type_1,
    "ERSPAN III": e.type_3,
    "0x8949": e.vendor,
}
# Name: over which row.
ROWS = {
    "interface": "empty",
    "direct, any frame": "empty",
    "direct, filter hits": "empty",
    "decap": "direct, any frame",
    "decap, filter hits": "direct, filter hits",
    "decap, filter misses": "direct, filter hits",
    "decap, flow hit": "decap, filter hits",
    "decap, other sender": "empty",
    "decap, no ERSPAN": "empty",
    **{f"decap, {name}": "decap" for name in FORMS},
}
Runs = dict[str, tuple[int, bytes]]  # program and packet


def load(stack: ExitStack) -> Runs:
    """Every row's program, and the packet that it is given."""
    found: Runs = {}
    for name, path, function in (
        ("empty", source_object((HERE / "empty.bpf.c").read_text(), "empty"), "empty"),
        ("interface", telegen_object(), "telegen_if"),
    ):
        opened = stack.enter_context(libbpf.Object.open(path))
        opened.load()
        found[name] = opened.prog_fd(function), MIRRORED

    def job(name: str, match: Match, packet: bytes, mode: MirrorMode = MirrorMode.DECAP, **more: object) -> None:
        asked = spec(match, **more)  # type: ignore[arg-type]
        found[name] = stack.enter_context(JobProgram(asked, mode=mode)).fd, packet

    job("direct, any frame", EVERY_FRAME, MIRRORED, MirrorMode.DIRECT)
    job("direct, filter hits", HIT, FRAME, MirrorMode.DIRECT)
    job("decap", EVERY_FRAME, MIRRORED)
    job("decap, filter hits", HIT, MIRRORED)
    job("decap, filter misses", MISS, MIRRORED)
    job("decap, flow hit", HIT, MIRRORED, detail=ResultDetail.FLOWS)
    job("decap, other sender", EVERY_FRAME, MIRRORED, erspan=ErspanAsked(remote="10.0.0.1"))
    job("decap, no ERSPAN", EVERY_FRAME, FRAME)
    for name, form in FORMS.items():
        job(f"decap, {name}", EVERY_FRAME, e.outer(form(FRAME)))
    return found


def measure(runs: Runs, rounds: int, repeat: int) -> dict[str, list[int]]:
    """Every row ``rounds`` times ``repeat`` runs; the first round warms up and is thrown away."""
    times: dict[str, list[int]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, (fd, packet) in runs.items():
            ran = libbpf.prog_test_run(fd, packet, sk_buff(), repeat)
            if ran.retval != UNSPEC:
                raise RuntimeError(f"{name} answered {ran.retval}")
            if number:
                times[name].append(ran.duration_ns)
    return times


def summary(times: dict[str, list[int]]) -> list[dict[str, object]]:
    """One row a program: ns over empty (minimum, median), what it is compared with, and how much more it costs."""
    best = {name: min(of) for name, of in times.items()}
    middle = {name: statistics.median(of) for name, of in times.items()}
    return [
        {
            "program": name,
            "ns": best[name] - best["empty"],
            "median": middle[name] - middle["empty"],
            "over": beside,
            "more": best[name] - best[beside],
        }
        for name, beside in ROWS.items()
    ]


def table(rows: list[dict[str, object]]) -> str:
    """The rows for a terminal."""
    lines = [f"{'ns over an empty program':<26}{'minimum':>9}{'median':>9}  {'more':>5}"]
    lines += [
        f"{row['program']:<26}{row['ns']:>9}{row['median']:>9}  {row['more']:>5}  over {row['over']}" for row in rows
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure on one CPU and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--repeat", type=int, default=20_000)
    options = parser.parse_args()
    on_one_cpu()
    with ExitStack() as stack:
        rows = summary(measure(load(stack), options.rounds, options.repeat))
    print(json.dumps(rows) if options.json else table(rows))


if __name__ == "__main__":
    main()
