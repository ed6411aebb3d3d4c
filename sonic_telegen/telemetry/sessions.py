"""ERSPAN sessions as metric series: frames by class, packets that never came, and what no session's series has.

No clock and no I/O; remembered is when each session's entry began, so that its start time stays the same.
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
_Key = tuple[str, int, Session, int]  # job, maps, session, the tick it began at


class SessionSeries:
    """Series of the sessions of all jobs; for one thread."""

    def __init__(self) -> None:
        self._starts: dict[_Key, int] = {}

    def metrics(self, sample: Sample, specs: Mapping[str, JobSpec]) -> tuple[Metric, ...]:
        """The metrics of one reading for the jobs in ``specs``; a sample of another question is left out."""
        points: dict[str, list[Point]] = {name: [] for name in _METRICS}
        before, self._starts = self._starts, {}
        for job, found in sorted(sample.jobs.items()):
            spec = specs.get(job)
            if spec is not None and found.sessions is not None and spec.digest() == found.digest:
                self._job(job, found, sample, points, before)
        return tuple(
            Metric(name, unit, Kind.SUM, True, points[name]) for name, unit in _METRICS.items() if points[name]
        )

    def _job(
        self, job: str, found: JobSample, sample: Sample, points: dict[str, list[Point]], before: dict[_Key, int]
    ) -> None:
        mine: Attributes = (("telegen.job", job),)
        for record in found.sessions or ():
            key = (job, found.maps, record.session, record.begun)
            start = self._starts[key] = before.get(key, min(record.first_ns, sample.time_ns))
            labels = (*mine, *_attributes(record.session))
            for name, counted in zip(CLASSES, record.classes, strict=True):
                if counted.packets:
                    series = (*labels, ("proto", name))
                    points["telegen.job.session.packets"].append(Point(series, start, sample.time_ns, counted.packets))
                    points["telegen.job.session.bytes"].append(Point(series, start, sample.time_ns, counted.bytes))
            points["telegen.job.session.lost"].append(Point(labels, start, sample.time_ns, record.lost))
        if found.beyond.packets:
            start = min((a.start_ns for key, a in sample.accounts.items() if key.job == job), default=0)
            other = (*mine, ("telegen.erspan.session", OTHER))
            points["telegen.job.session.packets"].append(Point(other, start, sample.time_ns, found.beyond.packets))
            points["telegen.job.session.bytes"].append(Point(other, start, sample.time_ns, found.beyond.bytes))


def _attributes(session: Session) -> Attributes:
    return (
        ("telegen.erspan.session", str(session.number)),
        ("source.address", session.source),
        ("destination.address", session.destination),
    )
