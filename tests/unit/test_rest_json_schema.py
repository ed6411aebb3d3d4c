"""The JSON schema of a field allows exactly what its value type reads, and what the codec takes."""

from __future__ import annotations

import re
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonic_telegen.db import schema
from sonic_telegen.model.values import DIRECTION, JOB_ID, TRUTH, Either, Several, Unfit, ValueType, Whole
from sonic_telegen.rest import json_schema

KINDS: list[ValueType[Any]] = [
    *{field.type for field in [*schema.JOB_FIELDS.values(), *schema.GLOBAL_FIELDS.values()]},
    JOB_ID,
    Several(Whole(0, 63), 3),
    Several(Either("inherit", Whole(5, 5)), 2),
    Several(DIRECTION, 2),
]


def reads(kind: ValueType[Any], text: str) -> bool:
    """Whether it is read, or would be but for what a schema cannot say."""
    try:
        kind.read(text)
    except Unfit:
        return True
    except ValueError:
        return False
    return True


def allows(found: dict[str, Any], value: object) -> bool:
    return bool(jsonschema_rs.validator_for(found).is_valid(value))


@given(st.sampled_from(KINDS), st.data())
def test_every_text_is_allowed_if_and_only_if_it_is_read(kind: ValueType[Any], data: st.DataObject) -> None:
    near = st.from_regex(f"(?:{json_schema.pattern(kind)})", fullmatch=True) | st.from_regex("[0-9a-z.,-]{0,12}")
    text = data.draw(
        near | st.sampled_from(["", ".", "..", "\n", "0\n", "٣", "inherit", "true", "5,5", "1,2,3,4", "2-1", "::/0"])
    )
    assert allows(json_schema.accepted(kind), text) == reads(kind, text)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 3))
def test_numbers_in_digits_are_those_of_the_range(one: int, other: int, number: int, zeros: int) -> None:
    low, high = sorted((one, other))
    found = re.fullmatch(json_schema.digits(low, high), "0" * zeros + str(number))
    assert bool(found) == (low <= number <= high and zeros + len(str(number)) <= json_schema.DIGITS)


@pytest.mark.parametrize("low, high", [(0, 0), (0, 9), (1, 4094), (64, 9216), (0, 604800), (99, 101), (1, 999)])
def test_no_number_near_a_bound_is_missed(low: int, high: int) -> None:
    pattern = re.compile(json_schema.digits(low, high))
    for number in [*range(max(0, low - 120), low + 120), *range(max(0, high - 120), high + 120)]:
        assert bool(pattern.fullmatch(str(number))) == (low <= number <= high), number


def test_numbers_and_truths_are_allowed_as_json_has_them() -> None:
    whole = json_schema.accepted(Whole(1, 9))
    assert [allows(whole, value) for value in (1, 9.0, 0, 10, 1.5, True, None)] == [True, True, *[False] * 5]
    assert [allows(json_schema.accepted(TRUTH), value) for value in (True, False, 1, "yes")] == [
        True,
        True,
        False,
        False,
    ]
    several = json_schema.accepted(Several(Whole(0, 63), 2))
    assert [allows(several, v) for v in ([1, "2"], [1], 1, [], [1, 2, 3], 64)] == [*[True] * 3, *[False] * 3]
