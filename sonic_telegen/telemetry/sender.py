"""One exporter with a thread of its own behind a mailbox that holds one reading.

Sums are cumulative, so a reading that was never sent costs nothing: the next one carries it. A newer reading replaces
one that still waits, and nobody ever waits for an endpoint that is slow, hangs or is down.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sonic_telegen.errors import ConfigError, ExportError
from sonic_telegen.log import fields, log
from sonic_telegen.model.sample import Sample
from sonic_telegen.settings import OtlpSettings
from sonic_telegen.telemetry.otlp import Exporter
from sonic_telegen.telemetry.series import Metric


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one export ended: ``time_ns`` (Unix ns) when it did; ``problem`` is empty after a success.

    ``config`` when the problem is the configuration's: nothing will be exported until it changes.
    """

    time_ns: int
    problem: str = ""
    config: bool = False


class Sender:
    """Exports what is offered; made anew for other settings and then left alone.

    Args:
        settings, resource: of the ``Exporter``, which the thread makes itself: importing gRPC takes 0.2 s.
        measure: turns a reading into metrics, in this thread.
        told: called in this thread with the outcome of every export.
        after: its predecessor at the same receiver, which ends before this one sends: no sum may overtake another.
    """

    def __init__(
        self,
        settings: OtlpSettings,
        resource: Mapping[str, str],
        measure: Callable[[Sample], Sequence[Metric]],
        told: Callable[[Sender, Outcome], None],
        after: Sender | None = None,
    ) -> None:
        self._settings, self._resource, self._measure, self._told = settings, resource, measure, told
        self._changed = threading.Condition()
        self._waiting: Sample | None = None
        self._after = after
        self._busy = after is not None  # what the predecessor still sends is on our account
        self._closed = False
        self._exporter: Exporter | None = None
        # A daemon, since an HTTP request in flight cannot be cancelled and must not hold the process.
        self._thread = threading.Thread(target=self._run, name="otlp", daemon=True)
        self._thread.start()

    def offer(self, sample: Sample) -> None:
        """Leave a reading to be exported next, in place of one that waits; returns at once."""
        with self._changed:
            if not self._closed:
                self._waiting = sample
                self._changed.notify_all()

    def drained(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds until nothing waits and nothing is on its way; whether that came true."""
        with self._changed:
            return self._changed.wait_for(lambda: self._waiting is None and not self._busy, timeout)

    def retire(self, timeout: float) -> None:
        """Let what is on its way arrive, for ``timeout`` seconds at most, and close; from the successor's thread."""
        with self._changed:
            self._waiting = None
            self._changed.wait_for(lambda: self._closed or not self._busy, timeout)
        self.close()

    def close(self) -> None:
        """Export no more, returning at once; a call in flight is cancelled or left to end on its own."""
        with self._changed:
            self._closed, self._waiting = True, None
            exporter, after = self._exporter, self._after
            self._changed.notify_all()
        if exporter:
            exporter.close()
        if after:
            after.close()

    def _run(self) -> None:
        if not self._open():
            return
        if self._after:
            self._after.retire(self._settings.timeout_sec)
            with self._changed:
                self._after, self._busy = None, False
                self._changed.notify_all()
        while (sample := self._next()) is not None:
            outcome = self._send(sample)
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                if self._closed:
                    return
            self._told(self, outcome)

    def _open(self) -> bool:
        try:
            exporter = Exporter(self._settings, self._resource)
        except ConfigError as problem:
            self.close()
            self._told(self, Outcome(time.time_ns(), str(problem), config=True))
            return False
        with self._changed:
            self._exporter = exporter
            if not self._closed:
                return True
        exporter.close()
        return False

    def _next(self) -> Sample | None:
        """The reading to export, or None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting is not None)
            sample, self._waiting = self._waiting, None
            self._busy = sample is not None
            return sample

    def _send(self, sample: Sample) -> Outcome:
        assert self._exporter is not None
        try:
            self._exporter.export(self._measure(sample))
        except ExportError as problem:
            return Outcome(time.time_ns(), problem.problem)
        except Exception as bug:  # telemetry that breaks must not take the counting with it
            log.exception("export broke", extra=fields(endpoint=self._exporter.endpoint.url))
            return Outcome(time.time_ns(), f"{type(bug).__name__}: {bug}")
        return Outcome(time.time_ns())
