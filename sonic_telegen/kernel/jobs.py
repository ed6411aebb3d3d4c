"""``JobPrograms``: jobs' own programs and their maps, loaded, pinned, adopted and given back.

A directory of pins for each job; its filters come when all are there, so a directory that lacks one is an unfinished
one, or somebody's work, and begins anew. ``live`` tells whose the program is and which object it came from. A program
of another build is replaced in place: its maps are kept when their shapes are equal, else they begin anew, told so.
"""

from __future__ import annotations

import errno
import os
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sonic_telegen.kernel import jobload, libbpf
from sonic_telegen.kernel.failure import kernel_error
from sonic_telegen.kernel.jiffies import Jiffies
from sonic_telegen.kernel.jobabi import Live
from sonic_telegen.kernel.jobload import MAPS, Source, close
from sonic_telegen.kernel.machine import machine_bytes
from sonic_telegen.kernel.pins import LIVE, PERCPU, PROG, PinDir
from sonic_telegen.kernel.tables import index_key
from sonic_telegen.model.budget import allowed_bytes
from sonic_telegen.model.job import JobSpec, MirrorMode
from sonic_telegen.model.kernel import JobProgram


@dataclass(frozen=True, slots=True)
class Held:
    """One loaded program: descriptors by pin name, ``prog`` among them, and what ``live`` says."""

    fds: Mapping[str, int]
    live: Live
    info: libbpf.ProgInfo
    memory: int
    maps: int  # the kernel's id of ``percpu``


