"""What doors show of rows: typed, joined, sorted, and never an error whatever somebody wrote into the tables."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonic_telegen.db import codec, schema, view
from sonic_telegen.model.sample import CLASSES
from sonic_telegen.model.status import AgentStatus, JobStatus, Reason, Status, Visibility
from tests.support.samples import START_NS, reading

TIME = "2026-09-21T14:13:20.000Z"  # START_NS as the tables write it

# As the reader hands them over: any text, bytes that are no UTF-8 as surrogate escapes.
texts = st.binary(max_size=30).map(lambda raw: raw.decode("utf-8", "surrogateescape")) | st.sampled_from(
    ["running", "-1", "1_0", "²", "9" * 5000, "1,2", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "now"]
)
STATUS = JobStatus(
    "a",
    Status.DEGRADED,
    Reason.INGRESS_QDISC,
    "held",
    "Ethernet0",
    "Ethernet0",
    "both",
    "direct",
    Visibility.CPU_PATH,
    START_NS,
    0,
    7,
    700,
    START_NS,
)


def rubbish(names: list[str]) -> st.SearchStrategy[dict[str, str]]:
    return st.dictionaries(st.sampled_from(names) | texts, texts, max_size=30)


def test_the_length_of_a_capture_is_shown_where_there_is_one() -> None:
    assert "snaplen" not in view.asked({"port": "Ethernet0", "result_detail": "flows"})
    assert view.asked({"port": "Ethernet0", "result_detail": "packets"})["snaplen"] == 128
    assert view.asked({"port": "Ethernet0", "snaplen": "64"})["snaplen"] == 64  # rejected, and shown to see why


def test_a_job_is_its_row_joined_with_its_status() -> None:
    row = {"port": "Ethernet0", "direction": "both", "duration_sec": "60", "otlp_export": "false", "owner": "rest"}
    assert view.job("a", row, codec.status_row(STATUS, START_NS + 40_000_000)) == {
        "job_id": "a",
        "port": "Ethernet0",
        "direction": "both",
        "admin_state": "enabled",
        "sample_rate": 1,
        "result_detail": "summary",
        "duration_sec": 60,
        "otlp_export": False,
        "owner": "rest",
        "status": "degraded",
        "reason": "ingress_qdisc",
        "message": "held",
        "interface": "Ethernet0",
        "mirror_mode": "direct",
        "visibility": "cpu-path",
        "started_at": TIME,
        "expires_at": None,
        "updated_at": TIME.replace(".000", ".040"),
        "packets": 7,
        "bytes": 700,
        "sample_age_ms": 40,
    }


def test_the_mode_in_force_and_the_mode_asked_for_are_told_apart() -> None:
    shown = view.job("a", {"port": "Ethernet0", "mirror_mode": "erspan"}, codec.status_row(STATUS, START_NS))
    assert (shown["asked_mirror_mode"], shown["mirror_mode"]) == ("erspan", "direct")
    assert "asked_mirror_mode" not in view.job("a", {"port": "Ethernet0"}, None)


def test_a_job_that_nobody_told_of_is_starting_and_says_why() -> None:
    shown = view.job("a", {"port": "Ethernet0"}, None)
    assert (shown["status"], shown["reason"], shown["message"]) == ("starting", "", "the agent has not told of it yet")
    assert (shown["packets"], shown["started_at"], shown["sample_age_ms"]) == (0, None, None)


def test_a_job_whose_row_is_gone_shows_its_port_and_no_defaults() -> None:
    shown = view.job("a", None, codec.status_row(STATUS, START_NS))
    assert (shown["port"], shown["direction"]) == ("Ethernet0", "both")
    assert "duration_sec" not in shown


def test_defaults_of_fields_that_this_version_lacks_are_not_shown() -> None:
    shown = view.job("a", {"port": "Ethernet0"}, None)
    assert [name for name, field in schema.JOB_FIELDS.items() if not field.available and name in shown] == []


def test_a_field_that_does_not_hold_what_it_should_is_shown_as_it_is() -> None:
    row = {"port": "Ethernet0", "duration_sec": "soon", "otlp_export": "yes", "snaplen": "96", "direction": "\udcff"}
    shown = view.job("a", row, None)
    assert (shown["duration_sec"], shown["otlp_export"], shown["snaplen"]) == ("soon", "yes", 96)
    assert shown["direction"] == "\\xff"


def test_an_interface_is_shown_in_all_and_by_class() -> None:
    sample = reading(3).interfaces[1]
    shown = view.interface(sample.name, sample.direction, codec.interface_row(sample, START_NS))
    assert (shown["interface"], shown["direction"], shown["ifindex"]) == ("Ethernet0", "egress", 2)
    assert shown["updated_at"] == TIME
    assert shown["packets"] == sum(c.packets for c in sample.classes)
    assert shown["bytes"] == sum(c.bytes for c in sample.classes)
    for name, counters in zip(CLASSES, sample.classes, strict=True):
        assert shown["classes"][name] == {
            "packets": counters.packets,
            "bytes": counters.bytes,
            "histogram": list(counters.histogram),
        }


def test_ports_are_in_natural_order_and_keys_that_are_no_hook_are_left_out() -> None:
    keys = ["Ethernet12|ingress", "Ethernet4|egress", "Ethernet4|ingress", "Ethernet4", "Ethernet4|up", "|ingress"]
    shown = [(each["interface"], each["direction"]) for each in view.interfaces({key: {} for key in keys})]
    assert shown == [("Ethernet4", "egress"), ("Ethernet4", "ingress"), ("Ethernet12", "ingress")]


def test_the_agent_is_shown_typed_and_completely() -> None:
    row = codec.agent_row(AgentStatus("1.0", "abc", 12, "6.1", START_NS, jobs=2, btf=True, otlp_failures=3), START_NS)
    shown = view.agent(row)
    assert shown.keys() == row.keys()
    assert {name: shown[name] for name in ("version", "pid", "jobs", "btf", "otlp_failures")} == {
        "version": "1.0",
        "pid": 12,
        "jobs": 2,
        "btf": True,
        "otlp_failures": 3,
    }
    assert (shown["updated_at"], shown["started_at"], shown["otlp_last_success"]) == (TIME, TIME, None)


@pytest.mark.parametrize("text", ["", "now", "2026-13-01T00:00:00Z", "20260921", "²"])
def test_a_time_is_rfc_3339_or_none(text: str) -> None:
    shown = view.time(text)
    assert shown is None or shown.endswith("T00:00:00.000Z")


def test_jobs_are_those_that_have_a_row_or_a_status_by_id() -> None:
    status = codec.status_row(STATUS, START_NS)
    shown = view.jobs({"b": {"port": "Ethernet0"}, "a": {"port": "Ethernet4"}}, {"c": status, "a": status})
    assert [(job["job_id"], job["status"]) for job in shown] == [
        ("a", "degraded"),
        ("b", "starting"),
        ("c", "degraded"),
    ]


def strict_json(shown: Any) -> None:
    """Fails for NaN, for half a surrogate pair and for what is no JSON at all."""
    json.dumps(shown, allow_nan=False, ensure_ascii=False).encode()


@given(
    texts,
    st.none() | rubbish(list(schema.JOB_FIELDS)),
    st.none() | rubbish(list(codec.status_row(STATUS, START_NS))),
)
def test_any_rows_give_a_job(job_id: str, row: dict[str, str] | None, status: dict[str, str] | None) -> None:
    shown = view.job(job_id, row, status)
    strict_json(shown)
    assert shown["status"] in list(Status)
    assert shown["packets"] >= 0
    if row is not None:
        assert set(shown) >= {name for name in row if name in schema.JOB_FIELDS and name != "mirror_mode"}


@given(st.dictionaries(texts, rubbish(list(codec.interface_row(reading(1).interfaces[0], 1)))))
def test_any_rows_give_interfaces(rows: dict[str, dict[str, str]]) -> None:
    strict_json(view.interfaces(rows))
    for row in rows.values():
        shown = view.interface("Ethernet0", "ingress", row)
        strict_json(shown)
        assert shown["packets"] == sum(counters["packets"] for counters in shown["classes"].values())
        assert {len(counters["histogram"]) for counters in shown["classes"].values()} == {10}


@given(rubbish(list(codec.agent_row(AgentStatus("", "", 0, ""), 0))))
def test_any_row_gives_an_agent(row: dict[str, str]) -> None:
    shown = view.agent(row)
    strict_json(shown)
    assert shown.keys() == codec.agent_row(AgentStatus("", "", 0, ""), 0).keys()
