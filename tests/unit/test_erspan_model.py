"""The tunnel that rows, GLOBAL and environment describe together, and what is wrong with it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonic_telegen.db import codec, schema
from sonic_telegen.model.erspan import ERSPAN_DEFAULTS, ErspanAsked, ErspanSpec, tunnel
from sonic_telegen.model.job import JobSpec
from sonic_telegen.settings import resolve

ENDS = {"erspan_remote": "192.0.2.10", "erspan_local": "192.0.2.1"}


def asked(**row: str) -> ErspanAsked:
    return codec.parse_job("a", {"port": "Ethernet0"} | row).erspan


def test_a_rows_field_goes_before_global_and_global_before_the_environment() -> None:
    env = {"TELEGEN_ERSPAN_KEY": "1", "TELEGEN_ERSPAN_VER": "1", "TELEGEN_ERSPAN_TTL": "9"}
    settings = resolve(ENDS | {"erspan_key": "2", "erspan_ver": "0"}, env)
    job = JobSpec("a", "Ethernet0", erspan=asked(erspan_key="3", erspan_dev="Ethernet8"))

    expected = ErspanAsked("erspan0", "Ethernet8", "192.0.2.10", "192.0.2.1", 3, 0, 9, "inherit")
    assert settings.tunnel(job) == expected


def test_the_defaults_are_those_of_the_schema() -> None:
    found = {f"erspan_{name}": str(value) for name, value in resolve({}, {}).erspan.given().items()}

    assert found == {name: field.default for name, field in schema.GLOBAL_FIELDS.items() if name.startswith("erspan_")}


@given(st.builds(ErspanAsked, key=st.none() | st.integers(0, 1023), tos=st.sampled_from([None, "inherit", "0", "7"])))
def test_a_tunnel_round_trips_through_its_row(erspan: ErspanAsked) -> None:
    spec = JobSpec("a", "Ethernet0", erspan=erspan)
    assert codec.parse_job("a", codec.job_row(spec)) == spec


def test_jobs_that_ask_for_equal_tunnels_share_the_alias_and_no_others_do() -> None:
    spec = ErspanSpec("erspan0", "192.0.2.10", "192.0.2.1", 10, 2, 64)
    changes: list[dict[str, Any]] = [
        {"name": "e"},
        {"remote": "192.0.2.11"},
        {"local": "192.0.2.2"},
        {"key": 1},
        {"ver": 1},
        {"ttl": 1},
        {"tos": 0},
        {"mtu": 64},
    ]
    others = [replace(spec, **change) for change in changes]
    assert [name for change in changes for name in change] == [field.name for field in fields(ErspanSpec)]
    assert spec.alias == replace(spec).alias == "telegen/" + spec.digest()
    assert len({one.alias for one in (spec, *others)}) == 1 + len(others)


@pytest.mark.parametrize(
    "row, says",
    [
        ({}, "erspan_remote and erspan_local are not set"),
        ({"erspan_remote": "192.0.2.10"}, "erspan_local is not set"),
        ({"erspan_local": "192.0.2.10"}, "erspan_remote is not set"),
        ({"erspan_remote": "192.0.2.1", "erspan_local": "192.0.2.1"}, "both 192.0.2.1"),
        (ENDS | {"erspan_tos": "45"}, "set 44 or inherit"),
    ],
)
def test_what_is_no_tunnel_says_what_to_set(row: dict[str, str], says: str) -> None:
    found = tunnel(asked(**row).over(ERSPAN_DEFAULTS))
    assert isinstance(found, str)
    assert says in found


def test_a_truncated_frame_has_the_mtu_and_its_header() -> None:
    found = tunnel(asked(**ENDS, erspan_tos="184").over(ERSPAN_DEFAULTS), truncate=128)
    assert found == ErspanSpec("erspan0", "192.0.2.10", "192.0.2.1", 10, 2, 64, tos=184, mtu=114)


def test_only_the_netdev_that_frames_come_from_makes_it_another_question() -> None:
    job = JobSpec("a", "Ethernet0")
    assert replace(job, erspan=asked(**ENDS, erspan_key="7"), truncate=100).digest() == job.digest()
    assert replace(job, erspan=asked(erspan_dev="Ethernet8")).digest() != job.digest()


@pytest.mark.parametrize("address", ["224.0.0.1", "255.255.255.255", "0.0.0.0", "2001:db8::1", "192.0.2.010", ""])
@pytest.mark.parametrize("field", list(ENDS))
def test_only_a_unicast_ipv4_address_is_an_end_of_a_tunnel(field: str, address: str) -> None:
    with pytest.raises(ValueError, match="use a unicast IPv4 address"):
        schema.JOB_FIELDS[field].type.read(address)


@pytest.mark.parametrize("address", ["1.2.3.4", "10.255.0.1", "99.9.9.9", "100.1.1.1", "200.0.0.0", "223.255.255.255"])
def test_every_unicast_address_is_one(address: str) -> None:
    assert schema.JOB_FIELDS["erspan_remote"].type.read(address) == address
