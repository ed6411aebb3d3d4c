"""BPF objects built for a test, and a BPF file system of its own to pin in."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
TELEGEN = "bpf/telegen.bpf.c"


@functools.cache
def _folder() -> Path:
    made = Path(tempfile.mkdtemp(prefix=f"telegen-objects-{os.getpid()}-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


@functools.cache
def _flags() -> tuple[str, ...]:
    asked = ["make", "-s", "--no-print-directory", "print-bpf-cflags"]
    return tuple(subprocess.run(asked, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split())


@functools.cache
def telegen_object(**defines: int) -> Path:
    """The interface program built with ``TG_LAYOUT_VERSION`` and the like on the command line."""
    name = "-".join(f"{key}-{value}" for key, value in sorted(defines.items())) or "plain"
    return compiled(ROOT / TELEGEN, name, tuple(f"-D{key}={value}" for key, value in defines.items()))


@functools.cache
def source_object(text: str, name: str) -> Path:
    """A BPF object from C source."""
    path = _folder() / f"{name}.bpf.c"
    path.write_text(text)
    return compiled(path, name)


def compiled(source: Path, name: str, more: tuple[str, ...] = ()) -> Path:
    """Compile one file with the flags of the Makefile."""
    target = _folder() / f"{name}.o"
    command = [os.environ.get("CLANG", "clang"), *_flags(), *more, "-c", str(source), "-o", str(target)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return target


@contextmanager
def bpffs() -> Iterator[Path]:
    """A mounted BPF file system, gone with its pins at the end."""
    place = Path(tempfile.mkdtemp(prefix=f"telegen-bpffs-{os.getpid()}-"))
    subprocess.run(["mount", "-t", "bpf", "bpf", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
        place.rmdir()


def open_fds() -> set[str]:
    """This process's descriptors, each with what it is."""
    found = set()
    for fd in Path("/proc/self/fd").iterdir():
        try:
            found.add(f"{fd.name} {fd.readlink()}")
        except FileNotFoundError:  # the listing's own
            continue
    return found
