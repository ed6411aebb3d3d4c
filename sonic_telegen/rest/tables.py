"""The tables for the asyncio loop: each call in a thread, a few at a time, on connections that are used again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sonic_telegen.db.rows import Rows
from sonic_telegen.errors import StoreError
from sonic_telegen.thread import in_thread

T = TypeVar("T")

AT_ONCE = 4
WAIT_SEC = 5.0  # for one of these places; Redis that hangs must not pile up requests


class Tables:
    """``await tables.ask(lambda rows: rows.jobs())``; raises StoreError."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self._places = asyncio.Semaphore(AT_ONCE)
        self._idle: list[Rows] = []

    async def ask(self, function: Callable[[Rows], T]) -> T:
        """What ``function`` returns; it is called in a thread and goes on there when the caller is cancelled."""
        try:
            async with asyncio.timeout(WAIT_SEC):
                await self._places.acquire()
        except TimeoutError:
            raise StoreError("wait", "Redis", f"no answer for {WAIT_SEC:g} s") from None
        rows = self._idle.pop() if self._idle else Rows(self._config)

        def call() -> T:
            rows.check()
            return function(rows)

        done = in_thread("rest", call)
        done.add_done_callback(lambda _: self._release(rows))
        return await asyncio.shield(done)

    def _release(self, rows: Rows) -> None:
        self._places.release()
        self._idle.append(rows)
