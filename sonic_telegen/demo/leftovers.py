"""What a demo could leave on the machine: found by name, and swept when the one who made it was killed.

A demo's namespaces and its temporary directory, in which its BPF file system is mounted, all begin with
``telegen-demo-<pid>``.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sonic_telegen.demo.bpffs import unmount
from sonic_telegen.demo.namespace import RUN, remove_namespace

PREFIX = "telegen-demo-"
BPFFS = "bpf"  # folder in the temporary directory


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
    for place in (RUN, Path(tempfile.gettempdir())):
        if place.is_dir():
            yield from place.glob(f"{PREFIX}*")


def _remove(path: Path) -> None:
    if path.parent == RUN:
        remove_namespace(path.name)
    else:
        if (path / BPFFS).is_mount():
            unmount(path / BPFFS)
        shutil.rmtree(path, ignore_errors=True)