class JobPrograms:
    """All programs of jobs. ``notices`` tell what was found and put right; safe to use from several threads."""

    def __init__(self, pins: PinDir, source: Source) -> None:
        """Adopt what is pinned; the descriptors in ``source`` stay the caller's."""
        self._pins, self._source = pins, source
        self._if_stats_id = libbpf.map_info(source.if_stats).id
        self._jiffies, self._lock = Jiffies(), threading.RLock()
        self.build, self.memory = source.build(), allowed_bytes(machine_bytes())
        self._held: dict[str, Held] = {}
        self.notices = tuple(told for inner in pins.jobs() if (told := self._adopt(inner)))

    def close(self) -> None:
        """Close all descriptors; pins, filters and counters stay."""
        with self._lock:
            for held in self._held.values():
                close(held.fds)
            self._held.clear()
            self._jiffies.close()

    # -- looking

    def programs(self) -> dict[str, JobProgram]:
        """What is loaded, by job."""
        with self._lock:
            return {job: self._program(held) for job, held in self._held.items()}

    def _program(self, held: Held) -> JobProgram:
        build = held.live.build if self._if_stats_id in held.info.map_ids else ""
        deadline = self._jiffies.unix_ns(held.live.deadline) if held.live.deadline else 0
        live, info = held.live, held.info
        return JobProgram(
            info.id, info.tag, live.digest, build, deadline, held.memory, held.maps, live.mode, live.mirror
        )

    def fds(self, job: str) -> Mapping[str, int]:
        """Descriptors of the job's maps and its program by pin name; they stay ours. ``Gone`` when it is not loaded."""
        with self._lock:
            return self._find(job).fds

    def lend(self, job: str, turn: bool = False) -> tuple[Live, dict[str, int]]:
        """What ``live`` says, and descriptors of the job's maps, the caller's to close; ``Gone`` when it is not loaded.

        ``turn``: the program now leaves the epoch of peaks that is told, so that those are whole.
        """
        with self._lock:
            held = self._find(job)
            if turn:
                live = replace(held.live, epoch=held.live.epoch + 1)
                _write(held.fds, live)
                self._held[job] = replace(held, live=live)
            return held.live, {name: os.dup(held.fds[name]) for name in MAPS}

    def ticks(self) -> tuple[int, int]:
        """jiffies64 now, and how many ns one is."""
        with self._lock:
            return self._jiffies.now(), self._jiffies.tick_ns

    def attachable(self, job: str) -> tuple[int, str]:
        """Descriptor and tag of the job's program; ``Gone`` when it is not loaded."""
        with self._lock:
            held = self._find(job)
            return held.fds[PROG], held.info.tag

    def _find(self, job: str) -> Held:
        if job not in self._held:
            raise kernel_error("use the program of", f"job {job}", errno.ENOENT, problem="it is not loaded")
        return self._held[job]

    # -- changing

    def load(self, spec: JobSpec, expires_ns: int, mode: MirrorMode = MirrorMode.DIRECT) -> str:
        """Load the job's program and pin it; a sentence when the maps of the same question had to begin anew."""
        deadline = self._jiffies.at(expires_ns) if expires_ns else 0
        live = Live(spec.id, spec.digest(), self.build, deadline, mode=mode)
        with self._lock:
            old = self._held.get(spec.id)
            same = old is not None and old.live.digest == live.digest
            kept_fds = old.fds if old and same else {}
            fds, kept = jobload.load(self._source, spec, kept_fds, self._jiffies.tick_ns, mode)
            try:
                if old is not None and kept:
                    self._pins.job(spec.id).replace(PROG, fds[PROG])
                    live = replace(live, epoch=old.live.epoch, mirror=old.live.mirror)
                    _write(fds, live)  # last: until then it is taken for the older build's, and loaded again
                else:
                    _write(fds, live)
                    self._pin(spec.id, fds)
                self._hold(fds, live)
            except BaseException:
                close(fds)
                raise
            if old is not None:
                close(old.fds)
        lost = same and not kept
        return f"job {spec.id}: another build's maps have other shapes, flows and samples begin anew" if lost else ""

    def _pin(self, job: str, fds: Mapping[str, int]) -> None:
        inner = self._pins.job(job)
        inner.clear()
        folder = PinDir(inner.path.parent)
        if not folder.exists():
            folder.make()
        if not inner.exists():  # else it holds something of somebody else
            inner.make()
        for name in inner.names:
            inner.put(name, fds[name])

    def _hold(self, fds: Mapping[str, int], live: Live) -> None:
        memory = sum(libbpf.charged_bytes(fd) for fd in fds.values())
        info, maps = libbpf.prog_info(fds[PROG]), libbpf.map_info(fds[PERCPU]).id
        self._held[live.job] = Held(dict(fds), live, info, memory, maps)

    def set_deadline(self, job: str, expires_ns: int) -> None:
        """Let the program stop by itself then; 0: never."""
        self._change(job, deadline=self._jiffies.at(expires_ns) if expires_ns else 0)

    def set_mirror(self, job: str, ifindex: int) -> None:
        """Let the program's clones go into that netdev; 0: nowhere."""
        self._change(job, mirror=ifindex)

    def _change(self, job: str, **changes: int) -> None:
        with self._lock:
            held = self._find(job)
            live = replace(held.live, **changes)  # type: ignore[arg-type]
            _write(held.fds, live)
            self._held[job] = replace(held, live=live)

    def unload(self, job: str) -> None:
        """Unpin and close; no filter may run the program any more. Nothing when it is not loaded."""
        with self._lock:
            held = self._held.get(job)
            if held is not None:
                self._pins.job(job).clear()
                del self._held[job]
                close(held.fds)

    def repair(self) -> tuple[str, ...]:
        """Pin again what somebody unpinned; tells what it did."""
        told = []
        with self._lock:
            for job, held in self._held.items():
                inner = self._pins.job(job)
                if not all(os.path.lexists(inner.at(name)) for name in inner.names):
                    self._pin(job, held.fds)
                    told.append(f"the pins of job {job} had been removed and are there again, nothing was lost")
        return tuple(told)

    # -- adopting

    def _adopt(self, inner: PinDir) -> str:
        """Take over one directory of pins, or remove what is no whole one, and tell so."""
        fds: dict[str, int] = {}
        try:
            for name in inner.names:
                fd = inner.get(name)
                if fd is not None:
                    fds[name] = fd
            live = self._whole(inner, fds)
            if live is not None:
                self._hold(fds, live)
                fds = {}
                return ""
        finally:
            close(fds)
        left = ", ".join(inner.clear())
        return f"{inner.path} held no whole program of a job: removed" + (f", but for {left}" if left else "")

    def _whole(self, inner: PinDir, fds: Mapping[str, int]) -> Live | None:
        """What ``live`` says, when all pins are there, of the right kind, and belong together."""
        if set(fds) != set(inner.names):
            return None
        if any(libbpf.kind(fd) != ("prog" if name == PROG else "map") for name, fd in fds.items()):
            return None
        i = libbpf.map_info(fds[LIVE])
        array = (i.type, i.key_size) == (libbpf.ARRAY, 4)
        try:
            live = Live.parse((libbpf.lookup(fds[LIVE], index_key(0), i.value_size) if array else None) or b"")
        except (ValueError, struct.error):
            return None
        used = i.id in libbpf.prog_info(fds[PROG]).map_ids  # other maps need not be: a job uses what it asks for
        return live if used and self._pins.job(live.job).path == inner.path else None


def _write(fds: Mapping[str, int], live: Live) -> None:
    libbpf.update(fds[LIVE], index_key(0), live.pack())
