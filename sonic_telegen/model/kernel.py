"""EXISTS: what one look at the kernel found; plain records, strangers' objects included."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sonic_telegen.model.erspan import OWN_ALIAS, Outer
from sonic_telegen.model.job import Direction, MirrorMode

ERSPAN_KIND = "erspan"
GRE_KINDS = ("gre", "gretap", ERSPAN_KIND)
FALLBACK_NAMES = tuple(f"{kind}0" for kind in GRE_KINDS)
LAST_PRIORITY = 0xFFFF  # behind what anybody else may have there
FIRST_PRIORITY = 3  # 1 and 2 are taken by SONiC's own tc users (dhcp mitigation, VPP)


class QdiscKind(StrEnum):
    """The two qdiscs at handle ffff: that take classifiers; they exclude each other."""

    CLSACT = "clsact"
    INGRESS = "ingress"


@dataclass(frozen=True, slots=True)
class Link:
    """A netdev; ``kind`` is IFLA_INFO_KIND (empty for a physical port), ``alias`` IFLA_IFALIAS.

    ``remote`` and ``local`` are the ends of a tunnel of ``GRE_KINDS``, empty where it takes any; ``outer`` is None
    where it has no version of ERSPAN. ``max_mtu`` is 0 where there is no limit.
    """

    ifindex: int
    name: str
    kind: str = ""
    up: bool = True
    alias: str = ""
    remote: str = ""
    local: str = ""
    mtu: int = 1500
    max_mtu: int = 0
    outer: Outer | None = None

    @property
    def ours(self) -> bool:
        """Whether the agent made this netdev; one that it had no time to finish has its first name still."""
        return self.alias.startswith(OWN_ALIAS) or (self.kind == ERSPAN_KIND and self.unnamed)

    @property
    def tunnel(self) -> str:
        """Digest of the tunnel that this netdev of ours is, empty for all others."""
        return self.alias[len(OWN_ALIAS) :] if self.kind == ERSPAN_KIND and self.alias.startswith(OWN_ALIAS) else ""

    @property
    def unnamed(self) -> bool:
        """Whether it has the name that a tunnel of ours is made with."""
        return re.fullmatch("tg~[0-9a-f]{12}", self.name) is not None

    @property
    def fallback(self) -> bool:
        """Whether the kernel made it when its module was loaded: it takes what is for nobody else."""
        return self.name in FALLBACK_NAMES and self.kind in GRE_KINDS and not (self.remote or self.local or self.ours)

    @property
    def receives(self) -> bool:
        """Whether what a far end sends comes in here: whosever it is by now, our guard on it has to stay."""
        return self.kind == ERSPAN_KIND and self.up


@dataclass(frozen=True, slots=True)
class Qdisc:
    """A clsact or ingress qdisc; ``ours`` when the agent noted that it created it."""

    ifindex: int
    kind: QdiscKind
    ours: bool = False


GUEST = "telegen-bcc/"  # begins the name of an operator's filter, its process ends it
DROP = "/drop"  # stands where a job's id would, which has no slash


@dataclass(frozen=True, slots=True)
class FilterName:
    """TCA_BPF_NAME of a filter of ours: ``telegen/if@<digest>``, ``telegen/drop@…`` or ``telegen/job/<job id>@…``.

    ``digest`` is the program's tag (16 hex digits). ``job`` is empty for the interface program, ``DROP`` for the one
    that lets nothing pass.
    """

    digest: str
    job: str = ""

    def __str__(self) -> str:
        whose = "if" if not self.job else "drop" if self.job == DROP else f"job/{self.job}"
        return f"telegen/{whose}@{self.digest}"

    @classmethod
    def parse(cls, name: str) -> FilterName | None:
        """The name's parts, or None when the filter is not ours."""
        found = re.fullmatch(r"telegen/(if|drop|job/([A-Za-z0-9][A-Za-z0-9_.-]{0,63}))@([0-9a-f]{8,64})", name)
        return cls(digest=found[3], job=DROP if found[1] == "drop" else found[2] or "") if found else None


