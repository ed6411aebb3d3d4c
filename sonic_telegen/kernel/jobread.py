"""``JobReaders``: what programs of jobs keep beside their slots, read beat by beat and once more at their end."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from dataclasses import dataclass, field

from sonic_telegen.errors import Gone
from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.jobload import close
from sonic_telegen.kernel.jobs import JobPrograms
from sonic_telegen.kernel.jobstats import Clocks, JobReader
from sonic_telegen.kernel.pins import FLOWS, PERCPU, SESSIONS
from sonic_telegen.model.job import MirrorMode
from sonic_telegen.model.sample import JobSample

FINAL_SEC = 60.0  # a last reading is told for so long after its program is gone: exports may fail or come late


@dataclass(slots=True)
class _Reading:
    """One run of a job: its maps, and what they last had."""

    maps: int
    reader: JobReader
    lock: threading.Lock = field(default_factory=threading.Lock)
    last: JobSample | None = None
    gone: float = 0.0  # when its program was first missed, of time.monotonic


class JobReaders:
    """Safe to use from several threads; descriptors are held only while they are read: a job's end waits for none."""

    def __init__(self, programs: JobPrograms) -> None:
        self._programs = programs
        self._readings: dict[str, _Reading] = {}
        self._lock = threading.Lock()  # of the dictionary

    def beat(self) -> dict[str, JobSample]:
        """All jobs; each one's next interval of bursts begins. Those that ended lately are as they were last read.

        Raises ``KernelError``.
        """
        loaded = self._programs.programs()
        return self._gone(loaded) | self._all(loaded, turn=True)

    def last(self, jobs: Collection[str]) -> dict[str, JobSample]:
        """Jobs whose programs run no more: no other interval comes. Those that ended lately are as they were last read.

        Raises ``KernelError``.
        """
        return self._gone(self._programs.programs()) | self._all(jobs, turn=False)

    def _all(self, jobs: Collection[str], turn: bool) -> dict[str, JobSample]:
        return {job: sample for job in jobs if (sample := self._read(job, turn)) is not None}

    def _gone(self, loaded: Collection[str]) -> dict[str, JobSample]:
        found = {}
        with self._lock:
            now = time.monotonic()
            for job, reading in list(self._readings.items()):
                if job in loaded:
                    continue
                reading.gone = reading.gone or now
                if reading.last is None or now - reading.gone > FINAL_SEC:
                    del self._readings[job]
                else:
                    found[job] = reading.last
        return found

    def _read(self, job: str, turn: bool) -> JobSample | None:
        """None when its program is gone meanwhile."""
        try:
            live, fds = self._programs.lend(job, turn)
        except Gone:
            return None
        try:
            reading = self._reading(job, live.digest, libbpf.map_info(fds[PERCPU]).id)
            with reading.lock:
                ticks, tick_ns = self._programs.ticks()
                clocks = Clocks(ticks, tick_ns, time.monotonic_ns(), time.time_ns())
                sessions = fds[SESSIONS] if live.mode is MirrorMode.DECAP else None
                reading.last = reading.reader.read(fds[PERCPU], fds[FLOWS], clocks, live.epoch, sessions)
            return reading.last
        finally:
            close(fds)

    def _reading(self, job: str, digest: str, maps: int) -> _Reading:
        with self._lock:
            known = self._readings.get(job)
            if known is None or known.maps != maps:
                known = self._readings[job] = _Reading(maps, JobReader(digest, maps))
            return known
