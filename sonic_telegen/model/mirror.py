"""Sessions in which the switch's ASIC mirrors a port: as a job asks for one, and as the tables have them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sonic_telegen.model.job import Direction

OWN_SESSION = "telegen_"  # what the name of a session of ours begins with
ACTIVE = "active"
WAYS = {"ingress": "RX", "egress": "TX", "both": "BOTH"}  # a job's direction in orchagent's words
_DIRECTIONS = {"RX": (Direction.INGRESS,), "TX": (Direction.EGRESS,)}

Row = Mapping[str, str]
Source = tuple[str, Direction]


def session_name(job: str) -> str:
    """The name of a job's session: the id may be longer, and have other characters, than a session's name."""
    return OWN_SESSION + hashlib.sha256(job.encode(errors="surrogateescape")).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class MirrorSession:
    """An ERSPAN session of a job; ``direction`` is ``RX``, ``TX`` or ``BOTH``, ``dscp`` None what orchagent takes."""

    name: str
    port: str
    direction: str
    src_ip: str
    dst_ip: str
    ttl: int
    dscp: int | None = None

    def row(self) -> dict[str, str]:
        """Its row of MIRROR_SESSION: no field that any release of orchagent does not know, it would drop it all."""
        row = {
            "type": "ERSPAN",
            "src_ip": self.src_ip,
            "dst_ip": self.dst_ip,
            "src_port": self.port,
            "direction": self.direction,
            "ttl": str(self.ttl),
        }
        return row if self.dscp is None else row | {"dscp": str(self.dscp)}


@dataclass(frozen=True, slots=True)
class SessionState:
    """What orchagent says of a session that it took: ``active`` or not, and through which port its frames go."""

    status: str
    monitor_port: str = ""


@dataclass(frozen=True, slots=True)
class SwitchMirrors:
    """One reading of the switch's mirror sessions, strangers' too, and of what can be a source.

    ``rows`` and ``states`` are by the session's name, ``lags`` the members by LAG, ``incapable`` the directions that
    the ASIC cannot mirror. ``gone`` are rows, as last read, of sessions that orchagent holds although they have none.
    """

    rows: Mapping[str, Row] = field(default_factory=dict)
    states: Mapping[str, SessionState] = field(default_factory=dict)
    lags: Mapping[str, frozenset[str]] = field(default_factory=dict)
    incapable: frozenset[Direction] = frozenset()
    gone: Mapping[str, Row] = field(default_factory=dict)

    def after(self, before: SwitchMirrors) -> SwitchMirrors:
        """With what is known from the reading before."""
        known = {**before.gone, **before.rows}
        held = self.states.keys() - self.rows.keys()
        return replace(self, gone={name: known[name] for name in held & known.keys()})

    def sources(self, row: Row) -> frozenset[Source]:
        """The ports, members of LAGs among them, that a session mirrors, each with its direction."""
        names = {name for name in row.get("src_port", "").split(",") if name}
        names = names.union(*(self.lags.get(name, ()) for name in names))
        ways = _DIRECTIONS.get(row.get("direction", ""), tuple(Direction))
        return frozenset((name, way) for name in names for way in ways)


@dataclass(frozen=True, slots=True)
class SessionNote:
    """What is remembered of a session that we wrote, across reboots; Unix ns, 0 for not yet.

    ``tries`` is how often it was asked for since orchagent told of it, ``active_ns`` when it was first seen active,
    ``row`` what orchagent was given, empty in a note that an earlier version wrote, ``shared`` whether another session
    has had a port of it since, ``lost_ns`` since when orchagent tells of it no more.
    """

    name: str
    job: str
    written_ns: int
    tries: int = 1
    active_ns: int = 0
    row: dict[str, str] = field(default_factory=dict)
    shared: bool = False
    lost_ns: int = 0


@dataclass(frozen=True, slots=True)
class AddSession:
    """Write the row of a session where there is none."""

    job: str
    session: MirrorSession


@dataclass(frozen=True, slots=True)
class DeleteSession:
    """Delete the row of a session of ours if it still is as it was read."""

    name: str
    row: Row


SessionAction = AddSession | DeleteSession
