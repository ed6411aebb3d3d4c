"""How much work the verifier has with each program, compared with what ``verifier.json`` says that it was.

``python -m tests.vm.verifier`` (``make vm-verifier``) boots every kernel and writes the file anew; with ``--here``
it prints what this kernel's verifier says.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from sonic_telegen.kernel import jobabi, libbpf, pcap
from sonic_telegen.kernel.jobload import DECAP_PROGRAM, PROGRAM
from sonic_telegen.kernel.libbpf_object import Object
from sonic_telegen.kernel.splice import splice
from sonic_telegen.model.erspan import ErspanAsked
from sonic_telegen.model.job import JobSpec, MirrorMode, ResultDetail
from sonic_telegen.model.match import EVERY_FRAME, Match
from tests.vm.fetch_kernels import SUITES, fetch
from tests.vm.host import HostError, cache_dir, require_root
from tests.vm.scene import OBJECT, ROOT
from tests.vm.vmrun import NO_BOOT, Machine, run, stop_on_signals

JOB_OBJECT = OBJECT.with_name("telegen_job.bpf.o")
KEPT = Path(__file__).with_name("verifier.json")
MARGIN = 0.05  # either way: another patch level of kernel or compiler is no news
_LIMITS = {"telegen_if": 20_000, "telegen_if_punt": 20_000}
JOB_LIMIT = 60_000  # of the kernel's 1,000,000; 5 ms on a switch's CPU
_STEPS = re.compile(r"processed (\d+) insns")

_NET = ip_network("192.0.2.0/24")
_PORTS = ((1, 9), (20, 29), (179, 179))
_FIELDS = Match((6, 17), _NET, _NET, _PORTS, _PORTS, (46,), 7)
_EXPRESSION = "tcp[tcpflags] & tcp-syn != 0 and (net 192.0.2.0/24 or vlan 7 and port 443)"


def _job(
    match: Match = EVERY_FRAME,
    detail: ResultDetail = ResultDetail.SUMMARY,
    mode: MirrorMode = MirrorMode.DIRECT,
    rate: int = 1,
) -> JobSpec:
    outer = ErspanAsked(remote="10.0.0.2", local="10.0.0.1", key=10)
    return JobSpec(
        "vm", "all", match=match, result_detail=detail, mirror_mode=mode, sample_rate=rate, snaplen=9216, erspan=outer
    )


JOBS = {
    "telegen_job": _job(),
    "telegen_job fields": _job(_FIELDS),
    "telegen_job expression": _job(Match(filter=_EXPRESSION)),
    "telegen_job flows": _job(_FIELDS, ResultDetail.FLOWS, rate=100),
    "telegen_job packets": _job(_FIELDS, ResultDetail.PACKETS, rate=100),
    "telegen_job mirror": _job(_FIELDS, mode=MirrorMode.ERSPAN, rate=100),
    "telegen_job expression flows": _job(Match((6,), _NET, filter=_EXPRESSION), ResultDetail.FLOWS),
    "telegen_decap": _job(mode=MirrorMode.DECAP),
    "telegen_decap expression": _job(Match(filter=_EXPRESSION), mode=MirrorMode.DECAP),
    "telegen_decap flows": _job(_FIELDS, ResultDetail.FLOWS, MirrorMode.DECAP, 100),
    "telegen_decap packets": _job(_FIELDS, ResultDetail.PACKETS, MirrorMode.DECAP, 100),
}
PROGRAMS = (*_LIMITS, *JOBS)


@dataclass(frozen=True, slots=True)
class Found:
    """What a kernel said of a program, and what is kept of it."""

    name: str
    series: str
    steps: int
    kept: int | None

    def complaint(self) -> str:
        """What is wrong with it and what to do; empty when nothing is."""
        limit = _LIMITS.get(self.name, JOB_LIMIT)
        said = f"{self.name} on {self.series}: the verifier processed {self.steps:,} instructions"
        if self.steps > limit:
            return f"{said}, {limit:,} at most are wanted (tests/vm/verifier.py)"
        remedy = "if that is meant, run `make vm-verifier` and commit tests/vm/verifier.json"
        if self.kept is None:
            return f"{said}, and none are kept; {remedy}"
        if abs(self.steps - self.kept) > MARGIN * self.kept:
            return f"{said}, {self.steps / self.kept - 1:+.0%} of the {self.kept:,} that are kept; {remedy}"
        return ""


def kept() -> Mapping[str, Mapping[str, int]]:
    """Program to kernel series to count."""
    found: Mapping[str, Mapping[str, int]] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    return found


def loaded_steps(o: Object, program: str, expression: str = "") -> int:
    """What the verifier has to do with a program of a loaded object, with a filter expression in its place."""
    instructions = o.instructions(program)
    fd, said = libbpf.prog_load(splice(instructions, pcap.code(expression)) if expression else instructions, program)
    os.close(fd)
    found = _STEPS.search(said)
    assert found, said
    return int(found[1])


@contextmanager
def job_object(job: JobSpec, bursts: bool, mode: MirrorMode = MirrorMode.DIRECT) -> Iterator[tuple[Object, str]]:
    """The loaded object with a job's program, and the program's name."""
    program, other = (DECAP_PROGRAM, PROGRAM) if mode is MirrorMode.DECAP else (PROGRAM, DECAP_PROGRAM)
    with Object.open(JOB_OBJECT) as o:
        config = jobabi.pack_config(job, bursts=bursts, flow_budget=2, budget_window=1 << 30, mode=mode)
        o.set_rodata("config", config)
        o.leave_out(other)
        o.load()
        yield o, program


def steps(name: str) -> int:
    """The work with one of ``PROGRAMS``, on this kernel."""
    job = JOBS.get(name)
    if job is None:
        with Object.open(OBJECT) as o:
            o.load()
            return loaded_steps(o, name)
    bursts = job.result_detail is not ResultDetail.SUMMARY
    with job_object(job, bursts, job.mirror_mode or MirrorMode.DIRECT) as (o, program):
        return loaded_steps(o, program, job.match.filter)


def on(series: str) -> dict[str, int]:
    """All counts of a kernel, in a VM."""
    out = ROOT / "build" / "vm" / f"verifier-{series}"
    result = run(Machine(fetch(series, cache_dir())), out, [sys.executable, "-m", "tests.vm.verifier", "--here"])
    if result.code:
        raise HostError(f"{series}: exit code {result.code}: {result.log[-2000:]}; files in {out}")
    found: dict[str, int] = json.loads(result.log.splitlines()[-1])
    return found


def main() -> int:
    """Command line entry."""
    if sys.argv[1:] == ["--here"]:
        counts_here = {}
        for name in PROGRAMS:
            print(name, flush=True)
            counts_here[name] = steps(name)
        print(json.dumps(counts_here))
        return 0
    stop_on_signals()
    try:
        require_root("running a VM")
        counts = {series: on(series) for series in SUITES}
    except HostError as error:
        print(f"verifier: {error}", file=sys.stderr)
        return NO_BOOT
    table = {name: {series: counts[series][name] for series in SUITES} for name in PROGRAMS}
    KEPT.write_text("{\n" + ",\n".join(f'  "{name}": {json.dumps(row)}' for name, row in table.items()) + "\n}\n")
    print(KEPT.read_text(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
