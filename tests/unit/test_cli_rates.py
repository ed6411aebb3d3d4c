"""Rates between two readings, and how tables and bars spell numbers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonic_telegen.cli import counters, histogram
from sonic_telegen.cli.rates import Reading, percent, rates
from sonic_telegen.cli.tables import clean, grid
from sonic_telegen.db.codec import interface_row
from sonic_telegen.db.view import interface
from sonic_telegen.model.sample import SIZE_BOUNDS
from tests.support.told import hook

ETHERNET0 = ("Ethernet0", "ingress")


def shown(packets: list[int], ifindex: int = 7) -> dict[str, Any]:
    """A hook of Ethernet0 with packets of 100 bytes by class."""
    return interface(*ETHERNET0, interface_row(hook("Ethernet0", packets=packets, ifindex=ifindex), 1))


def rate(before: Reading, after: Reading) -> dict[str, Any]:
    (found,) = rates(before, after)
    return found


def test_a_rate_is_what_was_counted_in_between_by_the_agents_own_time() -> None:
    before = Reading(100.0, [shown([10, 1])], {ETHERNET0: 1000}, 101.0)
    after = Reading(102.5, [shown([60, 1])], {ETHERNET0: 51000}, 106.0)
    found = rate(before, after)
    assert (found["interface"], found["direction"]) == ETHERNET0
    assert (found["packets_per_second"], found["bits_per_second"]) == (20.0, 16000.0)
    assert found["classes"]["ipv4"] == {"packets_per_second": 20.0, "bits_per_second": 16000.0}
    assert found["classes"]["ipv6"] == {"packets_per_second": 0.0, "bits_per_second": 0.0}
    assert found["asic_packets_per_second"] == 10000.0
    assert found["cpu_percent"] == pytest.approx(0.2)


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(Reading(1.0, []), id="a new hook"),
        pytest.param(Reading(1.0, [shown([10], ifindex=8)]), id="another netdev"),
        pytest.param(Reading(1.0, [shown([12])]), id="counters that began anew"),
        pytest.param(Reading(2.0, [shown([10])]), id="no time in between"),
        pytest.param(Reading(3.0, [shown([10])]), id="a clock set back"),
    ],
)
def test_there_is_no_rate_without_a_comparable_reading(before: Reading) -> None:
    found = rate(before, Reading(2.0, [shown([11])]))
    assert (found["packets_per_second"], found["bits_per_second"], found["cpu_percent"]) == (None, None, None)


@pytest.mark.parametrize(
    ("asic", "later"), [({}, {ETHERNET0: 5}), ({ETHERNET0: 5}, {}), ({ETHERNET0: 5}, {ETHERNET0: 4})]
)
def test_what_the_asic_did_not_count_has_no_share(asic: Any, later: Any) -> None:
    found = rate(Reading(1.0, [shown([1])], asic, 1.0), Reading(2.0, [shown([2])], later, 2.0))
    assert (found["packets_per_second"], found["asic_packets_per_second"], found["cpu_percent"]) == (1.0, None, None)


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [
        (2, 10000, "0.02 %"),
        (1, 1000000, "<0.01 %"),
        (0, 10, "0.00 %"),
        (10, 10, "100.00 %"),
        (1, 0, "N/A"),
        (None, 5, "N/A"),
    ],
)
def test_a_share_never_rounds_something_to_nothing(part: float | None, whole: float, words: str) -> None:
    assert counters.percent(percent(part, whole)) == words


@pytest.mark.parametrize(
    ("bits", "words"),
    [
        (None, "N/A"),
        (0.0, "0.00 b/s"),
        (999.99, "999.99 b/s"),
        (999.996, "1.00 kb/s"),
        (1_500_000.0, "1.50 Mb/s"),
        (4e14, "400,000.00 Gb/s"),
    ],
)
def test_bits_a_second_have_a_unit(bits: float | None, words: str) -> None:
    assert counters.bps(bits) == words


def test_every_size_has_its_bucket_in_words() -> None:
    names = histogram.labels()
    assert (names[0], names[1], names[-1]) == ("0-64", "65-127", "9217-")
    assert len(names) == len(SIZE_BOUNDS) + 1


def test_bars_are_drawn_to_the_width_and_nothing_counted_is_lost_to_sight() -> None:
    lines = histogram.bars([1, 0, 3000, 0, 0, 0, 0, 0, 0, 1500], 50)
    assert lines[:4] == [
        "     SIZE  PACKETS   SHARE",
        "     0-64        1   0.0 %  ▏",
        "   65-127        0   0.0 %",
        "  128-255    3,000  66.7 %  " + "█" * 22,
    ]
    assert lines[-1] == "    9217-    1,500  33.3 %  " + "█" * 11
    assert histogram.bars([4, 1] + [0] * 8, 50, blocks=False)[2].endswith("%  ######")


@given(st.lists(st.integers(0, 10**15), min_size=10, max_size=10), st.integers(60, 300))
def test_no_line_is_wider_than_the_terminal(counts: list[int], width: int) -> None:
    for blocks in (True, False):
        lines = histogram.bars(counts, width, blocks)
        assert max(map(len, lines)) <= width
        drawn = [line.rpartition("%")[2].strip() if sum(counts) else "" for line in lines[1:]]
        assert [bool(bar) for bar in drawn] == [bool(count) for count in counts]


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_printed(text: str) -> None:
    assert clean(text).isprintable()


def test_a_table_without_rows_has_its_heads() -> None:
    assert grid(["A", "LONGER"], []) == "A    LONGER\n---  --------"


def test_cells_that_look_like_numbers_are_left_as_they_are() -> None:
    assert grid(["A"], [["1e5"], ["007"], ["-"]]).splitlines()[2:] == ["1e5", "007", "-"]
