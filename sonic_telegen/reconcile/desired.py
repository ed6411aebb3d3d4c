"""WANTED: which programs should sit on which hooks for which jobs, and a verdict for each job that gets none. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sonic_telegen.errors import ConfigError, KernelError
from sonic_telegen.model.asked import Asked, Rejection
from sonic_telegen.model.erspan import ErspanSpec
from sonic_telegen.model.job import (
    ALL_PORTS,
    COUNTING_MODES,
    FRONT_PANEL,
    OWN_PROGRAM_MODES,
    RECEIVES,
    Direction,
    JobSpec,
    MirrorMode,
)
from sonic_telegen.model.kernel import DROP, KernelState, Link
from sonic_telegen.model.mirror import MirrorSession
from sonic_telegen.model.status import JobStatus, Reason, Status, Visibility
from sonic_telegen.reconcile.asic import Lacks, session_of
from sonic_telegen.reconcile.tunnels import Refused, Way, Ways
from sonic_telegen.settings import Settings

NO_TUNNELS: Refused = {}
KEEP_TOLD_NS = 3600 * 1_000_000_000  # a job's end stays readable for an hour after its row is gone


@dataclass(frozen=True, slots=True)
class Hook:
    """A tc hook of an existing netdev."""

    ifindex: int
    netdev: str
    direction: Direction


@dataclass(frozen=True, slots=True)
class Verdict:
    """A status decided before the kernel is asked."""

    status: Status
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Life:
    """What is remembered of a job with a duration across reboots: Unix ns of its first attach, whether it ended."""

    start_ns: int = 0
    ended: bool = False

    def expires(self, spec: JobSpec) -> int:
        """Unix ns; 0 for never, or while it has not begun."""
        return self.start_ns + spec.duration_sec * 1_000_000_000 if spec.duration_sec and self.start_ns else 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """One job: its effective mode, the hooks it should count on, or the verdict why there are none.

    ``deadline_ns`` is when its program stops without us: ``expires_ns``, or what that will be if it starts now.
    ``tunnel`` is to exist for it, ``link`` is its netdev when that is there. ``note`` is told of a job that runs.
    ``session`` is what it asks of the ASIC, None while it asks for nothing there.
    """

    spec: JobSpec
    mode: MirrorMode
    interface: str
    hooks: tuple[Hook, ...] = ()
    verdict: Verdict | None = None
    expires_ns: int = 0
    deadline_ns: int = 0
    tunnel: ErspanSpec | None = None
    link: Link | None = None
    note: str = ""
    session: MirrorSession | None = None

    @property
    def alive(self) -> bool:
        """Whether it runs or would, were its netdev there or its tunnel: then it keeps its program."""
        told = self.verdict
        waits = told is not None and (told.reason is Reason.NETDEV_ABSENT or told.status is Status.DEGRADED)
        return self.mode in COUNTING_MODES and (told is None or waits)

    @property
    def far(self) -> Hook | None:
        """Where what the far end of the tunnel sends comes in."""
        if self.link is None or self.link.unnamed:
            return None
        return Hook(self.link.ifindex, self.link.name, Direction.INGRESS)

    @property
    def needs_program(self) -> bool:
        """Whether it counts with a program of its own: for its question, or for its mode."""
        return self.spec.needs_program or self.mode in OWN_PROGRAM_MODES


@dataclass(frozen=True, slots=True)
class Desired:
    """All jobs; ``remembered`` are the job ids that somebody can still ask for; without ``teardown`` nothing ends.

    ``untold`` are jobs that were last told running: their results are read again before their program goes.
    ``refused`` are jobs whose program the kernel will not take, and why: trying again would not help.
    """

    jobs: Mapping[str, Wanted] = field(default_factory=dict)
    rejected: Mapping[str, Rejection] = field(default_factory=dict)
    remembered: frozenset[str] = frozenset()
    teardown: bool = True
    untold: frozenset[str] = frozenset()
    refused: Mapping[str, KernelError] = field(default_factory=dict)

    def hooks(self) -> dict[tuple[int, Direction], Hook]:
        """Every hook that any job wants, once, and those of tunnels."""
        found = {(h.ifindex, h.direction): h for job in self.jobs.values() for h in job.hooks}
        return found | self.far_hooks()

    def far_hooks(self) -> dict[tuple[int, Direction], Hook]:
        """The hooks of tunnels: what comes in there is counted, and kept from the host."""
        return {(h.ifindex, h.direction): h for job in self.jobs.values() if (h := job.far) is not None}

    def punted(self) -> frozenset[tuple[int, Direction]]:
        """The hooks where control protocols are told apart: what comes in on the ports of a job for all of them."""
        hooks = (h for job in self.jobs.values() if job.spec.port == ALL_PORTS for h in job.hooks)
        return frozenset((h.ifindex, h.direction) for h in hooks if h.direction is Direction.INGRESS)


def desire(
    asked: Asked,
    state: KernelState | None,
    settings: Settings,
    lives: Mapping[str, Life],
    now_ns: int,
    no_tunnels: Refused = NO_TUNNELS,
) -> Desired:
    """What the rows want of the kernel as it is.

    Args:
        asked: the tables' rows.
        state: the latest look; None when the kernel side could not be opened (then no netdev is known).
        settings: GLOBAL and environment.
        lives: by job id, for the digest the row has now.
        now_ns: Unix ns.
        no_tunnels: those that the kernel did not make.
    """
    links = {link.name: link for link in state.links.values()} if state else {}
    counting = {job: told.started_ns for job, told in asked.told.items() if told.mirror_mode == MirrorMode.ASIC}
    counting |= {key.job: a.start_ns for key, a in state.accounts.items() if a.slot} if state else {}
    rejected = {key: row for key, row in asked.jobs.items() if isinstance(row, Rejection)}
    jobs: dict[str, Wanted] = {}
    admitted = 0
    guarded = {item.ifindex for item in state.filters if item.own and item.own.job == DROP} if state else set[int]()
    ways = Ways(links, settings, no_tunnels, guarded)
    specs = [row for row in asked.jobs.values() if isinstance(row, JobSpec)]
    pinned = state.programs if state else {}
    counted = {p.digest for p in pinned.values()} & {a.digest for a in state.accounts.values()} if state else set[str]()
    for spec in specs:
        life = lives.get(spec.id, Life())
        if _mode(spec, settings)[0] is MirrorMode.ERSPAN and _not_now(spec, settings, life, now_ns) is None:
            ways.expect(spec, pinned[spec.id].mirror if spec.id in pinned else 0)
    since = {spec.id: counting.get(spec.id) or 0 for spec in specs}
    for spec in sorted(specs, key=lambda s: (not since[s.id], since[s.id], s.id)):  # who runs keeps its place
        life = lives.get(spec.id, Life())
        mode, verdict = _mode(spec, settings)
        if mode is MirrorMode.DECAP and spec.directions != (Direction.INGRESS,):
            text = str(ConfigError("mirror_mode", mode.value, RECEIVES))
            rejected[spec.id] = Rejection(Reason.INVALID_VALUE.value, text, spec.port, spec.direction)
            continue
        mirror = session_of(spec, settings.tunnel(spec), asked) if mode is MirrorMode.ASIC else None
        if isinstance(mirror, Rejection):
            rejected[spec.id] = mirror
            continue
        expires = life.expires(spec)
        early = _not_now(spec, settings, life, now_ns)
        watched, port = _watched(spec, mode, settings)
        if early is None and mode in COUNTING_MODES and state is not None and ways.own(port):
            text = f"{watched}={port!r}: this is a tunnel of the agent's own; name the port itself"
            rejected[spec.id] = Rejection(Reason.OWN_NETDEV.value, text, spec.port, spec.direction)
            continue
        if early is None:
            if admitted >= settings.max_jobs:
                early = Verdict(
                    Status.PENDING, Reason.MAX_JOBS, f"max_jobs={settings.max_jobs} jobs run; end one or raise max_jobs"
                )
            else:
                admitted += 1
        if early is None and isinstance(mirror, Lacks):
            early = Verdict(Status.PENDING, mirror.reason, mirror.message)
        hooks: tuple[Hook, ...] = ()
        way = Way(settings.interface(spec))
        if early is None and mode is MirrorMode.ERSPAN:
            way = ways.of(spec)
            if way.problem:
                counts = way.spec is not None and spec.digest() in counted
                mode = mode if counts else MirrorMode.PLACEHOLDER
                text = f"{way.problem}; {'until then nothing is mirrored' if counts else 'placeholder is in force'}"
                verdict = Verdict(Status.DEGRADED, way.reason, text)
        if early is None and mode in COUNTING_MODES:
            found = list(_ports(port, asked.ports, links))
            hooks = tuple(Hook(link.ifindex, link.name, d) for link in found for d in spec.directions)
            if not hooks and state is not None:
                early = Verdict(
                    Status.PENDING, Reason.NETDEV_ABSENT, f"no netdev {port} yet; it is attached when it appears"
                )
        deadline = expires or (now_ns + spec.duration_sec * 1_000_000_000 if spec.duration_sec else 0)
        session = mirror if early is None and isinstance(mirror, MirrorSession) else None
        jobs[spec.id] = Wanted(
            spec, mode, way.name, hooks, early or verdict, expires, deadline, way.spec, way.link, way.note, session
        )
    shown = {
        job
        for job, told in asked.told.items()
        if told.reason is not Reason.DELETED or now_ns - told.updated_ns < KEEP_TOLD_NS
    }
    untold = frozenset(job for job, told in asked.told.items() if _told_running(told))
    return Desired(jobs, rejected, frozenset(shown | set(asked.jobs)), asked.initialized, untold)


def _told_running(told: JobStatus) -> bool:
    running = told.status in (Status.RUNNING, Status.STARTING, Status.DEGRADED)
    return running and told.visibility is not Visibility.NONE


def _mode(spec: JobSpec, settings: Settings) -> tuple[MirrorMode, Verdict | None]:
    """The mode in force, and what is told of one that sees nothing."""
    mode = spec.mirror_mode or settings.mirror_mode
    if mode is not MirrorMode.PLACEHOLDER:
        return mode, None
    text = "mirror_mode=placeholder sees no packet; set mirror_mode=direct to count on the port itself"
    return mode, Verdict(Status.DEGRADED, Reason.PLACEHOLDER, text)


def _watched(spec: JobSpec, mode: MirrorMode, settings: Settings) -> tuple[str, str]:
    """The field that names what the programs sit on, and its value."""
    dev = settings.tunnel(spec).dev if mode is MirrorMode.ERSPAN else ""
    return ("erspan_dev", dev) if dev else ("port", spec.port)


def _not_now(spec: JobSpec, settings: Settings, life: Life, now_ns: int) -> Verdict | None:
    """Why a good row wants nothing at the moment."""
    if not settings.enabled:
        return Verdict(Status.STOPPED, Reason.DISABLED, "admin_state=disabled in TELEGEN|GLOBAL")
    if not spec.enabled:
        return Verdict(Status.STOPPED, Reason.DISABLED, "admin_state=disabled")
    if life.ended or (life.expires(spec) and now_ns >= life.expires(spec)):
        return Verdict(
            Status.DONE, Reason.EXPIRED, f"duration_sec={spec.duration_sec} is over; change the row to run again"
        )
    return None


def _ports(port: str, known: frozenset[str] | None, links: Mapping[str, Link]) -> Iterable[Link]:
    """The existing netdevs a ``port`` value means."""
    if port != ALL_PORTS:
        return [links[port]] if port in links else []
    return [
        link
        for name, link in sorted(links.items())
        if (name in known if known is not None else FRONT_PANEL.fullmatch(name)) and not link.ours
    ]
