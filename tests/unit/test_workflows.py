"""The workflows call make targets that exist and nothing else, and take no action by a name that can move."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def targets() -> set[str]:
    """Of the Makefile and what it includes."""
    text = (ROOT / "Makefile").read_text()
    included = re.findall(r"^-include (\S+)", text, re.MULTILINE)
    return set(re.findall(r"^([a-z-]+):", "\n".join([text, *((ROOT / name).read_text() for name in included)]), re.M))


def test_there_is_one_for_build_test_audit_and_release() -> None:
    assert {path.stem for path in WORKFLOWS} == {"audit", "build", "release", "test"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_steps_are_make_targets(path: Path) -> None:
    steps = re.findall(r"^\s+- run: (.+)$", path.read_text(), re.MULTILINE)
    assert steps
    known = targets()
    for step in steps:
        words = step.split()
        assert words[0] == "make", step
        assert words[1] in known, step
    blocks = set(re.findall(r"^\s+run: \|\n((?:\s+(?:apt-get|git config) .*\n)+)", path.read_text(), re.MULTILINE))
    assert len(re.findall(r"run: \|", path.read_text())) == 0 or len(blocks) == 1, "what brings git and make"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_to_a_commit(path: Path) -> None:
    used = re.findall(r"uses: (\S+)(.*)", path.read_text())
    assert used
    for action, comment in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), f"{action}: which version is it?"
