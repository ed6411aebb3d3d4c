"""Decisions: one file each, numbered without gap or twin, the title with the file's number."""

from __future__ import annotations

from pathlib import Path

FILES = sorted((Path(__file__).parents[2] / "docs" / "adr").glob("[0-9]*.md"))


def test_each_decision_has_a_number_of_its_own() -> None:
    numbers = [int(path.name[:4]) for path in FILES]
    assert numbers == list(range(1, len(FILES) + 1))
    assert [int(path.read_text().removeprefix("# ").partition(".")[0]) for path in FILES] == numbers
