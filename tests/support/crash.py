"""kill -9 at every system call that changes something, without a process to kill.

``Crash`` is raised right after the n-th call has been done, and by every later one instead of doing it: what a dead
process leaves is exactly the calls before.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from sonic_telegen.kernel import libbpf

_CHANGING: tuple[tuple[Any, str], ...] = (
    (libbpf, "update"),
    (libbpf, "delete"),
    (libbpf, "obj_pin"),
    (os, "rename"),
    (os, "unlink"),
    (os, "mkdir"),
    (os, "rmdir"),
)


class Crash(BaseException):
    """Not an ``Exception``: nothing that handles errors may survive it."""


class Calls:
    """How many changing calls were made; ``last`` names the latest."""

    def __init__(self, limit: int | None) -> None:
        self.limit, self.count, self.last = limit, 0, ""

    def made(self, name: str) -> None:
        """Count a call; die when it was the last one allowed."""
        self.count, self.last = self.count + 1, name
        if self.count == self.limit:
            raise Crash(f"after {name}, call {self.count}")

    @property
    def dead(self) -> bool:
        """Whether the limit was reached."""
        return self.limit is not None and self.count >= self.limit


@contextmanager
def crashing(limit: int | None, after: Callable[[], None] = lambda: None) -> Iterator[Calls]:
    """Let ``limit`` changing calls pass (None: all) and call ``after`` behind each: the world goes on meanwhile."""
    calls = Calls(limit)

    def wrapped(function: Callable[..., Any], name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if calls.dead:
                raise Crash(f"{name} after death")
            result = function(*arguments, **named)
            after()
            calls.made(name)
            return result

        return call

    with pytest.MonkeyPatch.context() as patch:
        for module, name in _CHANGING:
            patch.setattr(module, name, wrapped(getattr(module, name), name))
        yield calls
