"""REST beside the agent; part of the composition root. What goes wrong there is told and never ends the agent."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from sonic_telegen.kernel import pcap
from sonic_telegen.log import fields, log
from sonic_telegen.model.captured import CaptureFile
from sonic_telegen.reconcile.loop import RESYNC_SEC
from sonic_telegen.rest.hooks import Hooks
from sonic_telegen.settings import Environment, Settings
from sonic_telegen.version import Build
from sonic_telegen.worker import Worker

if TYPE_CHECKING:
    from sonic_telegen.rest.facade import Facade

AGAIN_SEC = 30.0  # until a facade that failed is made anew
LATELY_SEC = RESYNC_SEC + 30.0  # a pass comes at least once in RESYNC_SEC


class Front:
    """Runs the facade where an address is wanted; aiohttp (16 MB) is imported only then.

    ``listen`` and ``error`` are for ``TELEGEN_TABLE|GLOBAL``; read from any thread.
    """

    def __init__(
        self,
        where: Environment,
        worker: Worker,
        settings: Callable[[Mapping[str, str]], Settings],
        build: Build,
        capture: Callable[[str], CaptureFile | None],
    ) -> None:
        self._where, self._worker = where, worker
        self._hooks = Hooks(settings, asdict(build), self.unhealthy, self.unready, self._changed, capture, pcap.check)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._facade: Facade | None = None
        self.listen = self.error = ""

    async def run(self) -> None:
        """Serve until cancelled; returns at once when no address is wanted."""
        if not self._where.listen:
            return
        self._loop = asyncio.get_running_loop()
        while True:
            try:
                from sonic_telegen.rest.facade import Facade

                self._facade = Facade(self._where, self._hooks)
                await self._facade.run()
            except ImportError as problem:
                self._failed(f"{problem}; install it, or set TELEGEN_LISTEN to nothing", problem)
                return
            except Exception as problem:
                self._failed(f"REST failed: {problem!r}", problem)
                await asyncio.sleep(AGAIN_SEC)

    def published(self) -> None:
        """The tables tell something new; from any thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._pass_on)

    def reload(self) -> None:
        """Read the certificates again; from the loop's thread."""
        if self._facade is not None:
            self._facade.reload()

    def _pass_on(self) -> None:
        if self._facade is not None:
            self._facade.published()

    def _failed(self, text: str, problem: Exception) -> None:
        if text != self.error:
            log.error("REST is off", extra=fields(problem=text), exc_info=problem)
        self._facade, self.listen, self.error = None, "", text
        self._worker.look_again()

    def _changed(self) -> None:
        if self._facade is not None:
            self.listen, self.error = ",".join(self._facade.listen), "; ".join(self._facade.errors)
            self._worker.look_again()

    def unhealthy(self) -> str:
        """What is wrong with the passes, empty when nothing is."""
        finished = self._worker.stats.finished
        if not finished:
            return "no pass finished yet"
        age = time.monotonic() - finished
        return f"no pass finished for {age:.0f} s; the agent's log says why" if age > LATELY_SEC else ""

    def unready(self) -> str:
        """What could not be read, empty when all could."""
        last = self._worker.last
        if last is None or self._worker.problem:
            return self._worker.problem or "no pass finished yet"
        return last.failures[0] if last.state is None and last.failures else ""
