"""A start's body: what JSON says becomes the row that the codec takes, or a problem that names the field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonic_telegen.db import codec, schema
from sonic_telegen.errors import ConfigError
from sonic_telegen.model.values import JOB_ID
from sonic_telegen.rest.body import read_start
from sonic_telegen.rest.problem import ERRORS, Problem


def start(**members: object) -> tuple[str, dict[str, str]]:
    spec, row = read_start(json.dumps(members).encode())
    return spec.id, row


def problem(raw: bytes) -> Problem:
    with pytest.raises(Problem) as caught:
        read_start(raw)
    return caught.value


def test_the_smallest_body_gets_an_id_and_our_owner() -> None:
    first, row = start(port="Ethernet0")
    second, _ = start(port="Ethernet0")
    assert row == {"port": "Ethernet0", "owner": "rest"}
    assert first != second
    assert JOB_ID.read(first)


def test_numbers_and_truths_become_texts() -> None:
    _, row = start(port="Ethernet0", duration_sec=60.0, otlp_export=False, erspan_tos=8, erspan_key="7")
    assert (row["duration_sec"], row["otlp_export"], row["erspan_tos"], row["erspan_key"]) == ("60", "false", "8", "7")


@pytest.mark.parametrize(
    "body, code, field",
    [
        ({}, "missing_field", "port"),
        ({"port": ""}, "invalid_value", "port"),
        ({"port": 7}, "invalid_value", "port"),
        ({"port": None}, "invalid_value", "port"),
        ({"port": ["Ethernet0"]}, "invalid_value", "port"),
        ({"port": {"name": "Ethernet0"}}, "invalid_value", "port"),
        ({"port": "Ethernet0", "direction": "in"}, "invalid_value", "direction"),
        ({"port": "Ethernet0", "duration_sec": 1.5}, "invalid_value", "duration_sec"),
        ({"port": "Ethernet0", "duration_sec": 1e400}, "invalid_json", ""),
        ({"port": "Ethernet0", "duration_sec": True}, "invalid_value", "duration_sec"),
        ({"port": "Ethernet0", "duration_sec": -1}, "invalid_value", "duration_sec"),
        ({"port": "Ethernet0", "otlp_export": 1}, "invalid_value", "otlp_export"),
        ({"port": "Ethernet0", "colour": "red"}, "unknown_field", "colour"),
        ({"port": "Ethernet0", "truncate": 81}, "invalid_value", "truncate"),
        ({"port": "Ethernet0", "truncate": [100, 200]}, "invalid_value", "truncate"),
        ({"port": "Ethernet0", "filters": {"vlan": 4095}}, "invalid_value", "vlan"),
        ({"port": "Ethernet0", "filters": {"port": "Ethernet4"}}, "unknown_field", "filters.port"),
        ({"port": "Ethernet0", "filters": None}, "invalid_value", "filters"),
        ({"port": "Ethernet0", "vlan": 5, "filters": {"vlan": 6}}, "duplicate_field", "vlan"),
        ({"port": "Ethernet0", "mirror_mode": "decap", "direction": "both"}, "invalid_value", "mirror_mode"),
        ({"port": "Ethernet0", "owner": "cli"}, "invalid_value", "owner"),
        ({"port": "Ethernet0", "job_id": "a b"}, "invalid_value", "job_id"),
        ({"port": "Ethernet0", "job_id": 7}, "invalid_value", "job_id"),
        ({"port": "Ethernet0", "job_id": None}, "invalid_value", "job_id"),
        ({"port": "Ethernet0", "job_id": "start"}, "invalid_value", "job_id"),
    ],
)
def test_a_wrong_member_is_named_with_a_remedy(body: dict[str, Any], code: str, field: str) -> None:
    found = problem(json.dumps(body).encode())
    assert (found.code, found.field) == (code, field)
    assert field.rpartition(".")[2] in found.message


@pytest.mark.parametrize(
    "raw, code",
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b"[]", "invalid_json"),
        (b"null", "invalid_json"),
        (b'"port"', "invalid_json"),
        (b"\xff\xfe{\0}\0", "invalid_json"),
        (b'\xef\xbb\xbf{"port": "Ethernet0"}', "invalid_json"),
        (b'{"port": "Ethernet0", "duration_sec": NaN}', "invalid_json"),
        (b'{"port": "Ethernet0\\ud800"}', "invalid_json"),
        (b'{"port": "Ethernet0\\udcff"}', "invalid_json"),
        (b'{"port": "Ethernet0", "duration_sec": ' + b"9" * 5000 + b"}", "invalid_json"),
        (b"[" * 60000, "invalid_json"),
        (b'{"a":' * 12000, "invalid_json"),
        (b'{"port": "Ethernet0", "port": "Ethernet4"}', "duplicate_field"),
        (b'{"port": "Ethernet0", "filters": {"vlan": 1, "vlan": 2}}', "duplicate_field"),
        (b'{"\\ud800": 1, "\\ud800": 2}', "duplicate_field"),
    ],
)
def test_a_body_that_is_no_object_is_told(raw: bytes, code: str) -> None:
    found = problem(raw)
    assert found.code == code
    json.dumps(found.body(), ensure_ascii=False).encode()
    assert len(found.message) <= 200


def test_a_long_wrong_value_is_not_sent_back_whole() -> None:
    found = problem(json.dumps({"port": "E" * 60000}).encode())
    assert (found.code, found.field) == ("invalid_value", "port")
    assert len(found.message) < 400


def test_a_list_is_taken_as_json_has_it_or_as_text() -> None:
    for given_as in ([10, "46"], "10,46"):
        assert start(port="Ethernet0", filters={"dscp": given_as})[1]["dscp"] == "10,46"
    assert start(port="Ethernet0", dscp=7)[1]["dscp"] == "7"
    _, row = start(port="Ethernet0", filters={"ip_proto": ["tcp", 17], "l4_dport": [443, "8000-8099"]}, vlan=5)
    assert (row["ip_proto"], row["l4_dport"], row["vlan"]) == ("tcp,17", "443,8000-8099", "5")
    wrong: list[dict[str, object]] = [{"dscp": [10, 64]}, {"dscp": []}, {"src_cidr": 10}, {"filter": ["tcp"]}]
    wrong += [{"filters": {"l4_dport": 80}}, {"sample_rate": 0}, {"snaplen": 128}]
    for members in wrong:
        found = problem(json.dumps({"port": "Ethernet0", **members}).encode())
        assert (found.code, found.field in str(members)) == ("invalid_value", True)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*schema.JOB_FIELDS, "job_id", "filters"]) | st.text(max_size=9), json_values))
def test_any_object_is_a_row_that_the_codec_takes_or_a_problem(body: dict[str, Any]) -> None:
    try:
        spec, row = read_start(json.dumps(body).encode())
    except Problem as found:
        assert found.code in ERRORS
        return
    assert codec.parse_job(spec.id, row) == spec
    assert row["owner"] == "rest"


@given(st.dictionaries(st.sampled_from([n for n in schema.JOB_FIELDS if n != "owner"]), st.text(max_size=9)))
def test_texts_get_the_codecs_own_verdict(row: dict[str, str]) -> None:
    try:
        codec.parse_job("a", row)
    except ConfigError as verdict:
        found = problem(json.dumps({"job_id": "a", **row}).encode())
        assert (found.code, found.field, found.message) == (verdict.code, verdict.field, str(verdict))
    else:
        assert read_start(json.dumps({"job_id": "a", **row}).encode())[1] == row | {"owner": "rest"}


@given(st.binary(max_size=60))
def test_any_bytes_are_a_problem_or_a_job(raw: bytes) -> None:
    try:
        read_start(raw)
    except Problem as found:
        assert found.status == 400
