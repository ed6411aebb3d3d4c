"""Guests start as soon as it is known that their tests will run, and are gone when the session is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.matrix.guests import Guests

_STARTED = pytest.StashKey[Guests]()


def pytest_collection_finish(session: pytest.Session) -> None:
    here = Path(__file__).parent
    wanted = any(item.path.parent == here for item in session.items)
    if wanted and os.geteuid() == 0 and not session.config.option.collectonly:
        session.stash[_STARTED] = Guests()


def pytest_sessionfinish(session: pytest.Session) -> None:
    if (started := session.stash.get(_STARTED, None)) is not None:
        started.stop()


@pytest.fixture(scope="session")
def guests(request: pytest.FixtureRequest) -> Guests:
    """The kernel matrix, running since the collection."""
    return request.session.stash[_STARTED]
