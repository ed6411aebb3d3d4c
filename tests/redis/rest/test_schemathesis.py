"""Schemathesis against the living facade: what its document says is what it does, and nothing breaks it."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.support.rest import ENV, Served, schemathesis


def test_schemathesis_finds_nothing_with_all_its_checks(rest: Served, tmp_path: Path) -> None:
    """Streams never end by themselves, so all of them are ended again and again meanwhile."""
    rest.env.update(ENV, TELEGEN_MAX_JOBS="512")
    over = threading.Event()

    def end_streams() -> None:
        while not over.wait(0.05):
            rest.call(rest.facade.end_streams)

    ender = threading.Thread(target=end_streams)
    ender.start()
    try:
        done = schemathesis(f"http://127.0.0.1:{rest.port}/openapi.json", tmp_path, "--max-examples", "40")
    finally:
        over.set()
        ender.join()
    assert done.returncode == 0, done.stdout[-8000:]
    assert "14 selected / 14 total" in done.stdout  # all but the document itself
