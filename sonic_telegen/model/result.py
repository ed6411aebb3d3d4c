"""TOLD: what a job found, as far as one reading knows."""

from __future__ import annotations

from dataclasses import dataclass

from sonic_telegen.model.sample import Counters, JobSample

SHOWN_FLOWS = 32  # flows that STATE_DB has one by one
SHOWN_SESSIONS = 32  # ERSPAN sessions likewise


@dataclass(frozen=True, slots=True)
class JobResult:
    """Counters by class between ``started_ns`` and ``until_ns`` (Unix ns); sizes where its own program kept them.

    ``own`` is None where nothing more was read. ``sample_rate`` is 0 where the row that says it is gone. ``ended``
    when nothing more will be counted.
    """

    job: str
    started_ns: int
    until_ns: int
    classes: tuple[Counters, ...]
    sample_rate: int = 0
    own: JobSample | None = None
    ended: bool = False
