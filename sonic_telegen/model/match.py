"""MATCH: which frames a job asks about. Attributes are named as the fields of the row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from ipaddress import IPv4Network, IPv6Network

Prefix = IPv4Network | IPv6Network
Ports = tuple[int, int]  # first and last

TCP, UDP, SCTP, ICMP, ICMP6, GRE = 6, 17, 132, 1, 58, 47
PROTOCOLS = {"tcp": TCP, "udp": UDP, "icmp": ICMP, "icmp6": ICMP6, "sctp": SCTP, "gre": GRE}
WITH_PORTS = (TCP, UDP, SCTP)
ONLY_IN = {ICMP: 4, ICMP6: 6}  # protocol -> the one IP version that carries it

REVERSED = "use ranges whose first port is not above the last"
NEEDS_PORTS = "use it with an ip_proto of tcp, udp or sctp and no other"
NEEDS_CARRIER = "use icmp with IPv4 prefixes and icmp6 with IPv6 prefixes"
NEEDS_ONE_VERSION = "use two IPv4 or two IPv6 prefixes"

_NAMES = {number: name for name, number in PROTOCOLS.items()}


@dataclass(frozen=True, slots=True)
class Match:
    """A frame is asked about when it fits every attribute that is set; an empty match is true of every frame.

    Equal questions are equal: lists are sorted and unique, port ranges that touch are one.
    """

    ip_proto: tuple[int, ...] = ()
    src_cidr: Prefix | None = None
    dst_cidr: Prefix | None = None
    l4_sport: tuple[Ports, ...] = ()
    l4_dport: tuple[Ports, ...] = ()
    dscp: tuple[int, ...] = ()
    vlan: int = 0  # 0 is any
    filter: str = ""

    def __post_init__(self) -> None:
        for name in ("ip_proto", "dscp"):
            object.__setattr__(self, name, tuple(sorted(set(getattr(self, name)))))
        for name in ("l4_sport", "l4_dport"):
            object.__setattr__(self, name, _joined(getattr(self, name)))

    def __bool__(self) -> bool:
        """Whether it leaves any frame out."""
        return bool(self.texts())

    @property
    def family(self) -> int:
        """4 or 6 where a prefix says so, else 0."""
        prefix = self.src_cidr or self.dst_cidr
        return prefix.version if prefix else 0

    def contradiction(self) -> tuple[str, str] | None:
        """The first field that no frame fits together with the others, and the remedy; None when there is none."""
        versions = {prefix.version for prefix in (self.src_cidr, self.dst_cidr) if prefix}
        if any(versions - {ONLY_IN[number]} for number in self.ip_proto if number in ONLY_IN):
            return "ip_proto", NEEDS_CARRIER
        if len(versions) > 1:
            return "dst_cidr", NEEDS_ONE_VERSION
        if not self.ip_proto or not set(self.ip_proto) <= set(WITH_PORTS):
            for name in ("l4_sport", "l4_dport"):
                if getattr(self, name):
                    return name, NEEDS_PORTS
        return None

    def texts(self) -> dict[str, str]:
        """What is set, by field, as a row has it."""
        found = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: _spell(name, value) for name, value in found.items() if value}


def spell_protocol(number: int) -> str:
    """The name of an IP protocol, or its number."""
    return _NAMES.get(number, str(number))


def _joined(ranges: Iterable[Ports]) -> tuple[Ports, ...]:
    found: list[Ports] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1] + 1:
            low, high = found[-1][0], max(high, found.pop()[1])
        found.append((low, high))
    return tuple(found)


def _spell(name: str, value: object) -> str:
    return ",".join(_item(name, item) for item in value) if isinstance(value, tuple) else str(value)


def _item(name: str, item: object) -> str:
    if isinstance(item, tuple):
        low, high = item
        return f"{low}-{high}" if low < high else str(low)
    return spell_protocol(item) if name == "ip_proto" and isinstance(item, int) else str(item)


EVERY_FRAME = Match()
