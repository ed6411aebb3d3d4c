"""ERSPAN sessions as metric series: frames by class, packets that never came, and what no session's series has. Pure.

All began at zero with their job, so that is their start time: that of a session's first packet would be reckoned from
the kernel's ticks, a little different in each process.
"""

from __future__ import annotations

from collections.abc import Mapping

from sonic_telegen.model.job import JobSpec
from sonic_telegen.model.sample import CLASSES, JobSample, Sample, Session
from sonic_telegen.telemetry.series import Attributes, Kind, Metric, Point

OTHER = "other"  # attribute telegen.erspan.session of those that the table has no room for
_METRICS = {
    "telegen.job.session.packets": "{packet}",
    "telegen.job.session.bytes": "By",
    "telegen.job.session.lost": "{packet}",
}


def session_metrics(sample: Sample, specs: Mapping[str, JobSpec]) -> tuple[Metric, ...]:
    """The metrics of one reading for the jobs in ``specs``; a sample of another question is left out."""
    points: dict[str, list[Point]] = {name: [] for name in _METRICS}
    for job, found in sorted(sample.jobs.items()):
        spec = specs.get(job)
        if spec is not None and found.sessions is not None and spec.digest() == found.digest:
            _add(job, found, sample, points)
    return tuple(Metric(name, unit, Kind.SUM, True, points[name]) for name, unit in _METRICS.items() if points[name])


def _add(job: str, found: JobSample, sample: Sample, points: dict[str, list[Point]]) -> None:
    mine: Attributes = (("telegen.job", job),)
    started = min((a.start_ns for key, a in sample.accounts.items() if key.job == job), default=0)

    def point(name: str, labels: Attributes, value: int) -> None:
        points[f"telegen.job.session.{name}"].append(Point(labels, started, sample.time_ns, value))

    for record in found.sessions or ():
        labels = (*mine, *_attributes(record.session))
        for name, counted in zip(CLASSES, record.classes, strict=True):
            if counted.packets:
                point("packets", (*labels, ("proto", name)), counted.packets)
                point("bytes", (*labels, ("proto", name)), counted.bytes)
        point("lost", labels, record.lost)
    if found.beyond.packets:
        other: Attributes = (*mine, ("telegen.erspan.session", OTHER))
        point("packets", other, found.beyond.packets)
        point("bytes", other, found.beyond.bytes)


def _attributes(session: Session) -> Attributes:
    return (
        ("telegen.erspan.session", str(session.number)),
        ("source.address", session.source),
        ("destination.address", session.destination),
    )
