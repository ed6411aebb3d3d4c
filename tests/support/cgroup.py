"""A control group of memory, of whichever version the machine has, for a process that is to have little."""

from __future__ import annotations

import contextlib
import os
from types import TracebackType
from typing import Self

import pytest

from sonic_telegen.kernel.machine import CGROUPS, MOUNTED
from tests.support.net import until


class MemoryGroup:
    """At most ``limit`` bytes for whom it holds; there inside ``with``, by when its processes must have ended."""

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def __enter__(self) -> Self:
        groups = [line.split(":", 2) for line in CGROUPS.read_text().splitlines()]
        one = next((path for _, controllers, path in groups if "memory" in controllers.split(",")), None)
        name = f"telegen-test-{os.getpid()}"
        self._folder = MOUNTED / name if one is None else MOUNTED / "memory" / one.lstrip("/") / name
        try:
            if one is None and "memory" not in (MOUNTED / "cgroup.subtree_control").read_text():
                (MOUNTED / "cgroup.subtree_control").write_text("+memory")
            self._folder.mkdir()
        except OSError as problem:
            pytest.skip(f"machine: no control group of memory can be made: {problem}")
        self._two = one is None
        (self._folder / ("memory.max" if self._two else "memory.limit_in_bytes")).write_text(str(self._limit))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        until(self._removed)

    def _removed(self) -> bool:
        with contextlib.suppress(OSError):
            self._folder.rmdir()
        return not self._folder.exists()

    def add(self, pid: int) -> None:
        """Let the process be in the group; what it allocates from now on counts."""
        (self._folder / "cgroup.procs").write_text(str(pid))

    def _stat(self) -> dict[str, int]:
        return {n: int(v) for n, v in map(str.split, (self._folder / "memory.stat").read_text().splitlines())}

    def kernel_bytes(self) -> int:
        """What the kernel itself holds for the group, maps among it."""
        used = int((self._folder / ("memory.current" if self._two else "memory.usage_in_bytes")).read_text())
        names = ("anon", "file") if self._two else ("rss", "cache")
        return used - sum(self._stat()[name] for name in names)

    def killed(self) -> int:
        """How often somebody in it was killed for its memory."""
        text = (self._folder / ("memory.events" if self._two else "memory.oom_control")).read_text()
        return {n: int(v) for n, v in map(str.split, text.splitlines())}["oom_kill"]
