"""Flows come and go, their series neither go back nor count a packet twice: together they grow as the job does."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from sonic_telegen.model.job import Direction, JobSpec, ResultDetail
from sonic_telegen.model.kernel import AccountKey
from sonic_telegen.model.sample import (
    NOTHING,
    AccountSample,
    Burst,
    Counters,
    Flow,
    FlowRecord,
    JobSample,
    Sample,
)
from sonic_telegen.telemetry.flows import JobSeries
from sonic_telegen.telemetry.series import Attributes, Kind, Metric, Point
from tests.support.samples import SECOND_NS, START_NS

SPEC = JobSpec("j1", "Ethernet0", result_detail=ResultDetail.FLOWS)
KEY = AccountKey("j1", "Ethernet0", Direction.INGRESS)
Series = dict[Attributes, Point]


def flow(number: int, protocol: int = 6) -> Flow:
    return Flow(f"10.0.0.{number}", "10.0.1.1", 1000 + number, 443, protocol, 46, 7)


def record(number: int, packets: int, begun: int = 1) -> FlowRecord:
    return FlowRecord(flow(number), packets, packets * 100, 2, START_NS + begun * SECOND_NS, START_NS, begun)


def reading(beat: int, *top: FlowRecord, rest: int = 0, spec: JobSpec = SPEC, **more: object) -> Sample:
    """At ``beat`` seconds: these flows, and ``rest`` packets that are in none of them (evicted)."""
    held = Counters(sum(one.packets for one in top), sum(one.bytes for one in top))
    evicted = Counters(rest, rest * 100)
    sampled = Counters(held.packets + rest, held.bytes + rest * 100)
    job = JobSample(spec.digest(), sampled, True, held, evicted, NOTHING, len(top), top, beat)
    account = AccountSample(KEY, START_NS, (Counters(1000, 2000),) * 4)
    jobs = {"j1": replace(job, **more)}  # type: ignore[arg-type]
    return Sample(START_NS + beat * SECOND_NS, START_NS, accounts={KEY: account}, jobs=jobs)


def metrics(found: tuple[Metric, ...]) -> dict[str, Series]:
    return {one.name: {p.attributes: p for p in one.points if isinstance(p, Point)} for one in found}


def values(series: Series) -> dict[str, tuple[int, float]]:
    """By source address, or ``other``: the start in seconds after the job's, and the value."""
    found = {}
    for labels, point in series.items():
        names = dict(labels)
        name = str(names.get("source.address") or names["telegen.flow"])
        found[name] = ((point.start_ns - START_NS) // SECOND_NS, point.value)
    return found


def test_new_flows_count_whole_and_the_rest_is_one_series() -> None:
    found = metrics(
        JobSeries(START_NS).metrics(reading(10, record(1, 50), record(2, 20, begun=4), rest=5), {"j1": SPEC})
    )
    expected = {"10.0.0.1": (1, 50), "10.0.0.2": (4, 20), "other": (0, 5)}
    assert values(found["telegen.flow.packets"]) == expected
    assert values(found["telegen.flow.bytes"]) == {name: (at, n * 100) for name, (at, n) in expected.items()}
    labels = next(dict(one) for one in found["telegen.flow.packets"] if ("source.port", 1001) in one)
    assert labels == {
        "telegen.job": "j1",
        "source.address": "10.0.0.1",
        "source.port": 1001,
        "destination.address": "10.0.1.1",
        "destination.port": 443,
        "network.transport": "tcp",
        "telegen.flow.dscp": 46,
        "telegen.flow.vlan": 7,
    }


def test_a_flow_that_leaves_the_top_keeps_what_it_counted_and_comes_back_from_zero() -> None:
    series, specs = JobSeries(START_NS), {"j1": SPEC}
    series.metrics(reading(10, record(1, 50), record(2, 40)), specs)
    left = metrics(series.metrics(reading(20, record(1, 60), rest=45), specs))
    assert values(left["telegen.flow.packets"]) == {"10.0.0.1": (1, 60), "other": (0, 5)}
    back = metrics(series.metrics(reading(30, record(2, 70), record(1, 65)), specs))
    assert values(back["telegen.flow.packets"]) == {"10.0.0.2": (30, 0), "10.0.0.1": (1, 65), "other": (0, 30)}
    more = metrics(series.metrics(reading(40, record(2, 77), record(1, 65)), specs))
    assert values(more["telegen.flow.packets"]) == {"10.0.0.2": (30, 7), "10.0.0.1": (1, 65), "other": (0, 30)}


def test_an_evicted_flow_that_begins_anew_has_a_new_start() -> None:
    series, specs = JobSeries(START_NS), {"j1": SPEC}
    series.metrics(reading(10, record(1, 50)), specs)
    found = metrics(series.metrics(reading(20, record(1, 80, begun=15), rest=50), specs))
    assert values(found["telegen.flow.packets"]) == {"10.0.0.1": (15, 80), "other": (0, 0)}


def test_a_job_from_before_this_process_is_counted_from_the_first_reading_on() -> None:
    series, specs = JobSeries(START_NS + 5 * SECOND_NS), {"j1": SPEC}
    first = metrics(series.metrics(reading(10, record(1, 50), rest=9), specs))
    assert values(first["telegen.flow.packets"]) == {"10.0.0.1": (10, 0), "other": (10, 0)}
    then = metrics(series.metrics(reading(20, record(1, 53), record(2, 4, begun=17), rest=10), specs))
    assert values(then["telegen.flow.packets"]) == {"10.0.0.1": (10, 3), "10.0.0.2": (17, 4), "other": (10, 1)}


def test_sampled_values_are_scaled_and_say_so() -> None:
    spec = replace(SPEC, sample_rate=100)
    lost = {"untracked": Counters(3, 300), "burst": Burst(4096, 3, START_NS + 7)}
    found = metrics(JobSeries(START_NS).metrics(reading(10, record(1, 5), rest=2, spec=spec, **lost), {"j1": spec}))
    assert values(found["telegen.flow.packets"])["10.0.0.1"] == (1, 500)
    marked = ("telegen.sample_rate", 100)
    names = ("telegen.flow.packets", "telegen.flow.bytes", "telegen.job.flows.untracked", "telegen.job.flows.evicted")
    assert all(marked in labels for name in names for labels in found[name])
    assert [p.value for p in found["telegen.job.flows.untracked"].values()] == [300]
    assert [p.value for p in found["telegen.job.flows.evicted"].values()] == [200]
    (burst,) = found["telegen.job.burst.bytes"].values()
    assert (burst.attributes, burst.value, burst.time_ns) == ((("telegen.job", "j1"),), 4096, START_NS + 7)


def test_another_question_and_jobs_that_are_not_exported_have_no_series() -> None:
    series = JobSeries(START_NS)
    assert series.metrics(reading(10, record(1, 5)), {}) == ()
    assert series.metrics(reading(10, record(1, 5)), {"j1": replace(SPEC, port="Ethernet4")}) == ()


def test_capture_is_told_without_flows() -> None:
    sample = reading(10, captured=7, capture_lost=2, tracks=False)
    found = series_by_name(JobSeries(START_NS).metrics(sample, {"j1": SPEC}))
    assert set(found) == {"telegen.job.captured", "telegen.job.capture.lost"}
    assert [(m.unit, m.kind, m.monotonic, m.points[0].start_ns) for m in found.values()] == [
        ("{frame}", Kind.SUM, True, START_NS)
    ] * 2


def test_what_was_mirrored_and_what_failed_is_told() -> None:
    sample = reading(10, mirrored=7, mirror_failed=2, tracks=False)
    found = series_by_name(JobSeries(START_NS).metrics(sample, {"j1": SPEC}))
    mine = (("telegen.job", "j1"),)
    assert {name: metric.points for name, metric in found.items()} == {
        "telegen.job.mirrored": [Point(mine, START_NS, sample.time_ns, 7)],
        "telegen.job.mirror.failed": [Point(mine, START_NS, sample.time_ns, 2)],
    }
    assert {(m.unit, m.kind, m.monotonic) for m in found.values()} == {("{packet}", Kind.SUM, True)}


def series_by_name(found: tuple[Metric, ...]) -> dict[str, Metric]:
    return {metric.name: metric for metric in found}


steps = st.lists(st.dictionaries(st.integers(1, 6), st.integers(1, 30), max_size=6), min_size=1, max_size=12)


@given(steps, st.integers(1, 4), st.sets(st.tuples(st.integers(1, 11), st.integers(1, 6))))
def test_all_series_together_grow_as_the_job_whatever_comes_and_goes(
    traffic: list[dict[int, int]], top: int, evictions: set[tuple[int, int]]
) -> None:
    series = JobSeries(START_NS)
    table: dict[int, tuple[int, int]] = {}  # flow -> packets, begun
    told: dict[tuple[Attributes, int], float] = {}
    gone, total = 0, 0
    for step, packets in enumerate(traffic):
        for beat, number in sorted(evictions):
            if beat == step:
                gone += table.pop(number, (0, 0))[0]
        for number, count in packets.items():
            had, begun = table.get(number, (0, step * 10 + 5))
            table[number] = (had + count, begun)
            total += count
        best = sorted(table.items(), key=lambda item: -item[1][0])[:top]
        shown = [record(number, count, begun) for number, (count, begun) in best]
        rest = gone + sum(count for count, _ in table.values()) - sum(one.packets for one in shown)
        found = metrics(series.metrics(reading((step + 1) * 10, *shown, rest=rest), {"j1": SPEC}))
        for labels, point in found["telegen.flow.packets"].items():
            key = (labels, point.start_ns)
            assert point.value >= told.get(key, 0), "a series went back"
            told[key] = point.value
        assert sum(told.values()) == total
