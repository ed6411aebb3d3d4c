"""What every kernel test leaves as it was: the CPUs that this process may use."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def same_cpus() -> Iterator[None]:
    """A test may keep itself on one CPU; the next begins with all."""
    before = os.sched_getaffinity(0)
    yield
    os.sched_setaffinity(0, before)
