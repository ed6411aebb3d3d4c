"""CHANGE: one frozen value for each thing that can be done; ``kernel/apply.py`` is the only interpreter."""

from __future__ import annotations

from dataclasses import dataclass

from sonic_telegen.model.erspan import ErspanSpec
from sonic_telegen.model.job import Direction, JobSpec, MirrorMode
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
    """Zero entry ``slot`` of ``if_stats_percpu`` and note whose it is, under a new start time.

    ``job`` when that job's own program is to count in it: the account that is opened next says so in the kernel.
    """

    slot: int
    ifindex: int
    netdev: str
    direction: Direction
    job: str = ""


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
class LoadProgram:
    """Load and pin a job's own program, in the place of one that answers another question or is of another build.

    ``expires_ns`` (Unix ns, 0 for never) is when it stops by itself. ``mode`` is the one in force.
    """

    spec: JobSpec
    expires_ns: int
    mode: MirrorMode = MirrorMode.DIRECT


@dataclass(frozen=True, slots=True)
class SetDeadline:
    """Move the moment at which a job's own program stops by itself (the clock was set)."""

    job: str
    expires_ns: int


@dataclass(frozen=True, slots=True)
class UnloadProgram:
    """Unpin a job's own program, whose results are told and whose filters are gone, and give its maps back."""

    job: str


@dataclass(frozen=True, slots=True)
class Attach:
    """Add our filter on a hook, exclusively: a stranger at that priority and handle is never replaced.

    It runs the interface program (with ``punt`` the one that tells control protocols apart), or ``job``'s own program.
    """

    ifindex: int
    netdev: str
    direction: Direction
    qdisc: QdiscKind  # decides the parent: ffff:fff2/fff3 under clsact, ffff: under ingress
    priority: int
    handle: int
    slot: int
    job: str = ""
    punt: bool = False


@dataclass(frozen=True, slots=True)
class Replace:
    """Swap program or slot of a filter of ours in place (same priority and handle: no packet is missed).

    A job's filter gets that job's program, any other the interface program (with ``punt`` the one that tells control
    protocols apart).
    """

    filter: TcFilter
    netdev: str
    qdisc: QdiscKind
    slot: int
    punt: bool = False


@dataclass(frozen=True, slots=True)
class Detach:
    """Delete a filter of ours by its full identity."""

    filter: TcFilter
    netdev: str
    qdisc: QdiscKind


@dataclass(frozen=True, slots=True)
class CreateTunnel:
    """Make the netdev of a tunnel, down; it keeps a name of its own where ``netdev`` is taken meanwhile."""

    spec: ErspanSpec
    netdev: str


@dataclass(frozen=True, slots=True)
class RenameTunnel:
    """Give a netdev of ours that could not have its name another."""

    spec: ErspanSpec
    ifindex: int
    netdev: str


@dataclass(frozen=True, slots=True)
class SetTunnelMtu:
    """Give a netdev of ours another MTU; it is left down where IPv6 would else begin on it by itself."""

    spec: ErspanSpec
    ifindex: int
    netdev: str
    mtu: int


@dataclass(frozen=True, slots=True)
class RaiseTunnel:
    """Set a netdev of ours up, behind whose ingress nothing enters the host."""

    spec: ErspanSpec
    ifindex: int
    netdev: str


@dataclass(frozen=True, slots=True)
class DeleteTunnel:
    """Delete a netdev of ours, with the filters on it; ``alias`` is what tells that it is."""

    ifindex: int
    netdev: str
    alias: str


@dataclass(frozen=True, slots=True)
class SetMirror:
    """Let a job's own program send its clones into that netdev from now on; ifindex 0: nowhere."""

    job: str
    ifindex: int


TunnelAction = CreateTunnel | RenameTunnel | SetTunnelMtu | RaiseTunnel | DeleteTunnel

Action = (
    AddQdisc
    | DeleteQdisc
    | AssignSlot
    | ReleaseSlot
    | OpenAccount
    | FreezeAccount
    | CloseAccount
    | LoadProgram
    | SetDeadline
    | UnloadProgram
    | Attach
    | Replace
    | Detach
    | TunnelAction
    | SetMirror
)
