"""Rows: good ones round-trip, bad ones are refused whole with field and remedy."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sonic_telegen.db import codec, schema
from sonic_telegen.errors import ConfigError
from sonic_telegen.model.asked import Rejection
from sonic_telegen.model.job import BOTH, Direction, JobSpec, MirrorMode, Owner
from sonic_telegen.model.status import JobStatus, Reason, Status, Visibility
from sonic_telegen.model.values import JOB_ID

specs = st.builds(
    JobSpec,
    id=st.from_regex(JOB_ID.pattern, fullmatch=True),
    port=st.from_regex(r"[A-Za-z0-9_.-]{1,15}", fullmatch=True).filter(lambda s: s not in (".", "..")),
    directions=st.sampled_from([(Direction.INGRESS,), (Direction.EGRESS,), BOTH]),
    enabled=st.booleans(),
    mirror_mode=st.sampled_from([None, MirrorMode.DIRECT, MirrorMode.ERSPAN, MirrorMode.PLACEHOLDER]),
    duration_sec=st.integers(0, 604800),
    otlp_export=st.booleans(),
    owner=st.sampled_from(Owner),
)


@given(specs)
def test_a_job_round_trips_through_its_row(spec: JobSpec) -> None:
    assert codec.parse_job(spec.id, codec.job_row(spec)) == spec


BAD_ROWS = {
    "unknown field": ({"port": "Ethernet0", "prot": "tcp"}, "prot", "unknown_field", "remove it"),
    "bad direction": ({"port": "Ethernet0", "direction": "in"}, "direction", "invalid_value", "egress or both"),
    "port with a slash": ({"port": "Ethernet0/1"}, "port", "invalid_value", "without slash"),
    "port of 40 characters": ({"port": "E" * 40}, "port", "invalid_value", "1 to 15"),
    "port that climbs": ({"port": ".."}, "port", "invalid_value", "netdev name"),
    "no port": ({"direction": "ingress"}, "port", "missing_field", "mandatory"),
    "empty row": ({"NULL": "NULL"}, "port", "missing_field", "mandatory"),
    "cut too short": ({"port": "Ethernet0", "truncate": "81"}, "truncate", "invalid_value", "82 to 9216"),
    "unknown mode": ({"port": "Ethernet0", "mirror_mode": "span"}, "mirror_mode", "invalid_value", "placeholder"),
    "negative duration": ({"port": "Ethernet0", "duration_sec": "-1"}, "duration_sec", "invalid_value", "0 to 604800"),
    "long duration": ({"port": "Ethernet0", "duration_sec": "604801"}, "duration_sec", "invalid_value", "604800"),
    "digits of another script": ({"port": "Ethernet0", "duration_sec": "٣"}, "duration_sec", "invalid_value", "whole"),
    "bad session": ({"port": "Ethernet0", "erspan_key": "1024"}, "erspan_key", "invalid_value", "0 to 1023"),
    "bad tunnel end": ({"port": "Ethernet0", "erspan_remote": "10.0.0.256"}, "erspan_remote", "invalid_value", "IPv4"),
    "bad tos": ({"port": "Ethernet0", "erspan_tos": "inherited"}, "erspan_tos", "invalid_value", "inherit or a whole"),
    "bad boolean": ({"port": "Ethernet0", "otlp_export": "yes"}, "otlp_export", "invalid_value", "true or false"),
    "bad owner": ({"port": "Ethernet0", "owner": "me"}, "owner", "invalid_value", "automation"),
    "not UTF-8": ({"port": "Ethernet0\udcff"}, "port", "invalid_value", "UTF-8"),
    "field that is not UTF-8": ({"port": "Ethernet0", "x\udcff": "1"}, "x\\xff", "unknown_field", "remove"),
}


@pytest.mark.parametrize("row, field, code, remedy", BAD_ROWS.values(), ids=BAD_ROWS.keys())
def test_a_bad_row_names_field_and_remedy(row: dict[str, str], field: str, code: str, remedy: str) -> None:
    with pytest.raises(ConfigError) as caught:
        codec.parse_job("a", row)

    assert (caught.value.field, caught.value.code) == (field, code)
    assert remedy in str(caught.value)
    str(caught.value).encode()  # can be written to STATE_DB and to a log


def test_a_field_of_a_later_version_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    later = replace(schema.JOB_FIELDS["truncate"], available=False)
    monkeypatch.setitem(schema.JOB_FIELDS, "truncate", later)
    with pytest.raises(ConfigError, match="not available in this version; remove the field") as caught:
        codec.parse_job("a", {"port": "Ethernet0", "truncate": "82"})
    assert (caught.value.field, caught.value.code) == ("truncate", "not_available")


@pytest.mark.parametrize("key", ["a|b", "", "-a", "a" * 65, "a b", "ä", "a\udcff"])
def test_a_bad_key_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match="job_id"):
        codec.parse_job(key, {"port": "Ethernet0"})


def test_one_bad_row_leaves_the_others_alone() -> None:
    parsed = codec.parse_jobs({"good": {"port": "Ethernet0"}, "bad|key": {"port": "Ethernet4"}})

    assert parsed["good"] == JobSpec("good", "Ethernet0")
    bad = parsed["bad|key"]
    assert isinstance(bad, Rejection)
    assert (bad.code, bad.port) == ("invalid_value", "Ethernet4")


@given(st.dictionaries(st.text(max_size=8), st.text(st.characters(), max_size=20), max_size=5), st.text(max_size=10))
@example({"port": "\ud800"}, "a")
def test_no_row_crashes_the_codec(row: dict[str, str], key: str) -> None:
    (parsed,) = codec.parse_jobs({key: row}).values()

    assert isinstance(parsed, (JobSpec, Rejection))


@given(
    st.sampled_from(Status),
    st.sampled_from(Reason),
    st.sampled_from(Visibility),
    st.integers(0, 2**64),
    st.integers(0, 10**15),
)
def test_a_status_round_trips_through_its_row(
    status: Status, reason: Reason, visibility: Visibility, packets: int, ms: int
) -> None:
    now = 1_800_000_000_000_000_000
    told = JobStatus(
        "a",
        status,
        reason,
        "why",
        "Ethernet0",
        "Ethernet0",
        "both",
        "direct",
        visibility,
        ms % 10**12 * 10**6,
        0,
        packets,
        7,
        now,
    )

    again = codec.parse_status("a", codec.status_row(told, now))

    assert again is not None
    assert (again.status, again.reason, again.visibility, again.packets) == (status, reason, visibility, packets)
    assert (again.started_ns, again.sample_ns, again.updated_ns) == (told.started_ns, now, now)


def test_a_strangers_status_row_is_not_ours() -> None:
    assert codec.parse_status("a", {"status": "weird"}) is None
    for wrong in ("-1", "1_0", "²", "9" * 5000):
        assert codec.parse_status("a", {"status": "running", "packets": wrong}) is None
        told = codec.parse_status("a", {"status": "running", "sample_age_ms": wrong})
        assert told is not None
        assert told.sample_ns == 0
    assert codec.parse_timestamp("0001-01-01T00:00:00+23:59") == 0
