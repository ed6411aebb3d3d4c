"""What the agent hands in: the little that REST must know beside the rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sonic_telegen.model.captured import CaptureFile
from sonic_telegen.settings import Settings


def _none(_: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Hooks:
    """Callable from any thread; ``unhealthy`` and ``unready`` say what is wrong, empty when nothing is."""

    settings: Callable[[Mapping[str, str]], Settings]  # those in force for this TELEGEN|GLOBAL
    version: Mapping[str, str]
    unhealthy: Callable[[], str]
    unready: Callable[[], str]
    changed: Callable[[], None]  # the addresses that we listen on are others now
    capture: Callable[[str], CaptureFile | None] = _none  # a job's, growing or kept
    check_filter: Callable[[str], None] = _none  # raises ConfigError for an expression that is none
