"""Readings made up for tests: every number differs, so that a mixed-up series cannot pass."""

from __future__ import annotations

from collections.abc import Sequence

from sonic_telegen.model.job import BOTH, Direction
from sonic_telegen.model.kernel import AccountKey
from sonic_telegen.model.sample import CLASSES, SIZE_BOUNDS, AccountSample, Counters, InterfaceSample, Sample

START_NS = 1_790_000_000_000_000_000
SECOND_NS = 1_000_000_000


def counters(seed: int, beat: int) -> Counters:
    """Counts that grow with ``beat``; the buckets add up to the packets."""
    buckets = tuple(beat * (edge + 1) + seed for edge in range(len(SIZE_BOUNDS) + 1))
    return Counters(sum(buckets), sum(buckets) * 100 + seed, buckets)


def reading(
    beat: int,
    netdevs: Sequence[str] = ("Ethernet0", "PortChannel1"),
    directions: Sequence[Direction] = BOTH,
    job: str = "j1",
) -> Sample:
    """The ``beat``-th reading, ten seconds after the one before; ``job`` has an account on every hook."""
    interfaces: list[InterfaceSample] = []
    accounts: dict[AccountKey, AccountSample] = {}
    for number, name in enumerate(netdevs):
        for direction in directions:
            slot = len(interfaces) + 1
            classes = tuple(counters(slot * 10 + c, beat) for c in range(len(CLASSES)))
            started = START_NS + slot
            interfaces.append(InterfaceSample(slot, number + 2, name, direction, started, classes))
            key = AccountKey(job, name, direction)
            since = tuple(Counters(c.packets - 1, c.bytes - 60) for c in classes)
            accounts[key] = AccountSample(key, started + 5, since)
    time_ns = START_NS + beat * 10 * SECOND_NS
    return Sample(time_ns, START_NS, tuple(counters(c, beat) for c in range(4)), tuple(interfaces), accounts)
