"""ASKED: the ERSPAN tunnel of a job, as rows and environment say it together, and as a netdev can have it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from typing import Any

OWN_ALIAS = "telegen/"  # IFLA_IFALIAS of a netdev that we made begins with this
INHERIT = "inherit"
HEADER = 14  # of Ethernet: a netdev's MTU does not count it
_TOS_INHERIT = 1
_IPV4, _LONGEST = 20, 0xFFFF
_GRE_AND_ERSPAN = {0: 4, 1: 8 + 8, 2: 8 + 12}  # by version; the first has neither sequence nor session


@dataclass(frozen=True, slots=True)
class ErspanAsked:
    """The ``erspan_*`` fields by name; None for one that is not set."""

    name: str | None = None
    dev: str | None = None
    remote: str | None = None
    local: str | None = None
    key: int | None = None
    ver: int | None = None
    ttl: int | None = None
    tos: str | None = None

    def over(self, others: ErspanAsked) -> ErspanAsked:
        """These, and where one is not set that of ``others``."""
        return replace(others, **self.given())

    def given(self) -> dict[str, Any]:
        """Those that are set, by name."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Outer:
    """What a netdev puts before each frame, beside its ends; named as ``ip link`` does.

    ``key`` is 0 without sessions, ``tos`` 1 where it is inherited. With ``pmtudisc`` or without ``ignore_df`` a frame
    that is too large would be answered with an ICMP error to its sender.
    """

    key: int
    ver: int
    ttl: int
    tos: int
    pmtudisc: bool = False
    ignore_df: bool = True


NOT_SET = ErspanAsked()
ERSPAN_DEFAULTS = ErspanAsked("erspan0", "", "", "", 10, 2, 64, INHERIT)


@dataclass(frozen=True, slots=True)
class ErspanSpec:
    """One tunnel; jobs that ask for equal ones share it. ``tos`` None is inherited, ``mtu`` 0 the route's."""

    name: str
    remote: str
    local: str
    key: int
    ver: int
    ttl: int
    tos: int | None = None
    mtu: int = 0

    def digest(self) -> str:
        """16 hex digits over all of it."""
        told = [str(getattr(self, field.name)) for field in fields(self)]
        return hashlib.sha256("\0".join(told).encode()).hexdigest()[:16]

    @property
    def ends(self) -> tuple[str, str, int | None]:
        """What Linux has one netdev for at most; None where there is no session."""
        return self.remote, self.local, self.key if self.ver else None

    @property
    def outer(self) -> Outer:
        """What its netdev has, and has to go on having."""
        tos = _TOS_INHERIT if self.tos is None else self.tos
        return Outer(self.key if self.ver else 0, self.ver, self.ttl, tos)

    @property
    def first_name(self) -> str:
        """What its netdev is called until it is known to be ours."""
        return f"tg~{self.digest()[:12]}"

    @property
    def alias(self) -> str:
        """IFLA_IFALIAS of its netdev."""
        return OWN_ALIAS + self.digest()

    def right_mtu(self, now: int, way: int) -> int:
        """What the MTU of its netdev, which is ``now``, should be where that of the way is ``way`` (0: not known).

        That is what the kernel takes for one that is made now, or ``now`` where that is more: what is too large for the
        way goes in fragments.
        """
        return self.mtu or max(now, min(way, _LONGEST) - _IPV4 - _GRE_AND_ERSPAN[self.ver] - HEADER)

    def __str__(self) -> str:
        session = f" session {self.key}" if self.ver else ""
        return f"{self.local} to {self.remote}{session}"


def tunnel(asked: ErspanAsked, truncate: int = 0) -> ErspanSpec | str:
    """The tunnel of fields that are all set and good one by one, or what is wrong with them together.

    ``truncate`` is how many bytes of a frame are mirrored at most, 0 for what the way takes.
    """
    lacking = [f"erspan_{name}" for name in ("remote", "local") if not getattr(asked, name)]
    if lacking:
        return f"{' and '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} not set; set both ends of the tunnel"
    if asked.remote == asked.local:
        return f"erspan_remote and erspan_local are both {asked.remote}; set the two ends of the tunnel"
    tos = None if asked.tos == INHERIT else int(asked.tos or 0)
    if tos is not None and tos % 2:
        return f"erspan_tos={tos}: the kernel takes an odd number for inherit; set {tos - 1} or inherit"
    parts = replace(asked, dev=None, tos=None).given()
    return ErspanSpec(**parts, tos=tos, mtu=truncate - HEADER if truncate else 0)
