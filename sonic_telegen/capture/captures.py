"""``Captures``: the thread that takes frames out of the jobs' rings and writes them, at most half a CPU's worth.

A capture lasts as long as its maps are wanted. One that ended before (its file is full, or the disk) reads no more: the
ring fills, and the job's program counts what finds no room, at next to no cost.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from sonic_telegen.capture.folder import Folder
from sonic_telegen.capture.writer import Limits, Writer
from sonic_telegen.errors import KernelError
from sonic_telegen.log import fields, log
from sonic_telegen.model.captured import CaptureCounts, Captured, CaptureFile

LIMITS = Limits(most=64 << 20, floor=64 << 20)
BATCH = 4096  # frames of a job that are taken at a time
PAUSE_SEC = 0.005  # between two rounds, at least: frames come together
TIDY_SEC = 10.0
MOST_ENDED = 512  # captures whose counts are known after their end
LAST_ROUNDS = 64  # batches, at most, after the end


class Source(Protocol):
    """What the thread needs of a ring; methods raise KernelError."""

    def fileno(self) -> int:
        """Readable when there are frames."""

    def read(self, most: int) -> list[Captured]:
        """The next frames."""

    def counted(self) -> tuple[int, int]:
        """Frames that were sampled, and those of them that found no room."""

    def close(self) -> None:
        """Frames that were not read stay."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A capture that should be under way. Another ``identity`` (question, maps, boot) is another capture."""

    identity: str
    snaplen: int
    open: Callable[[], Source]


class _Capture:
    def __init__(self, identity: str, source: Source, writer: Writer) -> None:
        self.identity, self.source, self.writer = identity, source, writer
        self.wanted = True

    def counts(self) -> CaptureCounts:
        sampled, lost = self.source.counted()
        writer = self.writer
        return CaptureCounts(writer.frames, sampled - writer.frames if writer.over else lost, writer.problem)


class Captures:
    """``run`` is the thread; everything else may be called from any."""

    def __init__(self, folder: Folder, limits: Limits = LIMITS) -> None:
        self._folder, self._limits = folder, limits
        self._room = 0  # bytes that all captures together may take yet; looked up when it is used up
        self._news = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poll = select.epoll()
        self._poll.register(self._news, select.EPOLLIN)
        self._lock = threading.RLock()  # of _captures and of what is in them
        self._captures: dict[str, _Capture] = {}
        self._ended: dict[str, CaptureCounts] = {}
        self._stopping = False

    def update(self, wanted: Mapping[str, Wanted]) -> dict[str, str]:
        """What should be captured now; why some cannot be. Others come to their end."""
        problems: dict[str, str] = {}
        with self._lock:
            if self._stopping:
                return {}
            for job, found in list(self._captures.items()):
                if job not in wanted or wanted[job].identity != found.identity:
                    found.wanted = False
                    if job in wanted:
                        self._end(job)
            for job, one in wanted.items():
                if job not in self._captures:
                    problem = self._begin(job, one)
                    if problem:
                        problems[job] = problem
            os.eventfd_write(self._news, 1)
        return problems

    def _begin(self, job: str, wanted: Wanted) -> str:
        try:
            source = wanted.open()
        except KernelError as problem:
            return str(problem)
        try:
            self._folder.make()
            writer = Writer(self._folder.of(job), wanted.identity, wanted.snaplen, self._limits)
        except OSError as problem:
            source.close()
            return f"{self._folder.of(job)} cannot be written: {problem.strerror}"
        self._captures[job] = _Capture(wanted.identity, source, writer)
        self._ended.pop(job, None)
        if not writer.over:
            self._poll.register(source.fileno(), select.EPOLLIN)
        return ""

    def file(self, job: str) -> CaptureFile | None:
        """The job's file, growing or kept; None when there is none."""
        found = self._captures.get(job)
        if found is None:
            with self._lock:
                found = self._captures.get(job)
                if found is None:
                    return self._folder.kept(job)
        return found.writer.file()

    def growing(self) -> frozenset[str]:
        """Jobs to whose files frames may still come: what is counted of them is not final."""
        with self._lock:
            return frozenset(self._captures)

    def counts(self, job: str) -> CaptureCounts | None:
        """What became of the job's frames, also when it ended; None when nothing is known. Raises KernelError."""
        with self._lock:
            found = self._captures.get(job)
            return found.counts() if found else self._ended.get(job)

    def stop(self) -> None:
        """End ``run`` soon; captures go on with the next agent."""
        with self._lock:
            if not self._stopping:
                self._stopping = True
                os.eventfd_write(self._news, 1)

    def run(self) -> None:
        """Until ``stop``; once."""
        tidied = 0.0
        while not self._stopping:
            began = time.monotonic()
            if began >= tidied + TIDY_SEC:
                self.tidy()
                tidied = began
            self.turn()
            time.sleep(max(PAUSE_SEC, time.monotonic() - began))
            self._poll.poll(max(0.0, tidied + TIDY_SEC - time.monotonic()), 1)
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._news)
        with self._lock:
            for found in self._captures.values():
                found.writer.close()
                found.source.close()
            self._captures.clear()
            self._poll.close()
            os.close(self._news)

    def turn(self) -> None:
        """Take what there is of each ring, a batch at most, and end what is not wanted any more."""
        with self._lock:
            for job, found in list(self._captures.items()):
                if found.wanted:
                    self._take(job, found)
                else:
                    self._end(job)

    def _take(self, job: str, found: _Capture) -> int:
        """Write one batch; how many frames it had."""
        if found.writer.over:
            return 0
        try:
            frames = found.source.read(BATCH)
        except KernelError as problem:
            found.writer.problem = str(problem)
            frames = []
        if frames:
            before = found.writer.size
            found.writer.add(frames, time.time_ns() - time.monotonic_ns())
            self._room -= found.writer.size - before
            if self._room <= 0 and not self.tidy():
                found.writer.problem = found.writer.problem or "all captures together have as many bytes as they may"
        if found.writer.problem:
            log.warning("a capture ended early", extra=fields(job=job, problem=found.writer.problem))
            self._poll.unregister(found.source.fileno())
            self._finish(job, found)
        return len(frames)

    def _end(self, job: str) -> None:
        """Nothing comes any more: take the rest and close."""
        found = self._captures[job]
        for _ in range(LAST_ROUNDS):
            if not self._take(job, found):
                break
        if not found.writer.over:
            self._poll.unregister(found.source.fileno())
        self._finish(job, found)
        with contextlib.suppress(KernelError):
            self._ended[job] = found.counts()
            if len(self._ended) > MOST_ENDED:
                del self._ended[next(iter(self._ended))]
        found.writer.close()
        found.source.close()
        del self._captures[job]

    def _finish(self, job: str, found: _Capture) -> None:
        try:
            found.writer.finish(found.source.counted()[0])
        except (KernelError, OSError) as problem:
            log.warning("a capture could not be finished", extra=fields(job=job, problem=problem))
            found.writer.over = True

    def tidy(self) -> int:
        """Remove files that were kept long enough, and the oldest where there is no room; bytes of it that are left."""
        with self._lock:
            self._room = self._folder.tidy({found.writer.path for found in self._captures.values()})
            return self._room
