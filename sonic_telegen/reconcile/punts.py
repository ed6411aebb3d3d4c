"""What is told of control protocols: those that were seen, with their rates. No clock, but the reading before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sonic_telegen.model.punt import Policer, PuntStatus
from sonic_telegen.model.sample import PUNT_PROTOCOLS, PuntSample, Sample

SHORTEST_NS = 500_000_000  # between two readings: what comes in less says little of a rate

_Rate = tuple[float | None, float | None]
_ALL_UNKNOWN: tuple[_Rate, ...] = ((None, None),) * len(PUNT_PROTOCOLS)
_ALL_STILL: tuple[_Rate, ...] = ((0.0, 0.0),) * len(PUNT_PROTOCOLS)


class PuntRates:
    """Rates are those between two readings, the last ones that are far enough apart; for one thread."""

    def __init__(self) -> None:
        self._at_ns = 0
        self._before: Mapping[int, PuntSample] = {}
        self._rates: Mapping[tuple[int, int], tuple[_Rate, ...]] = {}  # by slot and start

    def told(self, sample: Sample, policers: Mapping[str, Policer]) -> tuple[PuntStatus, ...]:
        """The protocols that were seen in ``sample``, on each hook where they are told apart."""
        length = sample.time_ns - self._at_ns
        if not 0 <= length < SHORTEST_NS:  # the clock may have been set back
            seconds = length / 1e9
            self._rates = {(p.slot, p.start_ns): self._between(p, seconds) for p in sample.punts}
            self._before = {punt.slot: punt for punt in sample.punts}
            self._at_ns = sample.time_ns
        return tuple(status for punt in sample.punts for status in self._statuses(punt, policers))

    def _between(self, now: PuntSample, seconds: float) -> tuple[_Rate, ...]:
        before = self._before.get(now.slot)
        if before is None or before.start_ns != now.start_ns or seconds <= 0:
            return _ALL_UNKNOWN
        if before is now:
            return _ALL_STILL
        return tuple(
            ((new.packets - old.packets) / seconds, 8 * (new.bytes - old.bytes) / seconds)
            for old, new in zip(before.protocols, now.protocols, strict=True)
        )

    def _statuses(self, punt: PuntSample, policers: Mapping[str, Policer]) -> Iterator[PuntStatus]:
        rates = self._rates.get((punt.slot, punt.start_ns), _ALL_UNKNOWN)
        for protocol, counted, (pps, bps) in zip(PUNT_PROTOCOLS, punt.protocols, rates, strict=True):
            if counted.packets:
                yield PuntStatus(punt.name, punt.ifindex, protocol, counted, pps, bps, policers.get(protocol))
