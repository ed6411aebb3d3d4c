"""Rates of control protocols: between two readings that are far enough apart, and unknown where there are none."""

from __future__ import annotations

from sonic_telegen.model.job import Direction
from sonic_telegen.model.punt import Policer, PuntStatus
from sonic_telegen.model.sample import PUNT_PROTOCOLS, Counters, PuntSample, Sample
from sonic_telegen.reconcile.punts import SHORTEST_NS, PuntRates

SECOND = 10**9
BGP = Policer("queue4_group1", 6000)


def punt(slot: int = 1, start_ns: int = 5, **packets: int) -> PuntSample:
    counted = tuple(Counters(packets.get(name, 0), 100 * packets.get(name, 0)) for name in PUNT_PROTOCOLS)
    return PuntSample(slot, slot + 10, f"Ethernet{slot}", Direction.INGRESS, start_ns, counted)


def reading(seconds: float, *punts: PuntSample) -> Sample:
    return Sample(round((1000 + seconds) * SECOND), punts=punts)


def told(rates: PuntRates, sample: Sample) -> dict[tuple[str, str], float | None]:
    return {(status.name, status.protocol): status.pps for status in rates.told(sample, {})}


def test_only_what_was_seen_is_told_and_a_first_reading_has_no_rate() -> None:
    found = PuntRates().told(reading(0, punt(bgp=7, arp=1)), {"bgp": BGP})
    assert found == (
        PuntStatus("Ethernet1", 11, "arp", Counters(1, 100)),
        PuntStatus("Ethernet1", 11, "bgp", Counters(7, 700), policer=BGP),
    )


def test_a_rate_is_what_came_between_two_readings() -> None:
    rates = PuntRates()
    told(rates, reading(0, punt(bgp=100), punt(2, lldp=1)))
    (bgp, lldp) = rates.told(reading(10, punt(bgp=150), punt(2, lldp=1)), {})
    assert (bgp.pps, bgp.bps, lldp.pps) == (5.0, 4000.0, 0.0)


def test_readings_too_close_together_keep_the_rate_and_show_the_count() -> None:
    rates = PuntRates()
    told(rates, reading(0, punt(bgp=0)))
    told(rates, reading(10, punt(bgp=10)))
    (status,) = rates.told(reading(10 + (SHORTEST_NS - 1) / SECOND, punt(bgp=500)), {})
    assert (status.counted.packets, status.pps) == (500, 1.0)
    assert told(rates, reading(20, punt(bgp=510))) == {("Ethernet1", "bgp"): 50.0}, "nothing is counted twice"


def test_what_began_anew_has_no_rate_until_the_next_reading() -> None:
    rates = PuntRates()
    told(rates, reading(0, punt(bgp=100)))
    assert told(rates, reading(10, punt(start_ns=6, bgp=3), punt(2, arp=4))) == {
        ("Ethernet1", "bgp"): None,
        ("Ethernet2", "arp"): None,
    }
    assert told(rates, reading(20, punt(start_ns=6, bgp=23))) == {("Ethernet1", "bgp"): 2.0}
    told(rates, reading(30))
    assert told(rates, reading(40, punt(start_ns=6, bgp=23))) == {("Ethernet1", "bgp"): None}, "not told in between"


def test_a_clock_set_back_makes_no_rate() -> None:
    rates = PuntRates()
    told(rates, reading(0, punt(bgp=100)))
    assert told(rates, reading(-500, punt(bgp=110))) == {("Ethernet1", "bgp"): None}
    assert told(rates, reading(-490, punt(bgp=120))) == {("Ethernet1", "bgp"): 1.0}


def test_a_hook_in_which_nothing_moved_has_a_rate_of_zero() -> None:
    """The maps hand out the same object again."""
    rates, still = PuntRates(), punt(bgp=100)
    told(rates, reading(0, still))
    assert told(rates, reading(10, still)) == {("Ethernet1", "bgp"): 0.0}
    assert told(rates, reading(20, punt(bgp=110))) == {("Ethernet1", "bgp"): 1.0}
