"""What ``show telegen doctor`` looks at and says. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sonic_telegen.cli.tables import clean


class Mark(StrEnum):
    """How a check ended; ``warn`` explains or could not tell, ``fail`` is a cause."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line."""

    check: str
    mark: Mark
    finding: str
    remedy: str = ""

    def line(self) -> str:
        """Behind the mark: what was looked at, what was found, what to do."""
        return clean(f"{self.check:<9}  {self.finding}" + (f" -> {self.remedy}" if self.remedy else ""))


@dataclass(frozen=True, slots=True)
class Netdev:
    """A netdev as seen from the command's network namespace."""

    ifindex: int
    up: bool  # administratively
    running: bool  # has a link


@dataclass(frozen=True, slots=True)
class Path:
    """The way to the collector from the command's network namespace; an error is empty when that part is good."""

    place: str  # host:port
    vrf: str = ""
    unknown: str = ""  # why the name has no address
    source: str = ""  # our address on the way
    no_route: str = ""
    no_answer: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the checks judge.

    Attributes: ``jobs`` those that cover the port, ``hooks`` what is counted on it (both as ``db.view`` gives them),
    ``asic`` what the switch counted on it by direction, ``sessions`` status in STATE_DB of the mirror sessions of the
    port (empty: orchagent has none), ``path`` None where there is no endpoint, ``spell`` a command line of ours,
    ``sonic`` whether there are SONiC's.
    """

    port: str
    at: float
    agent: Mapping[str, Any]
    alive: bool
    spell: Callable[[str, str], str]
    sonic: bool = True
    unknown_port: str = ""  # why a job may not name it
    configured: bool = False  # it has a row of its own
    jobs: Sequence[Mapping[str, Any]] = ()
    hooks: Sequence[Mapping[str, Any]] = ()
    asic: Mapping[str, int] = field(default_factory=dict)
    netdev: Netdev | None = None
    path: Path | None = None
    sessions: Mapping[str, str] = field(default_factory=dict)

    @property
    def elsewhere(self) -> str:
        """Why what this command sees of netdevs and routes is not what the agent sees; empty when it is the same."""
        told = {hook["ifindex"] for hook in self.hooks if hook["interface"] == self.port}
        if not self.alive or not told:
            return ""
        if self.netdev is None:
            return f"it is not seen from here, but the agent counts on it (ifindex {min(told)})"
        if self.netdev.ifindex not in told:
            return f"here it is ifindex {self.netdev.ifindex}, for the agent {min(told)}"
        return ""


def failed(findings: Iterable[Finding]) -> bool:
    """Whether a cause was found."""
    return any(found.mark is Mark.FAIL for found in findings)
