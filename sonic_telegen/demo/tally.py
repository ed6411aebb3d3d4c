"""What was sent, what STATE_DB counted and what came over OTLP, side by side: equal means to the byte. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sonic_telegen.demo.received import Histogram, SeriesKey, Value

_DIRECTION = {"receive": "ingress", "transmit": "egress"}  # network.io.direction -> the table's word


class Series(NamedTuple):
    """One row of the comparison, in the words of ``TELEGEN_INTERFACE_TABLE``."""

    port: str
    direction: str
    cls: str


class Count(NamedTuple):
    """Packets and bytes on the wire, without FCS."""

    packets: int = 0
    bytes: int = 0


Tally = Mapping[Series, Count]


@dataclass(frozen=True, slots=True)
class Line:
    """One series and what three witnesses say of it."""

    series: Series
    sent: Count
    counted: Count  # STATE_DB
    received: Count  # OTLP

    @property
    def equal(self) -> bool:
        """Whether all three say the same."""
        return self.sent == self.counted == self.received

    @property
    def difference(self) -> str:
        """Empty when equal, else which witness is off by how much."""
        parts = []
        for witness, count in (("counted", self.counted), ("OTLP", self.received)):
            packets, octets = count.packets - self.sent.packets, count.bytes - self.sent.bytes
            if packets or octets:
                parts.append(f"{witness} {packets:+,} packets {octets:+,} bytes")
        return ", ".join(parts)

    def as_json(self) -> dict[str, Any]:
        """The line as an object for ``--json``."""
        return {
            "port": self.series.port,
            "direction": self.series.direction,
            "class": self.series.cls,
            "sent": self.sent._asdict(),
            "counted": self.counted._asdict(),
            "received": self.received._asdict(),
            "equal": self.equal,
        }


def compare(sent: Tally, counted: Tally, received: Tally) -> list[Line]:
    """Every series that any witness names, ports in natural order; one that a witness does not name is 0 there."""
    none = Count()
    return [
        Line(series, sent.get(series, none), counted.get(series, none), received.get(series, none))
        for series in sorted({*sent, *counted, *received}, key=_natural)
    ]


def total(counts: Iterable[Count]) -> Count:
    """The sum of counts."""
    packets = octets = 0
    for count in counts:
        packets += count.packets
        octets += count.bytes
    return Count(packets, octets)


def from_otlp(latest: Mapping[SeriesKey, Value]) -> dict[Series, Count]:
    """``bpf.packets`` and the sum of ``bpf.bytes`` of each netdev, direction and class."""
    packets: dict[Series, int] = {}
    octets: dict[Series, int] = {}
    for (name, attributes), value in latest.items():
        if name not in ("bpf.packets", "bpf.bytes"):
            continue
        labels = dict(attributes)
        direction = _DIRECTION[str(labels["network.io.direction"])]
        series = Series(str(labels["network.interface.name"]), direction, str(labels["proto"]))
        if isinstance(value.value, Histogram):
            octets[series] = octets.get(series, 0) + int(value.value.sum)
        else:
            packets[series] = packets.get(series, 0) + int(value.value)
    return {series: Count(packets.get(series, 0), octets.get(series, 0)) for series in {*packets, *octets}}


def job_from_otlp(latest: Mapping[SeriesKey, Value], job: str) -> Count:
    """``telegen.job.packets`` and ``telegen.job.bytes`` of one job, over all its netdevs."""
    sums = {"telegen.job.packets": 0, "telegen.job.bytes": 0}
    for (name, attributes), value in latest.items():
        if name in sums and ("telegen.job", job) in attributes and not isinstance(value.value, Histogram):
            sums[name] += int(value.value)
    return Count(sums["telegen.job.packets"], sums["telegen.job.bytes"])


def _natural(series: Series) -> tuple[str, int, int, str]:
    word, number = re.fullmatch(r"(.*?)(\d*)", series.port, re.DOTALL).groups()  # type: ignore[union-attr]
    return word, int(number or 0), 0 if series.direction == "ingress" else 1, series.cls
