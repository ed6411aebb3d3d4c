"""ASKED: one row of ``TELEGEN_JOB`` after its values were found good."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

from sonic_telegen.model.erspan import NOT_SET, ErspanAsked
from sonic_telegen.model.match import EVERY_FRAME, Match

ALL_PORTS = "all"
FRONT_PANEL = re.compile(r"Ethernet[0-9]+")  # not Ethernet-BP…, Ethernet-Rec…: those are internal to the box


class Direction(StrEnum):
    """One tc hook of a netdev, named from the netdev's point of view."""

    INGRESS = "ingress"
    EGRESS = "egress"


BOTH = (Direction.INGRESS, Direction.EGRESS)


class MirrorMode(StrEnum):
    """How a job gets to see a port's frames."""

    DIRECT = "direct"
    ERSPAN = "erspan"
    DECAP = "decap"
    ASIC = "asic"
    PLACEHOLDER = "placeholder"


LATER_MODES: tuple[MirrorMode, ...] = ()  # of a later version
COUNTING_MODES = (MirrorMode.DIRECT, MirrorMode.ERSPAN, MirrorMode.DECAP)  # programs of ours sit on the port
OWN_PROGRAM_MODES = (MirrorMode.ERSPAN, MirrorMode.DECAP)  # a job in these has a program of its own, whatever it asks


RECEIVES = "use decap with direction ingress: it looks at what comes in"


class ResultDetail(StrEnum):
    """What a job keeps of the frames that it asks about."""

    SUMMARY = "summary"
    FLOWS = "flows"
    PACKETS = "packets"


LATER_DETAILS: tuple[ResultDetail, ...] = ()  # of a later version


class Owner(StrEnum):
    """Which door wrote the row."""

    CLI = "cli"
    REST = "rest"
    AUTOMATION = "automation"


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A job as its row asks for it; ``mirror_mode`` None means what GLOBAL, environment or default say.

    ``sample_rate`` is N of 1 in N, ``snaplen`` the bytes that are kept of a captured frame, ``truncate`` those that are
    mirrored (0: all). ``erspan`` is what the row itself sets of the tunnel.
    """

    id: str
    port: str
    directions: tuple[Direction, ...] = (Direction.INGRESS,)
    enabled: bool = True
    mirror_mode: MirrorMode | None = None
    duration_sec: int = 0
    otlp_export: bool = True
    owner: Owner = Owner.AUTOMATION
    match: Match = EVERY_FRAME
    sample_rate: int = 1
    result_detail: ResultDetail = ResultDetail.SUMMARY
    snaplen: int = 128
    erspan: ErspanAsked = NOT_SET
    truncate: int = 0

    @property
    def direction(self) -> str:
        """The row's word: ``ingress``, ``egress`` or ``both``."""
        return "both" if len(self.directions) == 2 else str(self.directions[0])

    @property
    def needs_program(self) -> bool:
        """Whether the counters of the interface do not answer it, so that it needs a program of its own."""
        return bool(self.match) or self.sample_rate > 1 or self.result_detail is not ResultDetail.SUMMARY

    def mirrored_by(self) -> dict[str, str | int]:
        """What the row asks of the packets that mirrored frames are in; GLOBAL describes a tunnel of our own."""
        asked = {"remote": self.erspan.remote, "local": self.erspan.local, "key": self.erspan.key}
        return {name: value for name, value in asked.items() if value is not None}

    def digest(self) -> str:
        """16 hex digits over what makes it this question; a changed digest is a new job that counts from zero.

        Not part of it: ``enabled``, ``owner`` and ``otlp_export``, which change who asks or hears, not what is asked.
        ``snaplen`` is where packets are kept. Of the tunnel only what it takes the frames from is; of mirrored frames
        also whose they are.
        """
        asked = [self.id, self.port, self.direction, self.mirror_mode or "", self.duration_sec]
        if self.needs_program:
            asked += [f"{name}={text}" for name, text in self.match.texts().items()]
            asked += [f"sample_rate={self.sample_rate}", f"result_detail={self.result_detail}"]
        if self.result_detail is ResultDetail.PACKETS:
            asked.append(f"snaplen={self.snaplen}")
        if self.erspan.dev:
            asked.append(f"erspan_dev={self.erspan.dev}")
        if self.mirror_mode is MirrorMode.DECAP:
            asked += [f"{name}={value}" for name, value in self.mirrored_by().items()]
        return hashlib.sha256("\0".join(map(str, asked)).encode()).hexdigest()[:16]
