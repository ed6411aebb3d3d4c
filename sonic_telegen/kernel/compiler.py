"""``compiled``: C source to bare instructions by bcc, in a child process that ends before anything is loaded.

bcc brings clang and LLVM, 225 MB on disk and 120 MB in memory: the child has them, the caller never does. It hands the
instructions back rather than pinning programs itself, so that it needs no capability, and so that they can be looked at
before the kernel sees them (``docs/adr/0009-compiled-on-the-box.md``).
"""

from __future__ import annotations

import errno
import json
import os
import platform
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sonic_telegen.errors import KernelError
from sonic_telegen.kernel.ebpf import put_descriptors
from sonic_telegen.kernel.failure import ENOTSUPP, kernel_error, os_error

PYTHON = "/usr/bin/python3"  # Debian's package of bcc is for Debian's Python
INSTALL = "apt install python3-bpfcc"
TIMEOUT_SEC = 100.0  # measured: 0.9 s; with the minute between two passes still below the watchdog's 180 s
CHILD = Path(__file__).with_name("bcc_child.py")
_WORDS = 2000  # of clang's that are told
_NO_BCC, _NOT_COMPILED = 3, 4  # as bcc_child.py says


@dataclass(frozen=True, slots=True)
class Table:
    """A map that the program declared; ``key`` and ``leaf`` describe its types in bcc's words."""

    name: str
    fd: int
    key: Any
    leaf: Any


@dataclass(frozen=True, slots=True)
class Code:
    """Instructions by function; descriptors of tables are the caller's to close."""

    functions: Mapping[str, bytes]
    tables: tuple[Table, ...] = ()


def packaged(name: str) -> Path:
    """Source and headers of this build: beside the package when installed, else in the source tree."""
    beside = Path(__file__).parents[1] / "bpf" / name
    if beside.exists():
        return beside
    root = Path(__file__).parents[2]
    return root / "build" / name if name == HEADERS else root / "bpf" / name


HEADERS = "bcc"


def compiled(source: Path, flags: Sequence[str] = (), tables: bool = False, kernel_headers: bool = False) -> Code:
    """Compile a file. ``tables``: it declares maps, which are made (and need CAP_BPF).

    With ``kernel_headers`` the running kernel's own are used, else those of this build, which need none installed.
    Raises ``NotSupported`` without bcc or headers, ``KernelError`` with clang's words.
    """
    if not os.access(source, os.R_OK):
        code = errno.EACCES if source.exists() else errno.ENOENT
        raise kernel_error("compile", str(source), code, "name a C file that can be read")
    headers = _kernel_headers(source) if kernel_headers else packaged(HEADERS)
    if not headers.is_dir():
        remedy = "install the package again, or `make build`"
        raise kernel_error("compile", str(source), ENOTSUPP, remedy, f"the headers in {headers} are missing")
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    if not kernel_headers:
        environment["BCC_KERNEL_SOURCE"] = str(headers)
    asked: dict[str, Any] = {"source": str(source), "flags": list(flags)}
    ours, theirs = socket.socketpair() if tables else (None, None)
    try:
        if theirs is not None:
            asked["socket"] = theirs.fileno()
        said = _run(source, asked, environment, () if theirs is None else (theirs.fileno(),))
        told = said["tables"]
        fds = _received(ours, len(told)) if ours is not None else [-1] * len(told)
    finally:
        for end in (ours, theirs):
            if end is not None:
                end.close()
    made = tuple(Table(row["name"], fd, row["key"], row["leaf"]) for row, fd in zip(told, fds, strict=True))
    functions = {name: bytes.fromhex(code) for name, code in said["functions"].items()}
    if tables:  # the child's descriptors are others than ours
        ours_for = {row["fd"]: table.fd for row, table in zip(told, made, strict=True)}
        functions = {name: put_descriptors(code, ours_for) for name, code in functions.items()}
    return Code(functions, made)


def _run(source: Path, asked: Mapping[str, Any], environment: dict[str, str], keep: Sequence[int]) -> Any:
    import subprocess  # here: nobody else needs it

    command = [PYTHON, "-I", str(CHILD), *(["tables"] if keep else [])]
    try:
        done = subprocess.run(
            command,
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env=environment,
            cwd="/",
            pass_fds=keep,
            timeout=TIMEOUT_SEC,
        )
    except subprocess.TimeoutExpired:
        problem = f"bcc did not end within {TIMEOUT_SEC:g} s"
        raise kernel_error("compile", str(source), errno.ETIMEDOUT, problem=problem) from None
    except OSError as problem:
        raise os_error("compile", str(source), problem) from problem
    if done.returncode == _NO_BCC:
        raise kernel_error("compile", str(source), ENOTSUPP, INSTALL, f"bcc is not installed ({done.stderr.strip()})")
    if done.returncode:
        raise _not_compiled(source, done.stderr.strip())
    return json.loads(done.stdout)


def _not_compiled(source: Path, words: str) -> KernelError:
    """With clang's words, the file by its own name."""
    words = words.replace("/virtual/main.c", source.name)
    lines = [line for line in words.splitlines() if not line.startswith("Failed to compile BPF module")]
    told = "\n".join(lines)[:_WORDS] or "bcc gave no reason"
    remedy = ""
    if "file not found" in told:
        remedy = f"for headers of the kernel itself: apt install linux-headers-{platform.release()}, --kernel-headers"
    return KernelError("compile", str(source), errno.EINVAL, told, remedy)


def _kernel_headers(source: Path) -> Path:
    """Those of the running kernel, where its package puts them."""
    found = Path(f"/lib/modules/{platform.release()}/build")
    if not found.exists():
        remedy = f"apt install linux-headers-{platform.release()}"
        raise kernel_error("compile", str(source), ENOTSUPP, remedy, f"the kernel's headers are not at {found}")
    return found


def _received(way: socket.socket, count: int) -> list[int]:
    fds: list[int] = []
    while len(fds) < count:
        _, more, _, _ = socket.recv_fds(way, 1, count)
        if not more:
            break
        fds += more
    return fds
