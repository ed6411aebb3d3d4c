"""What a job found becomes a row that keeps what later readings do not know, and is shown so that it adds up."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from sonic_telegen.db import codec, results, view
from sonic_telegen.model.job import Direction, JobSpec, ResultDetail
from sonic_telegen.model.kernel import AccountKey
from sonic_telegen.model.result import SHOWN_FLOWS, SHOWN_SESSIONS, JobResult
from sonic_telegen.model.sample import (
    CLASSES,
    AccountSample,
    Burst,
    Counters,
    Flow,
    FlowRecord,
    InterfaceSample,
    JobSample,
    Sample,
    Session,
    SessionRecord,
)
from sonic_telegen.model.status import JobStatus, Reason, Status
from sonic_telegen.reconcile.results import job_results
from sonic_telegen.rest import shapes
from tests.support.samples import SECOND_NS, START_NS
from tests.unit.test_rest_openapi import fits

SPEC = JobSpec("j1", "Ethernet0", result_detail=ResultDetail.FLOWS, sample_rate=10)
STATUS = JobStatus("j1", Status.RUNNING, port="Ethernet0", started_ns=START_NS)
PLAIN = tuple(Counters(number, number * 100) for number in (4, 3, 2, 1))
SIZES = tuple(Counters(n, n * 100, (n, *[0] * 9)) for n in (4, 3, 2, 1))
RECORD = FlowRecord(Flow("10.0.0.1", "10.0.0.2", 7, 443, 6, 46, 5), 6, 600, 0x12, START_NS, START_NS + SECOND_NS, 1)
OWN = JobSample(
    SPEC.digest(), Counters(10, 1000), True, Counters(6, 600), Counters(1, 100), Counters(3, 300), 1, (RECORD,), 5
)
RESULT = JobResult("j1", START_NS, START_NS + 2 * SECOND_NS, SIZES, 10, OWN)


def shown(row: dict[str, str], status: JobStatus = STATUS) -> dict[str, object]:
    job = view.job("j1", codec.job_row(SPEC), codec.status_row(status, START_NS + 3 * SECOND_NS))
    found = results.shown(job, row, view.agent({}))
    fits(shapes.RESULTS, found)
    return found


def test_a_result_is_shown_as_it_was_read_with_flows_scaled() -> None:
    found = shown(results.result_row(replace(RESULT, own=replace(OWN, burst=Burst(900, 2, START_NS))), None))
    assert (found["window_ms"], found["final"], found["sample_rate"]) == (2000, False, 10)
    assert found["sampled"] == {"packets": 10, "bytes": 1000}
    assert found["classes"]["ipv6"] == {"packets": 3, "bytes": 300, "histogram": [3, *[0] * 9]}  # type: ignore[index]
    assert found["burst"] == {"packets": 2, "bytes": 900, "at": codec.timestamp(START_NS)}
    flows = found["flows"]
    assert isinstance(flows, dict)
    assert (flows["count"], flows["held"]) == (1, {"packets": 60, "bytes": 6000})
    assert flows["untracked"] == {"packets": 30, "bytes": 3000}
    assert flows["evicted"] == {"packets": 10, "bytes": 1000}
    assert flows["top"] == [
        {
            "source": "10.0.0.1",
            "source_port": 7,
            "destination": "10.0.0.2",
            "destination_port": 443,
            "protocol": "tcp",
            "dscp": 46,
            "vlan": 5,
            "packets": 60,
            "bytes": 6000,
            "tcp_flags": "SA",
            "first_at": codec.timestamp(START_NS),
            "last_at": codec.timestamp(START_NS + SECOND_NS),
        }
    ]


def test_the_table_has_the_first_flows_only() -> None:
    many = replace(RESULT, own=replace(OWN, top=(RECORD,) * (SHOWN_FLOWS + 5)))
    assert len(shown(results.result_row(many, None))["flows"]["top"]) == SHOWN_FLOWS  # type: ignore[index]


def test_a_later_reading_without_the_programs_maps_keeps_what_they_told() -> None:
    before = results.result_row(RESULT, None)
    after = results.result_row(replace(RESULT, classes=PLAIN, own=None, sample_rate=0), before)
    assert after == before


def test_the_greatest_burst_of_the_run_stays() -> None:
    row: dict[str, str] = {}
    for octets, at in ((500, 1), (900, 2), (700, 3)):
        burst = Burst(octets, 1, START_NS + at * SECOND_NS)
        row = results.result_row(replace(RESULT, own=replace(OWN, burst=burst)), row)
    assert (row["burst_bytes"], row["burst_at"]) == ("900", codec.timestamp(START_NS + 2 * SECOND_NS))


def test_the_last_row_of_a_run_is_final_until_the_job_runs_again() -> None:
    final = results.result_row(replace(RESULT, ended=True), None)
    later = replace(RESULT, until_ns=START_NS + 99 * SECOND_NS, own=None, ended=True)
    assert results.result_row(later, final) == final
    again = results.result_row(replace(RESULT, until_ns=START_NS + 5 * SECOND_NS), final)
    assert (again["final"], again["window_ms"]) == ("false", "5000")


def test_another_run_begins_with_nothing_of_the_last() -> None:
    final = results.result_row(replace(RESULT, ended=True), None)
    new = results.result_row(JobResult("j1", START_NS + SECOND_NS, START_NS + SECOND_NS, PLAIN, 1), final)
    assert not {name for name in new if "flow" in name or name.endswith("histogram") or name == "sampled_packets"}
    assert shown(final, replace(STATUS, started_ns=START_NS + SECOND_NS))["classes"] is None


def sample(own: JobSample | None = OWN) -> Sample:
    keys = [AccountKey("j1", name, Direction.INGRESS) for name in ("Ethernet0", "Ethernet4")]
    accounts = {key: AccountSample(key, START_NS, PLAIN) for key in keys}
    slots = {k: InterfaceSample(n, n, k.name, k.direction, START_NS, SIZES) for n, k in enumerate(keys)}
    jobs = {"j1": own} if own else {}
    return Sample(START_NS + 9 * SECOND_NS, START_NS, accounts=accounts, own=slots, jobs=jobs)


def test_all_hooks_of_a_job_are_added_up() -> None:
    (found,) = job_results({"j1": STATUS}, {"j1": SPEC}, sample()).values()
    assert found.classes[0] == Counters(8, 800, (8, *[0] * 9))
    assert (found.own, found.sample_rate, found.ended) == (OWN, 10, False)
    assert (found.started_ns, found.until_ns) == (START_NS, START_NS + 9 * SECOND_NS)


def test_a_plain_job_has_no_sizes() -> None:
    plain = replace(sample(None), own={})
    found = job_results({"j1": STATUS}, {"j1": SPEC}, plain)["j1"]
    assert (found.classes[0], found.own) == (Counters(8, 800, ()), None)
    assert shown(results.result_row(found, None))["classes"]["ipv4"]["histogram"] is None  # type: ignore[index]


def test_what_another_question_kept_is_not_this_ones() -> None:
    assert job_results({"j1": STATUS}, {"j1": replace(SPEC, port="eth0")}, sample())["j1"].own is None


def test_the_window_of_a_job_that_ended_ends_with_it() -> None:
    expires = START_NS + 4 * SECOND_NS
    done = replace(STATUS, status=Status.DONE, reason=Reason.EXPIRED, expires_ns=expires)
    found = job_results({"j1": done}, {"j1": SPEC}, sample())["j1"]
    assert (found.ended, found.until_ns) == (True, expires)


def test_no_result_is_final_while_frames_may_come_to_its_capture() -> None:
    done = replace(STATUS, status=Status.DONE)
    assert not job_results({"j1": done}, {"j1": SPEC}, sample(), {"j1"})["j1"].ended
    assert job_results({"j1": done}, {"j1": SPEC}, sample(), {"j2"})["j1"].ended


def test_the_last_reading_counts_even_when_the_row_is_gone() -> None:
    stopped = replace(STATUS, status=Status.STOPPED, reason=Reason.DELETED)
    found = job_results({"j1": stopped}, {}, sample())["j1"]
    assert (found.ended, found.sample_rate, found.own) == (True, 0, OWN)
    row = results.result_row(found, results.result_row(RESULT, None))
    assert (row["sample_rate"], row["flow_packets"], row["final"]) == ("10", "60", "true")


def test_a_job_that_never_began_has_no_result() -> None:
    assert job_results({"j1": replace(STATUS, started_ns=0)}, {"j1": SPEC}, sample()) == {}
    assert job_results({}, {"j1": SPEC}, sample()) == {}


SESSION = SessionRecord(Session("192.0.2.1", "10.0.0.2", 1023), PLAIN, 5, 6, 7, START_NS, START_NS + SECOND_NS, begun=1)
MIRRORED = replace(OWN, sessions=(SESSION,), beyond=Counters(8, 800))


def test_sessions_are_shown_unscaled_with_what_was_lost() -> None:
    found = shown(results.result_row(replace(RESULT, own=MIRRORED), None))
    sessions = found["sessions"]
    assert isinstance(sessions, dict)
    assert (sessions["count"], sessions["lost"], sessions["beyond"]) == (1, 5, {"packets": 8, "bytes": 800})
    assert sessions["top"] == [
        {
            "source": "192.0.2.1",
            "destination": "10.0.0.2",
            "session": 1023,
            "packets": 10,
            "bytes": 1000,
            "lost": 5,
            "repeated": 6,
            "restarts": 7,
            "classes": {
                name: {"packets": number, "bytes": 100 * number}
                for name, number in zip(CLASSES, (4, 3, 2, 1), strict=True)
            },
            "first_at": codec.timestamp(START_NS),
            "last_at": codec.timestamp(START_NS + SECOND_NS),
        }
    ]


def test_a_job_that_is_not_about_mirrored_frames_has_no_sessions() -> None:
    assert shown(results.result_row(RESULT, None))["sessions"] is None
    none_yet = shown(results.result_row(replace(RESULT, own=replace(OWN, sessions=())), None))["sessions"]
    assert none_yet == {"count": 0, "lost": 0, "beyond": {"packets": 0, "bytes": 0}, "top": []}


def test_the_row_has_the_first_sessions_only() -> None:
    many = replace(RESULT, own=replace(MIRRORED, sessions=(SESSION,) * 256))
    sessions = shown(results.result_row(many, None))["sessions"]
    assert isinstance(sessions, dict)
    assert (len(sessions["top"]), sessions["count"], sessions["lost"]) == (SHOWN_SESSIONS, 256, 1280)


NAMES = sorted(results.result_row(replace(RESULT, own=replace(MIRRORED, burst=Burst(9, 1, START_NS))), None))
rubbish = st.one_of(
    st.text(),
    st.from_regex("[0-9]{1,25}", fullmatch=True),
    st.sampled_from(["[{}]", "[1]", '[{"dscp":[]}]', '[{"classes":{"ipv4":[1,-2],"ipv6":3}}]', '[{"classes":[]}]']),
)


@given(st.dictionaries(st.sampled_from(NAMES), rubbish))
def test_rubbish_in_a_row_is_shown_and_never_raises(row: dict[str, str]) -> None:
    shown({**row, "started_at": codec.timestamp(START_NS)})
    shown(row)


def test_the_classes_of_a_row_are_those_of_a_sample() -> None:
    assert {f"{name}_packets" for name in CLASSES} <= set(NAMES)
