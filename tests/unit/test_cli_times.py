"""Moments as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonic_telegen.cli.times import ago, seconds, span


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (-3, "0 s"),
        (0.9, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (119, "1 min"),
        (3600, "1 h"),
        (3 * 3600 + 12 * 60 + 59, "3 h 12 min"),
        (86400 + 59 * 60, "1 d"),
        (2 * 86400 + 4 * 3600, "2 d 4 h"),
        (400 * 86400, "400 d"),
    ],
)
def test_a_length_has_its_two_largest_units(length: float, words: str) -> None:
    assert span(length) == words


@given(st.floats(0, 1e9))
def test_a_length_is_told_to_its_second_unit(length: float) -> None:
    sizes = {"d": 86400, "h": 3600, "min": 60, "s": 1}
    parts = span(length).split()
    told = sum(int(number) * sizes[unit] for number, unit in zip(parts[::2], parts[1::2], strict=True))
    smallest = {"d": 3600, "h": 60, "min": 60, "s": 1}[parts[1]]
    assert told <= length < told + smallest


def test_a_time_that_is_none_was_never() -> None:
    assert (ago(None, 0), ago("soon", 0), seconds("")) == ("never", "never", None)
    assert ago("1970-01-01T00:00:10Z", 15) == "5 s ago"
