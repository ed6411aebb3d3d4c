"""``Code``: what the loader needs of programs and maps that are not in the kernel yet, however they came about."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self


class Code(Protocol):
    """An ELF file (``libbpf_object.Object``), or what was compiled on the box (``compiled.Compiled``)."""

    path: str

    def __enter__(self) -> Self:
        """It is closed at the end."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...

    def rodata(self, variable: str) -> bytes:
        """The value of a constant."""
        ...

    def reuse(self, map_name: str, fd: int) -> None:
        """An existing map instead of a new one."""
        ...

    def load(self) -> None:
        """Into the kernel."""
        ...

    def prog_fd(self, name: str) -> int:
        """Descriptor of a loaded program, not the caller's."""
        ...

    def map_fd(self, name: str) -> int:
        """Descriptor of a map, not the caller's."""
        ...
