"""Rates of counters that are read now and then, with a short history to draw. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import TypeVar

K = TypeVar("K")

HISTORY = 24  # readings that are drawn
_BARS = "▁▂▃▄▅▆▇█"


class Rates:
    """Per second, of growing counters by key: ``note`` each reading, then ask ``history``."""

    def __init__(self) -> None:
        self._before: dict[object, int] = {}
        self._when = 0.0
        self._history: dict[object, deque[float]] = {}

    def note(self, counters: Mapping[K, int], when: float) -> None:
        """A reading made at ``when`` (seconds on any clock); one that is not newer than the last is ignored."""
        passed = when - self._when
        if passed <= 0:
            return
        for key, value in counters.items():
            if key in self._before:
                grown = max(0, value - self._before[key])
                self._history.setdefault(key, deque(maxlen=HISTORY)).append(grown / passed)
            self._before[key] = value
        self._when = when

    def history(self, key: object) -> Sequence[float]:
        """Rates of the last readings, the newest last; empty before the second one."""
        return tuple(self._history.get(key, ()))

    def now(self, key: object) -> float:
        """The newest rate, 0 when there is none."""
        history = self._history.get(key)
        return history[-1] if history else 0.0


def plot(history: Sequence[float]) -> str:
    """A line of bars, scaled so that the highest value fills its cell."""
    top = max(history, default=0.0)
    if top <= 0:
        return _BARS[0] * len(history)
    return "".join(_BARS[min(len(_BARS) - 1, int(value / top * len(_BARS)))] for value in history)
