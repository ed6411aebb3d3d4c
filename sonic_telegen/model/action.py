"""CHANGE: one frozen value for each thing that can be done; ``kernel/apply.py`` is the only interpreter."""

from __future__ import annotations

from dataclasses import dataclass

from sonic_telegen.model.job import Direction
from sonic_telegen.model.kernel import AccountKey, QdiscKind, TcFilter


@dataclass(frozen=True, slots=True)
class AddQdisc:
    """Create an ``ingress`` or ``clsact`` qdisc where there is none (exclusive)."""

    ifindex: int
    netdev: str
    kind: QdiscKind


@dataclass(frozen=True, slots=True)
class DeleteQdisc:
    """Delete a qdisc that we created and that holds no filter any more."""

    ifindex: int
    netdev: str
    kind: QdiscKind


@dataclass(frozen=True, slots=True)
class AssignSlot:
    """Zero entry ``slot`` of ``if_stats_percpu`` and note whose it is, under a new start time."""

    slot: int
    ifindex: int
    netdev: str
    direction: Direction


@dataclass(frozen=True, slots=True)
class ReleaseSlot:
    """Freeze every account that counts in the slot, then free it; its counters stay until it is assigned again."""

    slot: int
    netdev: str


@dataclass(frozen=True, slots=True)
class OpenAccount:
    """Let a job count from now on in ``slot``; an account of the same digest goes on from its frozen total."""

    key: AccountKey
    digest: str
    slot: int


@dataclass(frozen=True, slots=True)
class FreezeAccount:
    """The job's counts on this hook end here; the total stays readable."""

    key: AccountKey


@dataclass(frozen=True, slots=True)
class CloseAccount:
    """Forget an account that nobody can ask for any more."""

    key: AccountKey


@dataclass(frozen=True, slots=True)
class Attach:
    """Add our filter on a hook, exclusively: a stranger at that priority and handle is never replaced."""

    ifindex: int
    netdev: str
    direction: Direction
    qdisc: QdiscKind  # decides the parent: ffff:fff2/fff3 under clsact, ffff: under ingress
    priority: int
    handle: int
    slot: int


@dataclass(frozen=True, slots=True)
class Replace:
    """Swap program or slot of a filter of ours in place (same priority and handle: no packet is missed)."""

    filter: TcFilter
    netdev: str
    qdisc: QdiscKind
    slot: int


@dataclass(frozen=True, slots=True)
class Detach:
    """Delete a filter of ours by its full identity."""

    filter: TcFilter
    netdev: str
    qdisc: QdiscKind


Action = (
    AddQdisc
    | DeleteQdisc
    | AssignSlot
    | ReleaseSlot
    | OpenAccount
    | FreezeAccount
    | CloseAccount
    | Attach
    | Replace
    | Detach
)
