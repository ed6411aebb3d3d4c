"""What a demo could leave on the machine: found by name, and swept when the one who made it was killed.

A demo's namespaces, pins and temporary directory all begin with ``telegen-demo-<pid>``.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sonic_telegen.demo.namespace import RUN, remove_namespace

PREFIX = "telegen-demo-"
BPFFS = Path("/sys/fs/bpf")


def sweep() -> None:
    """Remove what demos left whose process is gone; their children died with them."""
    for path in _all():
        number = re.match(rf"{PREFIX}(\d+)", path.name)
        if number and not Path(f"/proc/{number[1]}").exists():
            _remove(path)


def of(name: str) -> list[str]:
    """What is left of the demo of this name, as sentences."""
    return [f"left behind: {path}" for path in _all() if re.match(rf"{re.escape(name)}(?!\d)", path.name)]


def _all() -> Iterator[Path]:
    for place in (RUN, BPFFS, Path(tempfile.gettempdir())):
        if place.is_dir():
            yield from place.glob(f"{PREFIX}*")


def _remove(path: Path) -> None:
    if path.parent == RUN:
        remove_namespace(path.name)
    else:
        shutil.rmtree(path, ignore_errors=True)
