"""``Compiled``: the interface programs compiled on the box from the packaged source; the loader takes it as an object.

An instruction that names a map holds the map's number here until ``load`` puts a descriptor there. Maps are made by the
layout, which the compiled code tells in instructions that are never loaded (``bpf/bcc.h``).
"""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path
from types import TracebackType
from typing import Self

from sonic_telegen.kernel import compiler, libbpf, tables
from sonic_telegen.kernel.ebpf import ALU64, INSTRUCTION, MOV, K, put_descriptors
from sonic_telegen.kernel.failure import kernel_error
from sonic_telegen.kernel.layout import SIZE as LAYOUT_SIZE
from sonic_telegen.kernel.layout import Layout
from sonic_telegen.kernel.pins import IF_STATS, PROGRAMS, PUNT, STATS

SOURCE = "telegen.bpf.c"
_NUMBERS = {STATS: 1, IF_STATS: 2, PUNT: 3}  # of maps, in the instructions


def compile_interface(source: Path | None = None) -> compiler.Code:
    """Compile the packaged source, or another, in a child process; raises ``KernelError``."""
    path = source or compiler.packaged(SOURCE)
    numbers = [f"-DTG_FD_{name}={number}" for name, number in _NUMBERS.items()]
    return compiler.compiled(path, [f"-I{path.parent}", "-DTG_BCC", *numbers])


class Compiled:
    """Use as a context manager. Descriptors it hands out are its own: ``os.dup`` one that has to outlive it."""

    def __init__(self, path: str, code: compiler.Code) -> None:
        self.path, self._code = path, code
        self._layout = Layout.parse(self.rodata("layout"), f"layout in {path}")
        self._maps: dict[str, int] = {}
        self._programs: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close every descriptor; what is pinned or attached stays in the kernel."""
        for fd in (*self._maps.values(), *self._programs.values()):
            os.close(fd)
        self._maps, self._programs = {}, {}

    def rodata(self, variable: str) -> bytes:
        """The layout, which is the only constant."""
        lines = INSTRUCTION.iter_unpack(self._function(f"tg_{variable}"))
        words = [line[3] for line in lines if line[:2] == (ALU64 | MOV | K, 0)]
        return struct.pack(f"={len(words)}I", *words).ljust(LAYOUT_SIZE, b"\0")

    def reuse(self, map_name: str, fd: int) -> None:
        """Let the programs use an existing map instead of a new one (before ``load``); ``fd`` stays the caller's."""
        self._maps[map_name] = os.dup(fd)

    def load(self) -> None:
        """Create the maps that are not reused and load the programs; once. Raises ``VerifierRejected``."""
        for name in _NUMBERS.keys() - self._maps.keys():
            self._maps[name] = tables.make(name, self._layout)
        fds = {number: self._maps[name] for name, number in _NUMBERS.items()}
        for name in PROGRAMS.values():
            self._programs[name] = libbpf.prog_load(put_descriptors(self._function(name), fds), name)[0]

    def prog_fd(self, name: str) -> int:
        """Descriptor of a loaded program; the object's own."""
        return self._programs[name]

    def map_fd(self, name: str) -> int:
        """Descriptor of a map; the object's own."""
        return self._maps[name]

    def _function(self, name: str) -> bytes:
        if name not in self._code.functions:
            raise kernel_error("find function", f"{name} in {self.path}", errno.ENOENT, problem="it has none")
        return self._code.functions[name]
