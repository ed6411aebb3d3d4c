"""A cable with a classifier at both ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.bpfobj import Classifier
from tests.support.cable import EGRESS, IN, INGRESS, OUT, Cable


@pytest.fixture
def cable(classifier: Classifier) -> Iterator[Cable]:
    """The module's ``classifier`` where frames leave ``left`` (slot OUT) and where they reach ``right`` (slot IN)."""
    with Cable(mtu=9000) as made:
        made.attach("left", EGRESS, classifier.fd, OUT)
        made.attach("right", INGRESS, classifier.fd, IN)
        yield made
