"""TOLD: what of each control protocol came in on a port, and the CoPP trap group that polices it on the way there."""

from __future__ import annotations

from dataclasses import dataclass

from sonic_telegen.model.sample import Counters

METERS = PACKETS, BYTES = "packets", "bytes"  # what a trap group's policer counts


@dataclass(frozen=True, slots=True)
class Policer:
    """A CoPP trap group; its traps share ``cir``, whatever port they come in on.

    ``cir`` is of ``meter`` (packets or bytes) a second; None where the group has no limit.
    """

    group: str
    cir: int | None
    meter: str = PACKETS


@dataclass(frozen=True, slots=True)
class PuntStatus:
    """One row of ``TELEGEN_PUNT_TABLE``; rates are None while unknown, ``policer`` where CoPP says nothing of it."""

    name: str
    ifindex: int
    protocol: str
    counted: Counters
    pps: float | None = None
    bps: float | None = None  # bits a second
    policer: Policer | None = None
