"""ERSPAN sessions as series: cumulative since the job began, and one for those that have no room."""

from __future__ import annotations

from dataclasses import replace

from sonic_telegen.model.job import Direction, JobSpec
from sonic_telegen.model.kernel import AccountKey
from sonic_telegen.model.sample import AccountSample, Counters, JobSample, Sample, Session, SessionRecord
from sonic_telegen.telemetry.series import Kind, Metric, Point
from sonic_telegen.telemetry.sessions import session_metrics
from tests.support.samples import SECOND_NS, START_NS

SPEC = JobSpec("j1", "Ethernet0")
KEY = AccountKey("j1", "Ethernet0", Direction.INGRESS)
NONE = Counters()
LABELS = (
    ("telegen.job", "j1"),
    ("telegen.erspan.session", "7"),
    ("source.address", "192.0.2.1"),
    ("destination.address", "192.0.2.2"),
)


def record(packets: int, number: int = 7, begun: int = 1, lost: int = 0) -> SessionRecord:
    session, first = Session("192.0.2.1", "192.0.2.2", number), START_NS + begun * SECOND_NS
    classes = (Counters(packets, packets * 100), NONE, NONE, NONE)
    return SessionRecord(session, classes, lost, 0, 0, first, first, begun)


def reading(*found: SessionRecord, beyond: int = 0) -> Sample:
    job = JobSample(SPEC.digest(), sessions=found, beyond=Counters(beyond, beyond * 100))
    account = AccountSample(KEY, START_NS, (NONE,) * 4)
    return Sample(START_NS + 60 * SECOND_NS, START_NS, accounts={KEY: account}, jobs={"j1": job})


def points(found: tuple[Metric, ...]) -> dict[str, list[Point]]:
    assert all(one.kind is Kind.SUM and one.monotonic for one in found)
    return {one.name: [point for point in one.points if isinstance(point, Point)] for one in found}


def test_a_session_counts_by_class_since_the_job_began() -> None:
    made = points(session_metrics(reading(record(3, lost=2)), {"j1": SPEC}))
    began, now = START_NS, START_NS + 60 * SECOND_NS
    assert made == {
        "telegen.job.session.packets": [Point((*LABELS, ("proto", "ipv4")), began, now, 3)],
        "telegen.job.session.bytes": [Point((*LABELS, ("proto", "ipv4")), began, now, 300)],
        "telegen.job.session.lost": [Point(LABELS, began, now, 2)],
    }


def test_the_start_is_that_of_the_job_whatever_the_clocks_say_of_the_session() -> None:
    for begun in (1, 2):
        (point,) = points(session_metrics(reading(record(3, begun=begun)), {"j1": SPEC}))["telegen.job.session.lost"]
        assert point.start_ns == START_NS


def test_what_no_session_has_is_a_series_of_its_own() -> None:
    made = points(session_metrics(reading(record(3), beyond=5), {"j1": SPEC}))
    other = made["telegen.job.session.packets"][-1]
    assert (dict(other.attributes), other.value, other.start_ns) == (
        {"telegen.job": "j1", "telegen.erspan.session": "other"},
        5,
        START_NS,
    )


def test_only_exported_jobs_of_this_question_have_series() -> None:
    assert session_metrics(reading(record(3)), {}) == ()
    assert session_metrics(reading(record(3)), {"j1": replace(SPEC, port="eth0")}) == ()
    assert session_metrics(Sample(START_NS, jobs={"j1": JobSample(SPEC.digest())}), {"j1": SPEC}) == ()
