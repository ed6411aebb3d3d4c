"""Captures beside the agent; part of the composition root. A thread takes the frames, from the first capture on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from sonic_telegen.capture.captures import Captures, Wanted
from sonic_telegen.capture.folder import SUFFIX, Folder
from sonic_telegen.errors import KernelError
from sonic_telegen.kernel.jobload import close
from sonic_telegen.kernel.jobs import JobPrograms
from sonic_telegen.kernel.pins import PERCPU, RING
from sonic_telegen.kernel.ring import Ring
from sonic_telegen.log import fields, log
from sonic_telegen.model.captured import CaptureCounts, CaptureFile
from sonic_telegen.model.job import ResultDetail
from sonic_telegen.model.sample import Sample
from sonic_telegen.model.status import JobStatus, Reason, Status
from sonic_telegen.reconcile.loop import PassResult
from sonic_telegen.reconcile.programs import program_of
from sonic_telegen.thread import in_thread

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Capturing:
    """Captures what jobs ask for in files below ``folder``; all but ``run`` may be called from any thread."""

    def __init__(self, folder: Path) -> None:
        self._captures = Captures(Folder(folder))
        self._boot = BOOT_ID.read_text().strip()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._needed = asyncio.Event()
        self._problems: Mapping[str, str] = {}
        self.under_way = False
        if any(folder.glob(f"*{SUFFIX}")):  # of an earlier agent: they are removed an hour after their end
            self._needed.set()

    async def run(self) -> None:
        """Until ``stop``."""
        self._loop = asyncio.get_running_loop()
        await self._needed.wait()
        self.under_way = True
        await in_thread("captures", self._captures.run)

    def stop(self) -> None:
        """End the thread; captures go on with the next agent."""
        self._captures.stop()

    def file(self, job: str) -> CaptureFile | None:
        """The job's file, growing or kept; None when there is none."""
        return self._captures.file(job)

    def follow(self, result: PassResult, programs: JobPrograms | None) -> None:
        """Capture what the jobs want whose programs a pass found; worker thread."""
        if result.state is None or programs is None:
            return  # nothing is known: what is under way goes on
        wanted = {}
        for job, one in result.desired.jobs.items():
            found = program_of(one, result.state) if one.spec.result_detail is ResultDetail.PACKETS else None
            if found is not None:
                identity = f"job {job}, question {found.digest}, maps {found.maps} of boot {self._boot}"
                wanted[job] = Wanted(identity, one.spec.snaplen, partial(_ring, programs, job))
        if wanted and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._needed.set)
        self._problems = self._captures.update(wanted)

    def told(self, jobs: Mapping[str, JobStatus]) -> dict[str, JobStatus]:
        """The statuses, degraded where a job runs and its capture does not."""
        found = dict(jobs)
        for job, status in jobs.items():
            problem = self._problem(job) if status.status is Status.RUNNING else ""
            if problem:
                text = f"the job counts on, its capture ended: {problem}"
                found[job] = replace(status, status=Status.DEGRADED, reason=Reason.CAPTURE_ENDED, message=text)
        return found

    def _problem(self, job: str) -> str:
        counts = self._counts(job)
        return self._problems.get(job) or (counts.problem if counts else "")

    def counted(self, sample: Sample) -> Sample:
        """The reading with what the files have of each capture, instead of what was put into its ring."""
        found = dict(sample.jobs)
        for job, one in sample.jobs.items():
            counts = self._counts(job)
            if counts is not None:
                found[job] = replace(one, captured=counts.captured, capture_lost=counts.lost)
        return replace(sample, jobs=found) if found else sample

    def growing(self) -> frozenset[str]:
        """Jobs whose last frames may still be in their rings: what is counted after this is not final for them."""
        return self._captures.growing()

    def _counts(self, job: str) -> CaptureCounts | None:
        try:
            return self._captures.counts(job)
        except KernelError as problem:
            log.warning("a capture cannot be counted", extra=fields(job=job, problem=problem))
            return None


def _ring(programs: JobPrograms, job: str) -> Ring:
    _, fds = programs.lend(job)
    try:
        return Ring(fds[RING], fds[PERCPU])
    finally:
        close(fds)
