"""Opens the kernel side when something needs it and watches over its pins; part of the composition root."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from sonic_telegen.db.store import Store
from sonic_telegen.errors import Conflict, KernelError, StoreError
from sonic_telegen.journal import Journal
from sonic_telegen.kernel import capability, detach, ladder, pins
from sonic_telegen.kernel.apply import Kernel
from sonic_telegen.kernel.loader import Loaded
from sonic_telegen.kernel.netlink import Netlink
from sonic_telegen.log import NOTICE, fields, log
from sonic_telegen.model.mirror import DeleteSession, Row, session_name
from sonic_telegen.model.sample import Sample
from sonic_telegen.settings import Environment

JOB_OBJECT = "telegen_job.bpf.o"
PLAIN_OBJECT = "telegen_plain.bpf.o"  # counts the same, and the verifier takes it without CAP_PERFMON
WITHOUT_PERFMON = (
    "CAP_PERFMON is missing: jobs on ports are counted, those that ask for some frames, flows, a capture or a mirror"
    " are refused by most kernels; start the container with --cap-add PERFMON as well"
    " (Docker 20.10: --cap-add SYS_ADMIN)"
)


def packaged_object(name: str = "telegen.bpf.o") -> Path:
    """A BPF object of this build: beside the package when installed, in ``build/`` of a source tree."""
    beside = Path(__file__).with_name(name)
    return beside if beside.exists() else Path(__file__).parents[1] / "build" / name


def job_object(where: Environment) -> Path:
    """What programs of jobs are loaded from: the object beside ``TELEGEN_BPF_OBJ``, else the packaged one."""
    beside = where.bpf_obj.with_name(JOB_OBJECT) if where.bpf_obj else None
    return beside if beside is not None and beside.exists() else packaged_object(JOB_OBJECT)


def counting_object(where: Environment) -> tuple[Path, tuple[str, ...]]:
    """What counts, and what is to be told: ``TELEGEN_BPF_OBJ``, or the object that the verifier takes from us."""
    if where.bpf_obj is None and "CAP_PERFMON" in capability.missing():
        return packaged_object(PLAIN_OBJECT), (WITHOUT_PERFMON,)
    return where.bpf_obj or packaged_object(), ()


class KernelDoor:
    """Opens the kernel side when it is first needed, watches over its pins, and hands it to worker and collector.

    It is needed by the first job that wants a program, or when pins of an earlier run are there to be adopted.
    """

    def __init__(self, where: Environment, journal: Journal) -> None:
        self._where, self._journal = where, journal
        self.side: Kernel | None = None
        self.loaded: Loaded | None = None
        self.notice = ""
        self._told: tuple[str, ...] = ()

    def open(self, needed: bool) -> Kernel | None:
        """The kernel side, or None while nothing needs it; raises KernelError. Worker thread only."""
        if self.side is None:
            if not needed and not self._where.pin_dir.exists():
                return None
            netlink = Netlink()
            had_pins = any((self._where.pin_dir / name).exists() for name in pins.MAPS)
            counting, lacking = counting_object(self._where)
            try:
                self.loaded = ladder.climb(
                    counting,
                    self._where.pin_dir,
                    hooks=Kernel.swapper(netlink),
                    btf_path=self._where.btf_path,
                    job_object=job_object(self._where),
                )
            except BaseException:
                netlink.close()
                raise
            self.side = Kernel(netlink, self.loaded, self._journal)
            log.log(NOTICE, "loaded", extra=fields(loader=self.loaded.loader, reason=self.loaded.reason))
            self._tell((*lacking, *self.loaded.notices))
            orphans = [] if had_pins else [f for f in netlink.dump_all(netlink.qdiscs()) if f.own is not None]
            if orphans:
                text = "filters of ours count into maps that are pinned nowhere any more"
                self._tell((f"counters were reset: {len(orphans)} {text}; they begin again with a new start time",))
        elif self.loaded is not None:
            try:
                self._tell(self.loaded.repair())
            except KernelError as problem:  # counting goes on through the descriptors that we hold
                self._tell((f"the pins cannot be put back: {problem}",))
        self._tell((*self._journal.take_notices(), *(self.side.take_notices() if self.side else ())))
        return self.side

    def sample(self) -> Sample:
        """Read the maps; an empty reading while there are none. Collector thread."""
        side = self.side
        return side.sample() if side is not None else Sample(time.time_ns())

    def _tell(self, notices: tuple[str, ...]) -> None:
        if notices and notices != self._told:
            for notice in notices:
                log.log(NOTICE, notice)
            self.notice, self._told = "; ".join(notices), notices


@contextlib.contextmanager
def only_one(where: Environment) -> Iterator[None]:
    """Hold the lock of the state directory: two agents on the same pins would each undo what the other did.

    Raises ``Conflict``. A state directory that cannot be written is told by the journal, and there is no lock then.
    """
    with contextlib.ExitStack() as stack:
        path = where.state_dir / "lock"
        with contextlib.suppress(OSError):
            where.state_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
            lock = stack.enter_context(path.open("ab+", buffering=0))  # a buffer may fail at the end
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                holder = f"the agent with pid {lock.read().decode().strip() or 'unknown'}"
                remedy = "stop it first, or set another TELEGEN_STATE_DIR and TELEGEN_PIN_DIR"
                raise Conflict("lock", str(path), errno.EAGAIN, remedy=remedy, holder=holder) from None
            lock.truncate(0)
            lock.write(str(os.getpid()).encode())
        yield


def detach_all(where: Environment) -> int:
    """Remove every filter, qdisc and pin of ours in this network namespace, and the ASIC's sessions of ours.

    The exit status is 1 when something stayed.
    """
    with only_one(where):
        return _detach_all(where)


def _detach_all(where: Environment) -> int:
    journal = Journal(where.state_dir)
    netlink = Netlink()
    try:
        removed = detach.detach_all(netlink, journal)
    finally:
        netlink.close()
    for what in (*removed.tunnels, *removed.filters, *removed.qdiscs):
        log.log(NOTICE, "removed", extra=fields(what=what))
    for problem in removed.failed:
        log.error("not removed", extra=fields(problem=problem))
    left = pins.remove_pins(where.pin_dir) if where.pin_dir.exists() else ()
    for what in left:
        log.warning("left alone", extra=fields(what=what))
    return 0 if _give_back(where, journal) and not removed.failed else 1


def _give_back(where: Environment, journal: Journal) -> bool:
    """Delete our rows of MIRROR_SESSION; whether none stayed. Where none was noted, Redis need not be there."""
    noted, rows = journal.sessions(), dict[str, Row]()
    store = Store(where.db_config)
    try:
        asked = store.read()
        ours = noted.keys() | {session_name(job) for job in (*asked.jobs, *asked.told)}  # the notes may be lost
        rows = {name: row for name, row in asked.mirrors.rows.items() if name in ours}
        problems = [store.change_session(DeleteSession(name, row)) for name, row in rows.items()]
    except StoreError as problem:
        problems = [f"mirror sessions: {problem}"] if noted or rows else []
    for text in filter(None, problems):
        log.error("not removed", extra=fields(problem=text))
    return not any(problems)
