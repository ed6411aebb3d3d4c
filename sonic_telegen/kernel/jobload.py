"""One job's program from the object to descriptors: its question made constant, its maps sized, kept or new."""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.failure import ENOTSUPP, kernel_error
from sonic_telegen.kernel.jobabi import OFF, pack_config
from sonic_telegen.kernel.layout import Layout
from sonic_telegen.kernel.libbpf_object import Object
from sonic_telegen.kernel.pins import FLOWS, IF_STATS, LIVE, PERCPU, PROG, RING, SESSIONS
from sonic_telegen.kernel.spliced import load_spliced
from sonic_telegen.model.budget import INSERTS, INSERTS_SEC, flow_entries, ring_bytes
from sonic_telegen.model.job import JobSpec, MirrorMode, ResultDetail

PROGRAM, DECAP_PROGRAM = "telegen_job", "telegen_decap"
MAPS = {  # pin: map of the object
    LIVE: "job_live",
    PERCPU: "job_percpu",
    FLOWS: "job_flows",
    RING: "job_ring",
    SESSIONS: "job_sessions",
}
UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Source:
    """The object (None: there is none), and the shared counter map that its programs count in."""

    path: Path | None
    btf: str | None
    layout: Layout
    if_stats: int

    def build(self) -> str:
        """Which build's object it is: 16 hex digits, or a word."""
        try:
            return hashlib.sha256(self.path.read_bytes()).hexdigest()[:16] if self.path else UNREADABLE
        except OSError:
            return UNREADABLE


def load(
    source: Source, spec: JobSpec, kept: Mapping[str, int], tick_ns: int, mode: MirrorMode = MirrorMode.DIRECT
) -> tuple[dict[str, int], bool]:
    """Load the program of a job; descriptors by pin name, the caller's to close, and whether ``kept`` maps are in them.

    ``kept`` are the maps of another build's program for the same question, or nothing; they are used again when they
    have the shapes that this build's would have. Raises ``KernelError``: ``VerifierRejected``, ``NoMemory``, ….
    """
    if source.path is None:
        problem = "this agent was given no object for the programs of jobs"
        raise kernel_error("load the program of", f"job {spec.id}", ENOTSUPP, problem=problem)
    with Object.open(source.path, source.btf) as o, ExitStack() as undo:
        if Layout.parse(o.rodata("layout"), f"layout in {o.path}") != source.layout:
            problem = "it counts in another layout than the agent's maps have"
            raise kernel_error("load BPF object", o.path, ENOTSUPP, "use the objects of one build", problem)
        o.reuse(IF_STATS, source.if_stats)
        o.set_max_entries(MAPS[FLOWS], flow_entries(spec) or OFF)
        o.set_max_entries(MAPS[RING], ring_bytes(spec) or mmap.PAGESIZE)
        program, other = PROGRAM, DECAP_PROGRAM
        if mode is MirrorMode.DECAP:
            program, other = other, program
        else:
            o.set_max_entries(MAPS[SESSIONS], OFF)
        o.leave_out(other)
        goes_on = bool(kept) and _same_shapes(o, kept)
        for name, map_name in MAPS.items() if goes_on else ():
            o.reuse(map_name, kept[name])
        window = max(1, round(INSERTS_SEC * 1e9 / tick_ns))
        bursts = spec.result_detail is not ResultDetail.SUMMARY
        config = pack_config(spec, bursts=bursts, flow_budget=INSERTS, budget_window=window, mode=mode)
        o.set_rodata("config", config)
        fds = {PROG: load_program(o, spec, program)}
        undo.callback(close, fds)
        for name, map_name in MAPS.items():
            fds[name] = os.dup(o.map_fd(map_name))
        undo.pop_all()
    return fds, goes_on


def load_program(o: Object, spec: JobSpec, program: str = PROGRAM) -> int:
    """Load the prepared object; a descriptor of the program that answers the question, the caller's to close."""
    o.load()
    if not spec.match.filter:
        return os.dup(o.prog_fd(program))
    return load_spliced(o, program, spec.match.filter, inner=program == DECAP_PROGRAM)


def close(fds: Mapping[str, int]) -> None:
    """Close all descriptors."""
    for fd in fds.values():
        os.close(fd)


def _same_shapes(o: Object, kept: Mapping[str, int]) -> bool:
    for name, map_name in MAPS.items():
        i = libbpf.map_info(kept[name])
        if o.shape(map_name) != (i.type, i.key_size, i.value_size, i.max_entries):
            return False
    return True
