"""What build this is: the version number, and tag, commit and date as ``make build`` noted them in ``build.json``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

VERSION = "0.1.0"
BUILD_FILE = Path(__file__).with_name("build.json")


@dataclass(frozen=True, slots=True)
class Build:
    """``version`` is ``release/mark-vX-Y-Z`` in a tag build, else ``dev``; ``date`` is UTC."""

    version: str = "dev"
    commit: str = "unknown"
    date: str = "unknown"

    def __str__(self) -> str:
        return f"sonic-telegen {VERSION} ({self.version}, commit {self.commit}, built {self.date})"


def build(path: Path = BUILD_FILE) -> Build:
    """The note of the build; a source tree that was never built has none."""
    try:
        noted = json.loads(path.read_text())
        return Build(str(noted["version"]), str(noted["commit"]), str(noted["date"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Build()
