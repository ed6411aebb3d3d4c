"""Copies of our files in folders of others: whole or not at all, and never over a stranger's."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

MARK = b"sonic-telegen"  # every file that we place tells whose it is


class Problem(Exception):
    """What cannot be done, for an operator."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One of our files, and where it goes."""

    source: Path
    target: Path
    mode: int = 0o644

    def place(self) -> None:
        """Copy it there; Problem when a stranger's file has the name, or there is no room."""
        self._need_ours()
        fresh = self.target.with_name(f".{self.target.name}.new")
        try:
            fresh.write_bytes(self.source.read_bytes())
            fresh.chmod(self.mode)
            fresh.replace(self.target)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise Problem(f"{self.target} cannot be written: {error.strerror}") from None
        _forget_compiled(self.target)

    def remove(self) -> None:
        """Remove the copy; a stranger's file of the name stays."""
        if self.target.exists() and _ours(self.target):
            self.target.unlink()
        _forget_compiled(self.target)

    def _need_ours(self) -> None:
        if os.path.lexists(self.target) and not _ours(self.target):
            raise Problem(f"{self.target} is there and not ours; move it away, then: dpkg --configure sonic-telegen")


def _ours(path: Path) -> bool:
    return path.is_file() and (MARK in (content := path.read_bytes()) or b"sonic_telegen" in content)


def _forget_compiled(path: Path) -> None:
    """A byte-compiled copy of the file before: Python compares no more than seconds and size."""
    if path.suffix == ".py":
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            compiled.unlink(missing_ok=True)
