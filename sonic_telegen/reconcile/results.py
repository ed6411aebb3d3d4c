"""What a reading says of each job's result: the slots of its programs added up, and what those kept beside. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from sonic_telegen.model.job import JobSpec, MirrorMode
from sonic_telegen.model.result import JobResult
from sonic_telegen.model.sample import Counters, Sample
from sonic_telegen.model.status import JobStatus, Status

ENDED = (Status.DONE, Status.STOPPED)

_Classes = tuple[Counters, ...]


def job_results(
    statuses: Mapping[str, JobStatus],
    specs: Mapping[str, JobSpec],
    sample: Sample,
    growing: Collection[str] = (),
) -> dict[str, JobResult]:
    """The result of every job that counted, by job.

    Args:
        statuses: what is told of the jobs in the same report; ``started_ns`` is taken from there.
        specs: the jobs that have rows; a reading of another question is left out.
        sample: the reading.
        growing: jobs whose captures were not complete when it was read, so their results are not final.
    """
    counted: dict[str, list[_Classes]] = defaultdict(list)
    sizes: dict[str, list[_Classes]] = defaultdict(list)
    for key, account in sample.accounts.items():
        counted[key.job].append(account.classes)
    for key, slot in sample.own.items():
        sizes[key.job].append(slot.classes)
    found = {}
    for job, classes in counted.items():
        status, spec, own = statuses.get(job), specs.get(job), sample.jobs.get(job)
        if status is None or not status.started_ns or status.mirror_mode == MirrorMode.ASIC:
            continue
        if own is not None and spec is not None and own.digest != spec.digest():
            own = None
        total = tuple(
            Counters(both.packets, both.bytes, histogram)
            for both, histogram in zip(_added(classes), _histograms(sizes[job], len(classes[0])), strict=True)
        )
        ended = status.status in ENDED
        until = min(sample.time_ns, status.expires_ns or sample.time_ns) if ended else sample.time_ns
        rate = spec.sample_rate if spec is not None else 0
        found[job] = JobResult(job, status.started_ns, until, total, rate, own, ended and job not in growing)
    return found


def _added(parts: Iterable[_Classes]) -> list[Counters]:
    return [Counters(sum(c.packets for c in one), sum(c.bytes for c in one)) for one in zip(*parts, strict=True)]


def _histograms(parts: list[_Classes], classes: int) -> list[tuple[int, ...]]:
    if not parts:
        return [()] * classes
    return [
        tuple(sum(column) for column in zip(*(c.histogram for c in one if c.histogram), strict=True))
        for one in zip(*parts, strict=True)
    ]
