"""BPF objects built for a test, and a BPF file system of its own to pin in."""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLAIN_OBJECT = ROOT / "build" / "telegen_plain.bpf.o"  # the build for who has no CAP_PERFMON
TELEGEN, TELEGEN_JOB = "bpf/telegen.bpf.c", "bpf/telegen_job.bpf.c"


@functools.cache
def _flags() -> tuple[str, ...]:
    asked = ["make", "-s", "--no-print-directory", "print-bpf-cflags"]
    return tuple(subprocess.run(asked, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split())


@functools.cache
def telegen_object(**defines: int) -> Path:
    """The interface program built with ``TG_LAYOUT_VERSION`` and the like on the command line."""
    return _built(TELEGEN, "plain", defines)


@functools.cache
def job_object(**defines: int) -> Path:
    """The program of a job, built likewise."""
    return _built(TELEGEN_JOB, "job", defines)


def _built(source: str, plain: str, defines: dict[str, int]) -> Path:
    name = "-".join(f"{key}-{value}" for key, value in sorted(defines.items())) or plain
    return compiled((ROOT / source).read_text(), name, tuple(f"-D{key}={value}" for key, value in defines.items()))


@functools.cache
def source_object(text: str, name: str) -> Path:
    """A BPF object from C source, named ``<name>.o``."""
    return compiled(text, name)


def compiled(source: str, name: str, more: tuple[str, ...] = ()) -> Path:
    """Compile with the flags of the Makefile.

    The object is kept under build/ by the hash of what it is made from: a next run finds it, a parallel one too.
    """
    headers = b"".join(path.read_bytes() for path in sorted(ROOT.glob("bpf/*.h")))
    command = [os.environ.get("CLANG", "clang"), *_flags(), *more, "-x", "c", "-c", "-"]
    made_from = hashlib.sha256(repr((command, source, name)).encode() + headers).hexdigest()[:16]
    target = ROOT / "build" / "objects" / made_from / f"{name}.o"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        mine = target.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        done = subprocess.run(
            [*command, "-o", str(mine)], cwd=ROOT, input=source, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        mine.replace(target)
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
