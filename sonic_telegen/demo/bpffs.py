"""A BPF file system of a demo's own: pins in it are nobody else's, and a machine that has none mounted will do."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def mounted(place: Path) -> Iterator[Path]:
    """Mounted at ``place``, a directory that is made, while the block lasts; RuntimeError when it cannot be."""
    place.mkdir()
    done = subprocess.run(["mount", "-t", "bpf", "bpf", str(place)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"mount a BPF file system at {place}: {done.stderr.strip()}")
    try:
        yield place
    finally:
        unmount(place)


def unmount(place: Path) -> None:
    """Unmount; pins go with it, as no other mount shows them. Lazily: somebody may look into it just now."""
    subprocess.run(["umount", "--lazy", str(place)], stderr=subprocess.DEVNULL, check=False)
