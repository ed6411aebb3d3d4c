"""What jobs' own programs keep as metric series: flows one by one and as one for the rest, bursts, what was lost.

No clock and no I/O, but memory: flows come and go, and a series must neither go back nor count a packet twice.

* A flow's series counts what came while it was among the top flows. If it was there before, that part stays in the
  series of the rest, and its start time is when it came in; a flow that is new since the last reading counts whole.
* What a flow counted stays its own when it leaves; if it comes back its series begins anew, with a new start time.
* So all series of a job together grow by what the job sampled, reading by reading.
* A job that ran before this process began is counted from the first reading on: its flow series begin anew.

Values are scaled by the job's sampling rate, which is then an attribute.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sonic_telegen.model.job import JobSpec
from sonic_telegen.model.match import PROTOCOLS
from sonic_telegen.model.sample import NOTHING, Counters, Flow, FlowRecord, JobSample, Sample
from sonic_telegen.telemetry.series import Attributes, Kind, Metric, Point

_TRANSPORTS = {number: name for name, number in PROTOCOLS.items()}
OTHER = "other"  # attribute telegen.flow of the rest


@dataclass(slots=True)
class _Series:
    """One flow since it is among the top: ``base`` is what it had counted before."""

    attributes: Attributes
    start_ns: int
    begun: int
    base: Counters
    value: Counters = NOTHING


@dataclass(slots=True)
class _Job:
    """One run's series; ``base`` and ``horizon`` as the first reading left them."""

    run: tuple[str, int]
    start_ns: int
    base: Counters
    horizon: int | None  # flows begun after this tick are new; None: there are none from before
    attributed: Counters = NOTHING  # to flows, those that left too
    rest: Counters = NOTHING
    flows: dict[Flow, _Series] = field(default_factory=dict)


class JobSeries:
    """Series of all jobs that have programs of their own; for one thread."""

    def __init__(self, since_ns: int) -> None:
        """``since_ns``: when this process began (Unix ns)."""
        self._since_ns = since_ns
        self._jobs: dict[str, _Job] = {}

    def metrics(self, sample: Sample, specs: Mapping[str, JobSpec]) -> tuple[Metric, ...]:
        """The metrics of one reading for the jobs in ``specs``; a sample of another question is left out."""
        points: dict[str, list[Point]] = {name: [] for name in _METRICS}
        self._jobs = {job: known for job, known in self._jobs.items() if job in specs}
        for job, found in sorted(sample.jobs.items()):
            spec = specs.get(job)
            if spec is None or spec.digest() != found.digest:
                continue
            started = min((a.start_ns for key, a in sample.accounts.items() if key.job == job), default=0)
            for name, new in self._job(job, found, started, sample.time_ns, spec.sample_rate):
                points[name].append(new)
        return tuple(
            Metric(name, unit, kind, kind is Kind.SUM, points[name])
            for name, (unit, kind) in _METRICS.items()
            if points[name]
        )

    def _job(self, job: str, found: JobSample, started: int, now: int, rate: int) -> list[tuple[str, Point]]:
        sampled: Attributes = (("telegen.sample_rate", rate),) if rate > 1 else ()
        mine: Attributes = (("telegen.job", job), *sampled)
        made: list[tuple[str, Point]] = []
        if found.burst is not None:  # not scaled: bursts are looked for in every frame
            gauge = Point((("telegen.job", job),), 0, found.burst.at_ns, found.burst.bytes)
            made.append(("telegen.job.burst.bytes", gauge))
        if found.captured or found.capture_lost:
            made.append(("telegen.job.captured", Point(mine, started, now, found.captured)))
            made.append(("telegen.job.capture.lost", Point(mine, started, now, found.capture_lost)))
        if found.mirrored or found.mirror_failed:
            made.append(("telegen.job.mirrored", Point(mine, started, now, found.mirrored)))
            made.append(("telegen.job.mirror.failed", Point(mine, started, now, found.mirror_failed)))
        if not found.tracks:
            return made
        made.append(("telegen.job.flows", Point(mine, 0, now, found.flows)))
        made.append(("telegen.job.flows.untracked", Point(mine, started, now, rate * found.untracked.packets)))
        made.append(("telegen.job.flows.evicted", Point(mine, started, now, rate * found.evicted.packets)))
        known = self._follow(job, found, started, now, mine)
        other = _Series((*mine, ("telegen.flow", OTHER)), known.start_ns, 0, NOTHING, known.rest)
        for one in (*known.flows.values(), other):
            made.append(("telegen.flow.packets", Point(one.attributes, one.start_ns, now, rate * one.value.packets)))
            made.append(("telegen.flow.bytes", Point(one.attributes, one.start_ns, now, rate * one.value.bytes)))
        return made

    def _follow(self, job: str, found: JobSample, started: int, now: int, mine: Attributes) -> _Job:
        """Bring what is known of a job to this reading."""
        known, run = self._jobs.get(job), (found.digest, found.maps)
        if known is None or known.run != run:
            fresh = known is not None or started >= self._since_ns
            known = _Job(run, started if fresh else now, NOTHING if fresh else found.sampled, None)
            if not fresh:
                known.horizon = found.read_at
            self._jobs[job] = known
        last, known.flows = known.flows, {}
        for record in found.top:
            series, seen = last.get(record.flow), Counters(record.packets, record.bytes)
            if series is None or series.begun != record.begun or _behind(seen, series):
                series = _begin(record, known, now, mine, series)
            value = _less(seen, series.base)
            known.attributed = _plus(known.attributed, _less(value, series.value))
            series.value = value
            known.flows[record.flow] = series
        rest = _less(_less(found.sampled, known.base), known.attributed)
        # Frames that came while the table was read are in the flows already and in the sum only with the next reading.
        known.rest = Counters(max(known.rest.packets, rest.packets), max(known.rest.bytes, rest.bytes))
        known.horizon = found.read_at
        return known


