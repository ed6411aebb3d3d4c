"""What must outlive the agent and cannot be seen in the kernel: qdiscs that we made, jobs that began or ended.

Two JSON files in ``TELEGEN_STATE_DIR``, replaced whole by rename. ``jobs.json`` is also flushed to the disk, since a
reboot must not run a job twice. ``qdiscs.json`` is not: it is void after a reboot (each entry carries the boot id), and
a flush for each of 256 qdiscs would take longer than creating them.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

MAX_ENTRIES = 8192  # of each file; the oldest go first
_VERSION = 1
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class QdiscNote:
    """A qdisc that we created. ``netns`` is the namespace's inode: names and indexes repeat between namespaces."""

    boot: str
    netns: int
    ifindex: int
    netdev: str
    kind: str


@dataclass(frozen=True, slots=True)
class JobNote:
    """When a job of this digest began and ended (Unix ns, 0: not yet) and why."""

    digest: str
    start_ns: int
    end_ns: int = 0
    why: str = ""


class Journal:
    """Safe to use from several threads. Nothing here raises for a disk that fails: it is told by ``take_notices``."""

    def __init__(self, directory: str | os.PathLike[str], boot: str = "") -> None:
        """``boot`` is the boot id, the running kernel's when not given (tests)."""
        self._directory, self._lock = Path(directory), threading.Lock()
        self._notices: list[str] = []
        self._told_unwritable = False
        self.boot = boot or _BOOT_ID.read_text().strip()
        self._qdiscs: dict[QdiscNote, None] = {}
        self._jobs: dict[str, JobNote] = {}
        for entry in self._load("qdiscs.json", lambda item: QdiscNote(**_checked(item, QdiscNote))):
            if entry.boot == self.boot:
                self._qdiscs[entry] = None
        for job, note in self._load("jobs.json", lambda item: (_name(item), JobNote(**_checked(item, JobNote)))):
            self._jobs[job] = note

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
        with self._lock:
            self._qdiscs[QdiscNote(self.boot, netns, ifindex, netdev, str(kind))] = None
            self._write_qdiscs()

    def forget_qdisc(self, netns: int, ifindex: int, netdev: str, kind: str) -> None:
        """It is deleted, or was never made."""
        with self._lock:
            note = QdiscNote(self.boot, netns, ifindex, netdev, str(kind))
            if note in self._qdiscs:
                del self._qdiscs[note]
                self._write_qdiscs()

    def keep_qdiscs(self, netns: int, present: Collection[tuple[int, str, str]]) -> None:
        """Forget all of this namespace but those that a look found: a recreated netdev is not mistaken for the old."""
        with self._lock:
            gone = [q for q in self._qdiscs if q.netns == netns and (q.ifindex, q.netdev, q.kind) not in present]
            for note in gone:
                del self._qdiscs[note]
            if gone:
                self._write_qdiscs()

    # -- jobs with a duration

    def job_started(self, job: str, digest: str) -> int | None:
        """Unix ns of the first attach of this very job, None when it never ran."""
        with self._lock:
            note = self._jobs.get(job)
            return note.start_ns if note and note.digest == digest else None

    def ended(self, job: str, digest: str) -> bool:
        """Whether this very job is over."""
        with self._lock:
            note = self._jobs.get(job)
            return bool(note and note.digest == digest and note.end_ns)

    def note_start(self, job: str, digest: str, ns: int) -> None:
        """Remember the first attach; a changed digest is a new job and replaces what was known."""
        with self._lock:
            self._put(job, JobNote(digest, ns))

    def note_end(self, job: str, digest: str, ns: int, why: str) -> None:
        """Remember the end and the reason."""
        with self._lock:
            note = self._jobs.get(job)
            start_ns = note.start_ns if note and note.digest == digest else ns
            self._put(job, JobNote(digest, start_ns, ns, why))

    def forget_except(self, jobs: Collection[str]) -> None:
        """Drop jobs whose rows are gone."""
        with self._lock:
            gone = self._jobs.keys() - frozenset(jobs)
            for job in gone:
                del self._jobs[job]
            if gone:
                self._write_jobs()

    # -- files

    def _put(self, job: str, note: JobNote) -> None:
        self._jobs.pop(job, None)  # to the end: the order is by age
        self._jobs[job] = note
        self._write_jobs()

    def _write_jobs(self) -> None:
        while len(self._jobs) > MAX_ENTRIES:
            del self._jobs[next(iter(self._jobs))]
        self._write("jobs.json", [{"job": job, **asdict(note)} for job, note in self._jobs.items()], flush=True)

    def _write_qdiscs(self) -> None:
        while len(self._qdiscs) > MAX_ENTRIES:
            del self._qdiscs[next(iter(self._qdiscs))]
        # Not asdict(): it deep-copies, and with 512 entries that would be most of the time.
        plain = [
            {"boot": q.boot, "netns": q.netns, "ifindex": q.ifindex, "netdev": q.netdev, "kind": q.kind}
            for q in self._qdiscs
        ]
        self._write("qdiscs.json", plain, flush=False)

    def _write(self, name: str, entries: list[dict[str, Any]], flush: bool) -> None:
        path = self._directory / name
        aside = path.with_name(f".{name}.{os.getpid()}.tmp")
        try:
            self._directory.mkdir(mode=0o750, parents=True, exist_ok=True)
            with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640), "w") as file:
                file.write(json.dumps({"version": _VERSION, "entries": entries}))  # json.dump() is much slower
                if flush:
                    file.flush()
                    os.fsync(file.fileno())
            aside.replace(path)
            if flush:
                self._flush_directory()
        except OSError as problem:
            with contextlib.suppress(OSError):
                aside.unlink()
            if not self._told_unwritable:
                self._told_unwritable = True
                self._notices.append(f"cannot write {path}: {problem.strerror}; kept in memory until the agent stops")

    def _flush_directory(self) -> None:
        fd = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def _load(self, name: str, parse: Callable[[dict[str, Any]], T]) -> list[T]:
        path = self._directory / name
        try:
            content = json.loads(path.read_bytes())
            if content["version"] != _VERSION:
                raise ValueError(f"version {content['version']!r} instead of {_VERSION}")
            return [parse(item) for item in content["entries"]]
        except FileNotFoundError:
            return []
        except NotADirectoryError:
            return []  # told when it is written
        except OSError as problem:
            reason = problem.strerror or str(problem)
        except (ValueError, KeyError, TypeError, RecursionError) as problem:
            reason = f"{type(problem).__name__}: {problem}"
        aside = path.with_name(f"{name}.corrupt")
        try:
            path.replace(aside)
            self._notices.append(f"{path} could not be read ({reason}) and was set aside as {aside.name}")
        except OSError as problem:
            self._notices.append(f"{path} could not be read ({reason}) nor set aside ({problem.strerror})")
        return []


def _checked(item: dict[str, Any], kind: type[QdiscNote] | type[JobNote]) -> dict[str, Any]:
    """The entry's fields, each of its type; TypeError, KeyError when not."""
    found = {}
    for field in fields(kind):
        value = item[field.name]
        if type(value).__name__ != field.type:
            raise TypeError(f"{field.name} is {value!r}")
        found[field.name] = value
    return found


def _name(item: dict[str, Any]) -> str:
    job = item["job"]
    if not isinstance(job, str):
        raise TypeError(f"job is {job!r}")
    return job
