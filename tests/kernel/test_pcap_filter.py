"""A translated filter expression matches the frames that libpcap's own matcher matches, on every way a frame may lie.

libpcap judges the frame of the wire. The kernel gets it whole, or with the outermost tag taken out, as with frames that
come in; and reads it directly, or as one in pieces.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, given, settings

from sonic_telegen.kernel import pcap
from sonic_telegen.kernel.cbpf import Instruction
from tests.support.expressions import EXPRESSIONS, SAMPLES, TAG_7
from tests.support.patience import examples
from tests.support.pcap import Filter, libpcap_matches, need_libpcap, outermost_tag
from tests.support.wireframes import frames


@pytest.fixture(autouse=True, scope="module")
def _library() -> None:
    need_libpcap()


@pytest.mark.parametrize("direct", [True, False], ids=["in one piece", "in pieces"])
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_kernel_and_libpcap_agree_on_an_expression(expression: str, direct: bool) -> None:
    program = pcap.compile_expression(expression)
    with ExitStack() as stack:
        plain = stack.enter_context(Filter(program, direct))
        for frame in SAMPLES:
            says = libpcap_matches(program, frame)
            assert plain.matches(frame) == says, frame.hex()
            if (parts := outermost_tag(frame)) is not None:
                tag, rest = parts
                with Filter(program, direct, tag) as beside:
                    assert beside.matches(rest) == says, f"tag beside the frame: {frame.hex()}"


def test_every_sample_is_told_from_the_others_by_some_expression() -> None:
    """Else the comparison above would say little."""
    programs = [pcap.compile_expression(expression) for expression in EXPRESSIONS]
    answers = [tuple(libpcap_matches(program, frame) for program in programs) for frame in SAMPLES]
    assert len(set(answers)) == len(SAMPLES)
    same = [e for e, column in zip(EXPRESSIONS, zip(*answers, strict=True), strict=True) if len(set(column)) == 1]
    assert len(same) < len(EXPRESSIONS) / 2, same


Forms = tuple[str, tuple[Instruction, ...], Filter, Filter, Filter]


@pytest.fixture(scope="module")
def forms() -> Iterator[list[Forms]]:
    """Every expression: as it is, with tag 7 taken out, and in pieces."""
    with ExitStack() as stack:
        found = []
        for expression in EXPRESSIONS:
            program = pcap.compile_expression(expression)
            whole, beside = stack.enter_context(Filter(program)), stack.enter_context(Filter(program, tag=TAG_7))
            found.append((expression, program, whole, beside, stack.enter_context(Filter(program, False))))
        yield found


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frames)
def test_kernel_and_libpcap_agree_on_any_frame(forms: list[Forms], frame: bytes) -> None:
    tagged = frame[:12] + bytes.fromhex("81000007") + frame[12:]
    for expression, program, whole, beside, pieces in forms:
        says = libpcap_matches(program, frame)
        assert whole.matches(frame) == says, expression
        assert pieces.matches(frame) == says, f"in pieces: {expression}"
        assert beside.matches(frame) == libpcap_matches(program, tagged), f"tag beside the frame: {expression}"
