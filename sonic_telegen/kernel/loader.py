"""``load``: from a BPF object and a pin directory to maps and a program that count, whatever was pinned before.

What may be found, and what is done:

- nothing: everything is made and pinned.
- all pins of the object's layout: they are reused. The pinned program stays when it is this build's (its tag) and
  counts into the pinned maps; else this build's is pinned over it, and the next pass replaces the filters.
- pins of an older (or another) layout: migrated, see ``migrate.py``. Of a newer version: refused.
- some pins are missing: their counters are gone, so what depended on them begins again at a new start time, told as a
  notice. Without ``meta`` or ``base`` that is all counters; without ``if_stats_percpu`` the slots and the accounts that
  counted in them; without ``stats_percpu`` the totals; without ``accounts`` those; without ``prog`` nothing.
- a pin that is something else than it should be: refused with its name.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sonic_telegen.kernel import libbpf, migrate
from sonic_telegen.kernel.code import Code
from sonic_telegen.kernel.failure import kernel_error
from sonic_telegen.kernel.jobload import Source
from sonic_telegen.kernel.jobs import JobPrograms
from sonic_telegen.kernel.layout import Layout
from sonic_telegen.kernel.libbpf_object import Object
from sonic_telegen.kernel.maps import Maps
from sonic_telegen.kernel.migrate import Hooks, opened
from sonic_telegen.kernel.pins import (
    ACCOUNTS,
    BASE,
    IF_STATS,
    MAPS,
    META,
    NAMES,
    PROG,
    PROG_PUNT,
    PROGRAMS,
    PUNT,
    STATS,
    PinDir,
)
from sonic_telegen.kernel.prior import Prior
from sonic_telegen.kernel.reset import complete
from sonic_telegen.kernel.tables import drop_accounts, make, meta_version, need_all, read_base, read_meta
from sonic_telegen.model.kernel import Program

KERNEL_BTF = Path("/sys/kernel/btf/vmlinux")
CORE, CORE_BTF_FILE = "core", "core-btf-file"


@dataclass(frozen=True, slots=True)
class Rung:
    """One way to the programs: its name in STATE_DB, how they are come by, and the file of types that it needs."""

    name: str
    open: Callable[[], Code]
    btf: str | None = None


@dataclass(slots=True)
class Loaded:
    """The interface programs (``punt_program`` tells control protocols apart as well) and their maps.

    ``loader`` tells the rung of the ladder and ``reason`` why it is not the first, ``notices`` what must be told.
    """

    program: Program
    prog_fd: int
    punt_program: Program
    punt_fd: int
    maps: Maps
    loader: str
    notices: tuple[str, ...]
    pins: PinDir
    jobs: JobPrograms
    reason: str = ""

    def close(self) -> None:
        """Close all descriptors; pins, filters and counters stay."""
        self.jobs.close()
        self.maps.close()
        os.close(self.prog_fd)
        os.close(self.punt_fd)

    def repair(self) -> tuple[str, ...]:
        """Pin again what somebody unpinned; nothing is lost, since the descriptors are held here. Tells what it did.

        A name that another object holds now is left alone and told. Raises ``KernelError`` when pinning fails.
        """
        told, programs = [], {PROG: self.prog_fd, PROG_PUNT: self.punt_fd}
        self.pins.prepare()
        self.maps.forget_prior(self.pins)
        for name in NAMES:
            mine = programs[name] if name in programs else self.maps.fd(name)
            theirs = self.pins.get(name)
            if theirs is None:
                self.pins.put(name, mine)
                told.append(f"{self.pins.at(name)} had been removed and is pinned again, nothing was lost")
                continue
            try:
                if _identity(theirs) != _identity(mine):
                    told.append(f"{self.pins.at(name)} is another object now and was left alone")
            finally:
                os.close(theirs)
        return (*told, *self.jobs.repair())


def _identity(fd: int) -> tuple[str, int]:
    kind = libbpf.kind(fd)
    if kind not in ("map", "prog"):
        return kind, 0
    return kind, libbpf.map_info(fd).id if kind == "map" else libbpf.prog_info(fd).id


def load(
    object_path: str | os.PathLike[str],
    pin_dir: str | os.PathLike[str],
    hooks: Hooks,
    btf_path: str | None = None,
    clock: Callable[[], int] = time.time_ns,
    job_object: Path | None = None,
) -> Loaded:
    """Make what is pinned in ``pin_dir`` fit the object, load it, and hand over program and maps.

    ``btf_path`` is used only on a kernel that shows no BTF itself. ``hooks.swap`` is called when the layout changes.
    ``job_object`` is what programs of jobs are loaded from, when there are any.
    Raises ``KernelError`` (``Conflict`` for pins of a newer version or of a stranger, ``VerifierRejected``,
    ``PermissionDenied``, ``NotSupported``); the pins are then as they were, or a migration that the next call goes on
    with.
    """
    btf = btf_path if btf_path and not KERNEL_BTF.exists() else None
    rung = Rung(CORE_BTF_FILE if btf else CORE, partial(Object.open, object_path, btf), btf)
    return load_rung(rung, pin_dir, hooks, clock, job_object)


def load_rung(
    rung: Rung,
    pin_dir: str | os.PathLike[str],
    hooks: Hooks,
    clock: Callable[[], int] = time.time_ns,
    job_object: Path | None = None,
) -> Loaded:
    """As ``load``, from a rung of the ladder."""
    pins, notices = PinDir(pin_dir), list[str]()
    pins.prepare()
    with rung.open() as o:
        wanted = Layout.parse(o.rodata("layout"), f"layout in {o.path}")
        _refuse_newer(pins, wanted)
        notices += migrate.finish(pins, hooks)
        _refuse_newer(pins, wanted)
        with opened(pins) as found:
            pinned = _layout(pins, found)
            first = {PROG: not found, PROG_PUNT: not {PUNT, PROG_PUNT} & found.keys()}
        if pinned not in (None, wanted):
            notices += complete(pins, pinned, partial(make, layout=pinned), clock)
            with opened(pins) as found:
                o.reuse(PUNT, found[PUNT])
                o.load()
            migrate.begin(pins, wanted, o)
            notices += migrate.finish(pins, hooks)
    with rung.open() as o:
        with opened(pins) as found:
            if _layout(pins, found) is not None:
                for name in {STATS, IF_STATS, PUNT} & found.keys():
                    o.reuse(name, found[name])
            o.load()
        notices += complete(pins, wanted, lambda name: os.dup(o.map_fd(name)), clock)
        for name in PROGRAMS:
            notices += _program(pins, o, name, first[name])
    return _hand_over(pins, rung, notices, clock, job_object)


def _hand_over(
    pins: PinDir, rung: Rung, notices: list[str], clock: Callable[[], int], job_object: Path | None
) -> Loaded:
    with ExitStack() as undo:
        fds = {}
        for name in NAMES:
            fds[name] = libbpf.obj_get(pins.at(name))
            undo.callback(os.close, fds[name])
        layout, _ = read_meta(fds[META], pins.at(META))
        orphans = drop_accounts(fds[ACCOUNTS], read_base(fds[BASE], layout))
        if orphans:
            notices.append(f"{orphans} accounts counted in slots that are gone and were forgotten")
        maps = Maps(fds, clock, Prior.open(pins, layout))
        maps.forget_prior(pins)
        slots, accounts = maps.slots(), maps.accounts()
        if slots or accounts:
            notices.append(f"took over {len(slots)} slots and {len(accounts)} accounts")
        info, punt = libbpf.prog_info(fds[PROG]), libbpf.prog_info(fds[PROG_PUNT])
        jobs = JobPrograms(pins, Source(job_object, rung.btf, layout, fds[IF_STATS]))
        notices += jobs.notices
        undo.pop_all()
    programs = Program(info.id, info.tag), fds[PROG], Program(punt.id, punt.tag), fds[PROG_PUNT]
    return Loaded(*programs, maps, rung.name, tuple(notices), pins, jobs)


def _layout(pins: PinDir, found: Mapping[str, int]) -> Layout | None:
    """Layout of the pinned maps, all of which have the shape that it says; None when it cannot be known."""
    return need_all(pins, found, found.keys() & set(MAPS)) if {META, BASE} <= found.keys() else None


def _refuse_newer(pins: PinDir, wanted: Layout) -> None:
    with opened(pins) as found:
        version = meta_version(found[META]) if META in found else 0
    if version > wanted.version:
        problem = f"the maps have layout version {version}, this build knows {wanted.version}"
        remedy = "install the newer agent again, or `sonic-telegen detach --all` (counters then begin again)"
        raise kernel_error("use pins", str(pins.path), errno.EEXIST, remedy, problem)


def _program(pins: PinDir, o: Code, name: str, first: bool) -> tuple[str, ...]:
    """Leave the pinned program when it is the same and counts into the pinned maps, else pin the object's."""
    own = libbpf.prog_info(o.prog_fd(PROGRAMS[name]))
    counting = (STATS, IF_STATS, PUNT) if name == PROG_PUNT else (STATS, IF_STATS)
    ids = {libbpf.map_info(o.map_fd(map_name)).id for map_name in counting}
    pinned = pins.get(name)
    if pinned is None:
        pins.put(name, o.prog_fd(PROGRAMS[name]))
        return () if first else (f"{name} had been removed from {pins.path}: this build's takes its place",)
    found = libbpf.prog_info(pinned)
    os.close(pinned)
    if found.tag == own.tag and ids <= set(found.map_ids):
        return ()
    pins.replace(name, o.prog_fd(PROGRAMS[name]))
    return (f"program {own.tag} (id {own.id}) takes the place of {found.tag} (id {found.id})",)
