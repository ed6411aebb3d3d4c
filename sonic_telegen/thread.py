"""Work in threads of its own for the asyncio loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar, cast

T = TypeVar("T")


def in_thread(name: str, function: Callable[[], T]) -> asyncio.Future[T]:
    """Run ``function`` in a daemon thread of its own: one that hangs in a system call cannot keep the process."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def finish(result: T | None, problem: BaseException | None) -> None:
        if future.done():
            return
        if problem is None:
            future.set_result(cast("T", result))
        else:
            future.set_exception(problem)

    def body() -> None:
        result: T | None = None
        problem: BaseException | None = None
        try:
            result = function()
        except BaseException as caught:
            problem = caught
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(finish, result, problem)

    threading.Thread(target=body, name=name, daemon=True).start()
    return future
