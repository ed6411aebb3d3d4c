"""Filter expressions on every kernel: its verifier takes them with room to spare, and they match as libpcap does."""

from __future__ import annotations

import os
import re

import pytest

from sonic_telegen.kernel import pcap
from tests.support.expressions import EXPRESSIONS, LONG, SAMPLES
from tests.support.pcap import Filter, libpcap_matches, need_libpcap, outermost_tag

VERIFIER_BUDGET = 250_000  # of the kernel's 1,000,000


@pytest.fixture(autouse=True, scope="module")
def _library() -> None:
    need_libpcap()


@pytest.mark.parametrize("direct", [True, False], ids=["in one piece", "in pieces"])
def test_expressions_match_what_libpcap_matches(direct: bool) -> None:
    tags = [parts[0] if (parts := outermost_tag(frame)) else None for frame in SAMPLES]
    for expression in EXPRESSIONS[::4]:
        program = pcap.compile_expression(expression)
        with Filter(program, direct) as plain:
            for frame in SAMPLES:
                assert plain.matches(frame) == libpcap_matches(program, frame), (expression, frame.hex())
        with Filter(program, direct, tags[4]) as beside:
            for frame in (frame for frame, tag in zip(SAMPLES, tags, strict=True) if tag and tag == tags[4]):
                assert beside.matches(frame[:12] + frame[16:]) == libpcap_matches(program, frame), expression


@pytest.mark.parametrize("name", LONG)
def test_the_longest_expressions_leave_room_to_spare(name: str) -> None:
    program = pcap.compile_expression(LONG[name])
    with Filter(program) as loaded:
        found = re.search(r"processed (\d+) insns", loaded.said)
        assert found, loaded.said
        print(f"{name}, {len(program)} instructions of libpcap, on {os.uname().release}: {found[0]}")
        assert int(found[1]) < VERIFIER_BUDGET
        for frame in SAMPLES:
            assert loaded.matches(frame) == libpcap_matches(program, frame), frame.hex()
