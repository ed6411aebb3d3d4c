"""The collector thread: reads the counters on a fixed beat, shares the reading, hands it on to be exported.

It never writes Redis, never decides anything and never waits for an endpoint.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sonic_telegen.errors import ConfigError, KernelError
from sonic_telegen.log import NOTICE, fields, log
from sonic_telegen.model.sample import Sample
from sonic_telegen.settings import OtlpSettings
from sonic_telegen.telemetry.endpoint import resolve
from sonic_telegen.telemetry.sender import Outcome, Sender
from sonic_telegen.telemetry.series import Metric

LAST_EXPORT_SEC = 0.5  # what a healthy endpoint is given for one more export at the end


@dataclass(frozen=True, slots=True)
class ExportState:
    """The export side as STATE_DB tells it.

    ``endpoint`` as it was understood (as given when it was not); ``last_success_ns`` Unix ns, 0 for never;
    ``last_error`` empty while exports succeed; ``failures`` since the agent began; ``config_error`` says why nothing
    is exported at all.
    """

    endpoint: str = ""
    last_success_ns: int = 0
    last_error: str = ""
    failures: int = 0
    config_error: str = ""


class Collector:
    """Readings and their export.

    Args:
        settings: endpoint and interval; a bad endpoint is told in ``export`` and stops exporting only.
        resource: attributes of the OTLP resource for given settings.
        read: one reading of the maps; raises KernelError.
        measure: the metrics of a reading; runs in the export thread.
        on_sample: told of every reading, in this thread; must not block.
        exported: called after every export, in its thread; must not block.

    Attributes: ``latest`` (the last reading), ``export``, ``map_read_failures`` (total) and ``read_error`` (empty while
    reading works) may be read from any thread.
    """

    def __init__(
        self,
        settings: OtlpSettings,
        resource: Callable[[OtlpSettings], Mapping[str, str]],
        read: Callable[[], Sample],
        measure: Callable[[Sample], Sequence[Metric]],
        on_sample: Callable[[Sample], None] = lambda sample: None,
        exported: Callable[[], object] = lambda: None,
    ) -> None:
        self._resource, self._read, self._measure, self._on_sample = resource, read, measure, on_sample
        self._exported = exported
        self.latest: Sample | None = None
        self.export = ExportState()
        self.map_read_failures = 0
        self.read_error = ""
        self._changed = threading.Condition()
        self._asked, self._stopping, self._running = False, False, False
        self._settings: OtlpSettings | None = None
        self._sender: Sender | None = None
        self._interval = settings.interval_sec
        self.reconfigure(settings)

    def run(self) -> None:
        """Read until ``stop``, first at once; an error that is not a KernelError ends it, and with it the agent."""
        with self._changed:
            if self._stopping:
                return
            self._running = True
        try:
            beat, more = time.monotonic(), True
            while more:
                self._once()
                beat, more = self._wait(beat)
            if not self.export.last_error:
                self._once()  # what was counted since the last beat
        finally:
            with self._changed:
                self._running = False
                self._changed.notify_all()

    def trigger(self) -> None:
        """Read now, out of the beat; from any thread."""
        with self._changed:
            self._asked = True
            self._changed.notify_all()

    def reconfigure(self, settings: OtlpSettings, reload: bool = False) -> None:
        """Export as ``settings`` say from now on; returns at once, from any thread.

        ``reload`` makes a new exporter even when nothing differs: certificates are read again.
        """
        with self._changed:
            if self._stopping or (settings == self._settings and not reload):
                return
            only_beat = self._settings is not None and replace(self._settings, interval_sec=0) == replace(
                settings, interval_sec=0
            )
            self._settings, self._interval = settings, settings.interval_sec
            self._changed.notify_all()
            if only_beat and not reload:
                return
            old, self._sender = self._sender, None
            before: Sender | None = None
            kept = ExportState(settings.endpoint, failures=self.export.failures)
            try:
                url = resolve(settings).url
                same = url == self.export.endpoint
                self.export = replace(kept, endpoint=url, last_success_ns=self.export.last_success_ns if same else 0)
                before = old if same else None  # which the new one closes
                self._sender = Sender(settings, self._resource(settings), self._measure, self._told, before)
            except ConfigError as problem:
                self.export = replace(kept, config_error=str(problem))
                log.error("nothing is exported", extra=fields(problem=problem))
            before = before if self._sender else None
            self._asked = self._running  # a receiver takes no second value of one series at the time of the first
        if old and not before:
            old.close()

    def stop(self, timeout: float = 1.0) -> None:
        """End ``run`` and the export; a healthy endpoint gets the last reading. Returns within ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._running, timeout)
            sender, self._sender = self._sender, None
        if sender:
            if not self.export.last_error:
                sender.drained(min(LAST_EXPORT_SEC, max(0.0, deadline - time.monotonic())))
            sender.close()

    def _wait(self, beat: float) -> tuple[float, bool]:
        """Until the next beat is due or somebody asks: the beat that was kept, and False at the end."""
        with self._changed:
            while not self._stopping and not self._asked:
                due = beat + self._interval
                now = time.monotonic()
                if now >= due:
                    late = (now - due) // self._interval  # beats that a long reading missed are not made up for
                    return due + late * self._interval, True
                self._changed.wait(due - now)
            self._asked = False
            return beat, not self._stopping

    def _once(self) -> None:
        try:
            sample = self._read()
        except KernelError as problem:
            self.map_read_failures += 1
            if not self.read_error:
                log.error("the counters cannot be read", extra=fields(problem=problem))
            self.read_error = str(problem)
            return
        if self.read_error:
            log.log(NOTICE, "the counters are read again", extra=fields(failures=self.map_read_failures))
        self.latest, self.read_error = sample, ""
        self._on_sample(sample)
        sender = self._sender
        if sender:
            sender.offer(sample)

    def _told(self, sender: Sender, outcome: Outcome) -> None:
        """An export ended; what a replaced sender says no longer counts."""
        self._exported()
        with self._changed:
            before = self.export
            if sender is not self._sender:
                return
            if outcome.config:
                self.export = replace(before, config_error=outcome.problem)
            elif outcome.problem:
                self.export = replace(before, last_error=outcome.problem, failures=before.failures + 1)
            else:
                self.export = replace(before, last_success_ns=outcome.time_ns, last_error="")
        about = fields(endpoint=before.endpoint, problem=outcome.problem)
        if outcome.config:
            log.error("nothing is exported", extra=about)
        elif outcome.problem and not before.last_error:
            log.warning("export failed; the next one carries the same sums", extra=about)
        elif not outcome.problem and (before.last_error or not before.last_success_ns):
            log.log(NOTICE, "exporting", extra=fields(endpoint=before.endpoint))


def resident_bytes() -> int:
    """Resident memory of this process, 0 where /proc does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
