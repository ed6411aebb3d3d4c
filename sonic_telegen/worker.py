"""The one thread that runs passes and reports: the only writer of STATE_DB.

It wakes when something may have changed (dirty), when a new reading of the counters is there, or when the last pass
asked to be repeated. Redis that cannot be reached costs a bounded backoff and changes nothing in the kernel.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from sonic_telegen.errors import KernelError, StoreError
from sonic_telegen.log import fields, log
from sonic_telegen.model.sample import Sample
from sonic_telegen.reconcile.loop import Loop, PassResult

FIRST_BACKOFF_SEC, LAST_BACKOFF_SEC = 0.2, 5.0


@dataclass
class PassStats:
    """What telemetry says of the passes; written by the worker alone."""

    passes: int = 0
    pass_seconds: float = 0.0
    finished: float = 0.0  # when the last pass ended, of time.monotonic
    actions: Counter[tuple[str, str]] = field(default_factory=Counter)


class Worker:
    """Runs ``loop`` whenever ``look_again`` was called, and ``publish`` for every result or new sample."""

    def __init__(
        self,
        loop: Loop,
        publish: Callable[[PassResult, Sample | None], None],
        turned: Callable[[str], None] = lambda problem: None,
        hold: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """``turned`` hears of every pass and report, with what could not be read.

        The first pass waits until ``hold``, which says when to ask again, says 0.
        """
        self._loop, self._publish, self._turned, self._hold = loop, publish, turned, hold
        self._wake = threading.Condition()
        self._dirty, self._kernel_dirty, self._stopping = True, False, False
        self._last: PassResult | None = None
        self.stats = PassStats()
        self.problem = ""  # why the last pass could not read what it needs
        self._sample: Sample | None = None

    @property
    def last(self) -> PassResult | None:
        """What the last pass found."""
        return self._last

    def look_again(self) -> None:
        """Rows or settings may have changed; cheap, from any thread."""
        with self._wake:
            self._dirty = True
            self._wake.notify()

    def kernel_changed(self) -> None:
        """Netdevs, qdiscs or filters may have changed; cheap, from any thread."""
        with self._wake:
            self._kernel_dirty = True
            self._wake.notify()

    def about_to_look(self) -> None:
        """The kernel is looked at next: what it told so far, our own changes among it, is part of that look."""
        with self._wake:
            self._kernel_dirty = False

    def counted(self, sample: Sample) -> None:
        """A new reading of the counters waits to be told; from the collector thread."""
        with self._wake:
            self._sample = sample
            self._wake.notify()

    def stop(self) -> None:
        """End ``run`` after the action at hand."""
        with self._wake:
            self._stopping = True
            self._wake.notify()

    def run(self) -> None:
        """Until ``stop``; an error that is neither a StoreError nor a KernelError ends it, and with it the agent."""
        due, backoff = time.monotonic(), FIRST_BACKOFF_SEC
        held = False  # the last pass could not read: wait for the backoff even when dirty
        while True:
            with self._wake:
                ready = self._stop_only if held else self._ready
                self._wake.wait_for(ready, max(0.0, due - time.monotonic()))
                if self._stopping:
                    return
                full = self._dirty or self._kernel_dirty or time.monotonic() >= due
                self._dirty = self._kernel_dirty = False
                sample, self._sample = self._sample, None
            try:
                if full:
                    wait = self._pass()
                    due = time.monotonic() + wait
                elif self._last is not None and sample is not None:
                    self._publish(self._last, sample)
                held, backoff, self.problem = False, FIRST_BACKOFF_SEC, ""
            except (StoreError, KernelError) as problem:
                text = "Redis is not reachable" if isinstance(problem, StoreError) else "the kernel cannot be looked at"
                log.warning(f"{text}; nothing is changed", extra=fields(problem=problem, retry=backoff))
                due, held, self._dirty, self.problem = time.monotonic() + backoff, True, True, str(problem)
                backoff = min(backoff * 2, LAST_BACKOFF_SEC)
            self._turned(self.problem)

    def _ready(self) -> bool:
        return self._stopping or self._dirty or self._kernel_dirty or self._sample is not None

    def _stop_only(self) -> bool:
        return self._stopping

    def _pass(self) -> float:
        """One pass, told; seconds until the next one is due."""
        if not self.stats.passes and (wait := self._hold()):
            return wait
        began = time.monotonic()
        result = self._loop.run()
        self._last = result
        for key, count in result.actions.items():
            self.stats.actions[key] += count
        self.stats.passes += 1
        self._publish(result, None)
        took = time.monotonic() - began
        self.stats.pass_seconds += took
        self.stats.finished = time.monotonic()
        for failure in result.failures:
            log.warning("the kernel refused", extra=fields(problem=failure))
        if result.actions:
            done = {f"{kind}_{outcome}": n for (kind, outcome), n in result.actions.items()}
            log.info("pass", extra=fields(ms=round(took * 1000, 1), **done))
        return result.wake_sec
