"""What must outlive the agent and cannot be seen elsewhere: jobs that began or ended, qdiscs and sessions of ours.

``jobs.json`` in ``TELEGEN_STATE_DIR`` is replaced whole and flushed to the disk: a reboot must not run a job twice.
``sessions.json``, the mirror sessions that we wrote into CONFIG_DB, likewise: a reboot brings back saved rows.
``qdiscs.jsonl`` gets a line for each qdisc that comes or goes and is never flushed: a reboot takes the qdiscs with it,
so every line carries the boot id. (Replacing that file, too, took 0.7 to 2 ms a qdisc, creating one takes 0.1 ms.)
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from sonic_telegen.model.mirror import SessionNote
from sonic_telegen.notes import JobNote, QdiscNote, content, line_of, parse_jobs, parse_qdiscs, parse_sessions

T = TypeVar("T", QdiscNote, JobNote, SessionNote)

MAX_ENTRIES = 8192  # of each kind; the oldest go first
MAX_SESSIONS = 256
_SPARE_LINES = 256  # so many more lines than qdiscs, and the file is written anew
_TOO_MANY = 1 << 30  # lines: the next note writes the file anew
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Journal:
    """Safe to use from several threads. Nothing here raises for a disk that fails: it is told by ``take_notices``."""

    def __init__(self, directory: str | os.PathLike[str], boot: str = "") -> None:
        """``boot`` is the boot id; the running kernel's when not given."""
        self._directory, self._lock = Path(directory), threading.Lock()
        self._jobs_path, self._qdiscs_path = self._directory / "jobs.json", self._directory / "qdiscs.jsonl"
        self._sessions_path = self._directory / "sessions.json"
        self._notices: list[str] = []
        self._unwritable = False
        self.boot = boot or _BOOT_ID.read_text().strip()
        self._jobs = {note.job: note for note in self._read(self._jobs_path, parse_jobs)}
        self._qdiscs = dict.fromkeys(note for note in self._read(self._qdiscs_path, parse_qdiscs) if self._here(note))
        self._sessions = {note.name: note for note in self._read(self._sessions_path, parse_sessions)}
        self._lines = 0
        if self._qdiscs_path.exists():
            self._rewrite_qdiscs()

    def take_notices(self) -> tuple[str, ...]:
        """What an operator should be told since the last call: a file set aside, a directory that cannot be written."""
        with self._lock:
            told, self._notices = tuple(self._notices), []
            return told

    # -- qdiscs that we created

    def created_qdiscs(self, netns: int) -> frozenset[tuple[int, str, str]]:
        """(ifindex, netdev, kind) of every qdisc noted in this namespace since boot."""
        with self._lock:
            return frozenset((q.ifindex, q.netdev, q.kind) for q in self._qdiscs if q.netns == netns)

    def note_qdisc(self, netns: int, ifindex: int, netdev: str, kind: str) -> None:
        """Remember it before it is made, so that none is left that nobody knows of."""
        note = QdiscNote(self.boot, netns, ifindex, netdev, kind)
        with self._lock:
            if note not in self._qdiscs:
                self._qdiscs[note] = None
                self._append(note, made=True)

    def forget_qdisc(self, netns: int, ifindex: int, netdev: str, kind: str) -> None:
        """It is deleted, or was never made."""
        self._forget([QdiscNote(self.boot, netns, ifindex, netdev, kind)])

    def keep_qdiscs(self, netns: int, present: Collection[tuple[int, str, str]]) -> None:
        """Forget all of this namespace but those that a look found: a recreated netdev is not mistaken for the old."""
        with self._lock:
            known = [q for q in self._qdiscs if q.netns == netns]
        self._forget(q for q in known if (q.ifindex, q.netdev, q.kind) not in present)

    def _forget(self, notes: Iterable[QdiscNote]) -> None:
        with self._lock:
            for note in notes:
                if note in self._qdiscs:
                    del self._qdiscs[note]
                    self._append(note, made=False)

    # -- jobs with a duration

    def job_started(self, job: str, digest: str) -> int | None:
        """Unix ns of the first attach of this very job, None when it never ran."""
        note = self._job(job, digest)
        return note.start_ns if note else None

    def ended(self, job: str, digest: str) -> bool:
        """Whether this very job is over."""
        note = self._job(job, digest)
        return bool(note and note.end_ns)

    def note_start(self, job: str, digest: str, ns: int) -> None:
        """Remember the first attach; a changed digest is a new job and replaces what was known."""
        self._put(JobNote(job, digest, ns))

    def note_end(self, job: str, digest: str, ns: int, why: str) -> None:
        """Remember the end and the reason."""
        note = self._job(job, digest)
        self._put(JobNote(job, digest, note.start_ns if note else ns, ns, why))

    def forget_except(self, jobs: Collection[str]) -> None:
        """Drop jobs whose rows are gone."""
        with self._lock:
            gone = self._jobs.keys() - frozenset(jobs)
            for job in gone:
                del self._jobs[job]
            if gone:
                self._rewrite_jobs()

    def _job(self, job: str, digest: str) -> JobNote | None:
        with self._lock:
            note = self._jobs.get(job)
            return note if note and note.digest == digest else None

    def _put(self, note: JobNote) -> None:
        with self._lock:
            self._jobs.pop(note.job, None)  # to the end: the order is by age
            self._jobs[note.job] = note
            while len(self._jobs) > MAX_ENTRIES:
                del self._jobs[next(iter(self._jobs))]
            self._rewrite_jobs()

    # -- mirror sessions that we wrote; a note stays when its session is gone, a saved row may come back

    def sessions(self) -> Mapping[str, SessionNote]:
        """By name."""
        with self._lock:
            return dict(self._sessions)

    def note_session(self, note: SessionNote) -> None:
        """Remember one before it is written, so that none is left that nobody knows of; what was known is replaced."""
        with self._lock:
            self._sessions.pop(note.name, None)
            self._sessions[note.name] = note
            while len(self._sessions) > MAX_SESSIONS:
                del self._sessions[next(iter(self._sessions))]
            self._rewrite("sessions", self._sessions_path, self._sessions.values())

    # -- files; the lock is held

    def _here(self, note: QdiscNote) -> bool:
        return note.boot == self.boot

    def _rewrite_jobs(self) -> None:
        self._rewrite("jobs", self._jobs_path, self._jobs.values())

    def _rewrite(self, name: str, path: Path, notes: Iterable[JobNote] | Iterable[SessionNote]) -> None:
        self._replace(path, content(name, notes), flush=True)

    def _rewrite_qdiscs(self) -> None:
        self._replace(self._qdiscs_path, "".join(line_of(note, True) for note in self._qdiscs), flush=False)
        self._lines = len(self._qdiscs)

    def _append(self, note: QdiscNote, made: bool) -> None:
        while len(self._qdiscs) > MAX_ENTRIES:
            del self._qdiscs[next(iter(self._qdiscs))]
            self._lines = _TOO_MANY  # what was dropped must leave the file, too
        if self._lines >= len(self._qdiscs) + _SPARE_LINES:
            self._rewrite_qdiscs()
            return
        self._lines += 1
        try:
            self._directory.mkdir(mode=0o750, parents=True, exist_ok=True)
            line = line_of(note, made).encode()
            with _opened(self._qdiscs_path, os.O_APPEND) as fd:
                if os.write(fd, line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as problem:
            self._lines = _TOO_MANY
            self._cannot_write(self._qdiscs_path, problem)

    def _replace(self, path: Path, text: str, flush: bool) -> None:
        aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            self._directory.mkdir(mode=0o750, parents=True, exist_ok=True)
            with _opened(aside, os.O_TRUNC) as fd:
                rest = memoryview(text.encode())
                while rest:
                    rest = rest[os.write(fd, rest) :]
                if flush:
                    os.fsync(fd)
            aside.replace(path)
            if flush:
                with _opened(self._directory, os.O_DIRECTORY) as fd:
                    os.fsync(fd)  # the rename itself
        except OSError as problem:
            with contextlib.suppress(OSError):
                aside.unlink()
            self._cannot_write(path, problem)

    def _cannot_write(self, path: Path, problem: OSError) -> None:
        if not self._unwritable:
            self._unwritable = True
            self._notices.append(f"cannot write {path}: {problem.strerror}; it is kept in memory until the agent stops")

    def _read(self, path: Path, parse: Callable[[str], list[T]]) -> list[T]:
        try:
            return parse(path.read_bytes().decode())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as problem:
            reason = problem.strerror
        except (ValueError, KeyError, TypeError, RecursionError) as problem:
            reason = f"{type(problem).__name__}: {problem}"
        aside = path.with_name(f"{path.name}.corrupt")
        try:
            path.replace(aside)
            self._notices.append(f"{path} could not be read ({reason}) and was set aside as {aside.name}")
        except OSError as problem:
            self._notices.append(f"{path} could not be read ({reason}) nor set aside ({problem.strerror})")
        return []


@contextlib.contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    """A descriptor for the length of the block; mode 0640 when it is made."""
    how = os.O_RDONLY if flags & os.O_DIRECTORY else os.O_WRONLY | os.O_CREAT
    fd = os.open(path, how | flags | os.O_CLOEXEC, 0o640)
    try:
        yield fd
    finally:
        os.close(fd)
