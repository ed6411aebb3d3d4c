"""The file of the verifier's counts: whole, and a count that went astray is told with its remedy."""

from __future__ import annotations

import pytest

from tests.vm.fetch_kernels import SUITES
from tests.vm.verifier import PROGRAMS, Found, kept


def test_every_program_has_a_count_for_every_kernel_and_keeps_the_limit() -> None:
    counts = kept()
    assert set(counts) == set(PROGRAMS)
    for name, row in counts.items():
        assert set(row) == set(SUITES)
        for series, count in row.items():
            assert not Found(name, series, count, count).complaint()


@pytest.mark.parametrize(
    ("steps", "count", "said"),
    [
        (1050, 1000, ""),
        (950, 1000, ""),
        (1051, 1000, "+5% of the 1,000 that are kept"),
        (400, 1000, "-60% of the 1,000 that are kept"),
        (1000, None, "none are kept"),
        (20_001, 20_001, "20,000 at most are wanted"),
    ],
)
def test_a_count_that_is_another_is_told_with_the_remedy(steps: int, count: int | None, said: str) -> None:
    complaint = Found("telegen_if", "6.1", steps, count).complaint()
    assert said in complaint
    assert bool(complaint) == bool(said)
    if said:
        assert complaint.startswith("telegen_if on 6.1: ")
        assert "verifier.json" in complaint or "verifier.py" in complaint
