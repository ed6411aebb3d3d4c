"""One browser for each module: Playwright occupies the thread's event loop as long as it runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.box import Box
from tests.support.web import chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def box(scene: tuple[Box, str]) -> Iterator[Box]:
    """The module's box, without jobs before and after."""
    yield scene[0]
    for key in scene[0].config.scan_iter("TELEGEN*"):
        scene[0].config.delete(key)


@pytest.fixture
def address(scene: tuple[Box, str]) -> str:
    """Where the module's agent is reached."""
    return scene[1]
