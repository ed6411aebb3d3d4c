"""Kernel and reference agree on every frame that Hypothesis can think of: class, packets, bytes, sizes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support import frames as f
from tests.support.anyframe import LONGEST, built, frames, gso_segs, gso_sizes, taken_by_a_test_run
from tests.support.bpfobj import Classifier
from tests.support.objects import PLAIN_OBJECT
from tests.support.patience import examples
from tests.support.reference import dissect, expected


@pytest.fixture(scope="module", params=[None, PLAIN_OBJECT], ids=["usual", "without perfmon"])
def classifier(request: pytest.FixtureRequest) -> Iterator[Classifier]:
    with Classifier(request.param) as loaded:
        yield loaded


@settings(max_examples=examples(2000), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frames.filter(taken_by_a_test_run), gso_sizes, gso_segs)
@example(f.ether(f.IPV4, b"", [(f.DOT1Q, 1)] * 4), 1, 0)
@example(f.ether(f.IPV6, f.ipv6(f.ICMPV6, f.icmpv6(), [f.options(units=255)])), 9, 0)
def test_kernel_and_reference_agree(classifier: Classifier, frame: bytes, size: int, segs: int) -> None:
    assert classifier.run(frame, size, segs) == expected(frame, gso_size=size, gso_segs=segs)


@settings(max_examples=examples(500), deadline=None)
@given(built.map(lambda frame: frame[:LONGEST]).filter(taken_by_a_test_run), gso_sizes, st.data())
def test_exact_segment_count_changes_nothing(
    classifier: Classifier, frame: bytes, size: int, data: st.DataObject
) -> None:
    """gso_segs 0 (a tap's or virtio's sender) counts as the true number would."""
    payload = len(frame) - dissect(frame).length
    true = max(1, -(-payload // size)) if size else data.draw(gso_segs)
    assert classifier.run(frame, size, 0) == classifier.run(frame, size, true)