def _begin(record: FlowRecord, known: _Job, now: int, mine: Attributes, before: _Series | None) -> _Series:
    attributes = before.attributes if before else (*mine, *_attributes(record.flow))
    if known.horizon is None or record.begun > known.horizon:
        start = min(max(record.first_ns, known.start_ns), now)
        return _Series(attributes, start, record.begun, NOTHING)
    return _Series(attributes, now, record.begun, Counters(record.packets, record.bytes))


def _attributes(flow: Flow) -> Attributes:
    name = _TRANSPORTS.get(flow.protocol)
    return (
        ("source.address", flow.source),
        ("source.port", flow.source_port),
        ("destination.address", flow.destination),
        ("destination.port", flow.destination_port),
        ("network.transport", name or str(flow.protocol)),
        ("telegen.flow.dscp", flow.dscp),
        ("telegen.flow.vlan", flow.vlan),
    )


def _plus(a: Counters, b: Counters) -> Counters:
    return Counters(a.packets + b.packets, a.bytes + b.bytes)


def _less(a: Counters, b: Counters) -> Counters:
    return Counters(a.packets - b.packets, a.bytes - b.bytes)


def _behind(seen: Counters, series: _Series) -> bool:
    """Whether less is counted than was told already: not the same entry any more."""
    told = _plus(series.base, series.value)
    return seen.packets < told.packets or seen.bytes < told.bytes


_METRICS = {
    "telegen.job.burst.bytes": ("By", Kind.GAUGE),
    "telegen.job.captured": ("{frame}", Kind.SUM),
    "telegen.job.capture.lost": ("{frame}", Kind.SUM),
    "telegen.job.mirrored": ("{packet}", Kind.SUM),
    "telegen.job.mirror.failed": ("{packet}", Kind.SUM),
    "telegen.job.flows": ("{flow}", Kind.GAUGE),
    "telegen.job.flows.untracked": ("{packet}", Kind.SUM),
    "telegen.job.flows.evicted": ("{packet}", Kind.SUM),
    "telegen.flow.packets": ("{packet}", Kind.SUM),
    "telegen.flow.bytes": ("By", Kind.SUM),
}
