"""That these tests run on the click they were started for."""

from __future__ import annotations

import os

import click


def test_click_is_the_version_that_was_asked_for() -> None:
    assert click.__version__.startswith(os.environ.get("TELEGEN_TEST_CLICK", "8.1."))
