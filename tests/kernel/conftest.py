"""What every kernel test leaves as it was (the CPUs we may use); a cable with a classifier at both ends."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support.bpfobj import Classifier
from tests.support.cable import EGRESS, IN, INGRESS, OUT, Cable


@pytest.fixture(autouse=True)
def same_cpus() -> Iterator[None]:
    """A test may keep itself on one CPU; the next begins with all."""
    before = os.sched_getaffinity(0)
    yield
    os.sched_setaffinity(0, before)


@pytest.fixture
def cable(classifier: Classifier) -> Iterator[Cable]:
    """The module's ``classifier`` where frames leave ``left`` (slot OUT) and where they reach ``right`` (slot IN)."""
    with Cable(mtu=9000) as made:
        made.attach("left", EGRESS, classifier.fd, OUT)
        made.attach("right", INGRESS, classifier.fd, IN)
        yield made
