"""A job's own program in the kernel for tests: its configuration set, its maps read as the agent reads them."""

from __future__ import annotations

import mmap
import os
import struct
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from sonic_telegen.kernel import jobabi, libbpf
from sonic_telegen.kernel import sessions as session_abi
from sonic_telegen.kernel.jobload import DECAP_PROGRAM, PROGRAM, load_program
from sonic_telegen.model.job import JobSpec, MirrorMode, ResultDetail
from sonic_telegen.model.match import EVERY_FRAME, Match
from sonic_telegen.model.sample import Session
from tests.support.bpfobj import UNSPEC, sk_buff, slot
from tests.support.objects import job_object
from tests.support.reference import Count

ZERO = bytes(4)
MANY = 1 << 30
NO_MORE = jobabi.Feature(0)
_FEATURES = struct.Struct("=I")
PROGRAMS = (PROGRAM, DECAP_PROGRAM)


def spec(match: Match = EVERY_FRAME, detail: ResultDetail = ResultDetail.SUMMARY, **more: Any) -> JobSpec:
    """A job that asks about a match on every port."""
    return JobSpec("one", "all", match=match, result_detail=detail, **more)


class JobProgram:
    """``telegen_job`` and its maps, gone at the end of the ``with`` block. Budgets are as wide as can be."""

    def __init__(
        self,
        job: JobSpec,
        *,
        bursts: bool = False,
        budget: int = MANY,
        window: int = 1,
        flows: int = 4096,
        ring: int = 1 << 20,
        sessions: int = 256,
        mode: MirrorMode = MirrorMode.DIRECT,
        more: jobabi.Feature = NO_MORE,
        **defines: int,
    ) -> None:
        """``more`` features than the job asks for: no row can want flows and frames at once, the program can."""
        self._stack = ExitStack()
        self._object = libbpf.Object.open(job_object(**defines))
        self._stack.callback(self._object.close)
        config = jobabi.pack_config(job, bursts=bursts, flow_budget=budget, budget_window=window, mode=mode)
        (features,) = _FEATURES.unpack_from(config, 4)
        self._object.set_rodata("config", config[:4] + _FEATURES.pack(features | more) + config[8:])
        self._object.set_max_entries("job_flows", flows)
        self._object.set_max_entries("job_ring", ring)
        self._ring, self._job = ring, job
        self._program = PROGRAMS[mode is MirrorMode.DECAP]
        self._object.set_max_entries("job_sessions", sessions)
        self._object.leave_out(PROGRAMS[mode is not MirrorMode.DECAP])

    def __enter__(self) -> Self:
        self.fd = load_program(self._object, self._job, self._program)
        self._stack.callback(os.close, self.fd)
        names = ("if_stats_percpu", "job_live", "job_percpu", "job_flows", "job_ring", "job_sessions")
        self.maps = {name: self._object.map_fd(name) for name in names}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def run(self, frame: bytes, gso_size: int = 0, gso_segs: int = 0, repeat: int = 1) -> None:
        """Hand a frame to the program; asserts that the verdict is -1 and the frame untouched."""
        ran = libbpf.prog_test_run(self.fd, frame, sk_buff(gso_size, gso_segs), repeat)
        assert (ran.retval, ran.data_out) == (UNSPEC, frame)

    def slot(self, number: int = 0) -> dict[str, Count]:
        """What a slot has counted by class."""
        return slot(self.maps["if_stats_percpu"], number)

    def total(self, number: int = 0) -> tuple[int, int]:
        """Packets and bytes of all classes in a slot."""
        counts = self.slot(number).values()
        return sum(one.packets for one in counts), sum(one.bytes for one in counts)

    def name_slot(self, number: int, direction: int) -> None:
        """Give a slot its direction, as the agent does when it assigns it."""
        size = libbpf.map_info(self.maps["if_stats_percpu"]).value_size
        value = struct.pack("=II", 1, direction) + bytes(size - 8)
        libbpf.update(self.maps["if_stats_percpu"], struct.pack("=I", number), value * libbpf.possible_cpus())

    def live(self, deadline: int = 0, epoch: int = 0, mirror: int = 0) -> None:
        """Set what may change while the program runs."""
        live = jobabi.Live("one", "", "", deadline, epoch, mirror=mirror)
        libbpf.update(self.maps["job_live"], ZERO, live.pack())

    def raw_percpu(self) -> bytes:
        """``job_percpu`` of every possible CPU."""
        value = libbpf.lookup(self.maps["job_percpu"], ZERO, libbpf.percpu_size(jobabi.PERCPU_SIZE))
        assert value is not None
        return value

    @property
    def tag(self) -> str:
        """The kernel's tag of the program."""
        return libbpf.prog_info(self.fd).tag

    @property
    def percpu(self) -> jobabi.PerCpu:
        """Its counters, added up."""
        return jobabi.PerCpu.parse(self.raw_percpu())

    def flows(self) -> dict[jobabi.FlowKey, jobabi.Flow]:
        """The flow table."""
        fd, found = self.maps["job_flows"], {}
        for key in list(libbpf.keys(fd)):
            value = libbpf.lookup(fd, key, jobabi.FLOW_SIZE)
            assert value is not None
            found[jobabi.FlowKey.parse(key)] = jobabi.Flow.parse(value)
        return found

    def sessions(self) -> dict[Session, session_abi.Value]:
        """The table of ERSPAN sessions."""
        fd, found = self.maps["job_sessions"], {}
        for key in list(libbpf.keys(fd)):
            value = libbpf.lookup(fd, key, session_abi.VALUE_SIZE)
            assert value is not None
            found[session_abi.parse_key(key)] = session_abi.Value.parse(value)
        return found

    def drain(self) -> None:
        """Tell the ring that all its records were read."""
        fd, page = self.maps["job_ring"], mmap.PAGESIZE
        with mmap.mmap(fd, page, prot=mmap.PROT_READ, offset=page) as producer, mmap.mmap(fd, page) as consumer:
            consumer[:8] = producer[:8]

    def captured(self) -> list[jobabi.Frame]:
        """The records in the ring so far: a consumer page, a producer page, and the data behind them."""
        fd, page = self.maps["job_ring"], mmap.PAGESIZE
        with mmap.mmap(fd, 2 * page, prot=mmap.PROT_READ, offset=page) as pages:
            (end,) = struct.unpack_from("=Q", pages)
        found, at = [], 0
        with mmap.mmap(fd, page + self._ring, prot=mmap.PROT_READ, offset=page) as pages:
            data = memoryview(pages)[page:]
            while at < end:
                (head,) = struct.unpack_from("=I", data, at)
                size = head & 0x3FFFFFFF
                if not head & 1 << 30:  # not discarded
                    found.append(jobabi.Frame.parse(bytes(data[at + 8 : at + 8 + size])))
                at += 8 + size + -size % 8
            data.release()
        return found


def on_one_cpu() -> None:
    """Keep this thread on a CPU, so that what is per CPU is counted in one place."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