@dataclass(frozen=True, slots=True)
class TcFilter:
    """A classifier of any kind on one hook. ``priority`` and ``handle`` identify it; ``classid`` is our slot."""

    ifindex: int
    direction: Direction
    priority: int
    handle: int
    kind: str
    name: str = ""
    prog_id: int = 0
    classid: int = 0

    @property
    def own(self) -> FilterName | None:
        """The parsed name when the filter is ours."""
        return FilterName.parse(self.name) if self.kind == "bpf" else None

    @property
    def guest(self) -> tuple[int, int] | None:
        """Of an operator's filter (``sonic-telegen bcc``) the process and its namespace; no plan of ours has it."""
        found = re.fullmatch(rf"{GUEST}(\d{{1,10}})-(\d{{1,10}})", self.name) if self.kind == "bpf" else None
        return (int(found[1]), int(found[2])) if found else None


@dataclass(frozen=True, slots=True)
class Slot:
    """One assigned entry of ``if_stats_percpu``: which hook it counts and since when (Unix ns).

    ``own`` when a job's own program counts in it: whose it is tells the one account that counts there.
    """

    index: int
    ifindex: int
    name: str
    direction: Direction
    start_ns: int
    own: bool = False


@dataclass(frozen=True, slots=True)
class AccountKey:
    """A job's counts on one netdev and direction, kept by name so that they outlive an ifindex."""

    job: str
    name: str
    direction: Direction


@dataclass(frozen=True, slots=True)
class Account:
    """State of one account: ``slot`` is 0 while frozen (nothing counts into it), ``digest`` the job's."""

    key: AccountKey
    digest: str
    slot: int
    start_ns: int


@dataclass(frozen=True, slots=True)
class Program:
    """The pinned interface program this build wants on every hook: kernel id and tag (16 hex digits)."""

    prog_id: int
    digest: str


@dataclass(frozen=True, slots=True)
class JobProgram:
    """The pinned program of one job: whose question it answers (``digest``), and which build's object it is.

    ``build`` is empty when it counts into maps that are not the agent's any more. ``deadline_ns`` (Unix ns, 0 for none)
    is when it stops by itself, as the clocks stand now; ``memory`` is what it takes, in bytes. ``maps`` tells them
    from those of another run. ``mode`` is that of the job when it was loaded, ``mirror`` the ifindex that its clones go
    to (0: nowhere).
    """

    prog_id: int
    tag: str
    digest: str
    build: str
    deadline_ns: int = 0
    memory: int = 0
    maps: int = 0
    mode: MirrorMode = MirrorMode.DIRECT
    mirror: int = 0


@dataclass(frozen=True, slots=True)
class KernelState:
    """The whole look: links by ifindex, qdiscs by ifindex, all filters on their hooks, slots by index.

    ``programs`` are the jobs' own by job id, ``job_build`` is what they should be loaded from, and ``job_memory`` how
    many bytes their maps may take together. ``routes`` tells by remote and local end which netdev the packets of a
    tunnel of ours leave by, where there is a way.
    """

    program: Program
    links: Mapping[int, Link] = field(default_factory=dict)
    qdiscs: Mapping[int, Qdisc] = field(default_factory=dict)
    filters: tuple[TcFilter, ...] = ()
    slots: Mapping[int, Slot] = field(default_factory=dict)
    accounts: Mapping[AccountKey, Account] = field(default_factory=dict)
    slot_count: int = 2048  # entries of if_stats_percpu, slot 0 included though never assigned
    programs: Mapping[str, JobProgram] = field(default_factory=dict)
    job_build: str = ""
    job_memory: int = 0
    punt_program: Program | None = None  # the interface program that tells control protocols apart
    routes: Mapping[tuple[str, str], int] = field(default_factory=dict)
