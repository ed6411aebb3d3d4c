"""Rows of control protocols and what the doors show of them: worst first, groups added up over protocols and ports."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonic_telegen.db import punts
from sonic_telegen.model.punt import BYTES, Policer, PuntStatus
from sonic_telegen.model.sample import PUNT_PROTOCOLS, Counters
from sonic_telegen.rest import shapes

NOW = 1_790_000_000 * 10**9
SLOW, FAST = Policer("queue4_group3", 100), Policer("queue1_group1", 6000)


def told(port: str, protocol: str, pps: float | None, policer: Policer | None = None) -> PuntStatus:
    bps = None if pps is None else pps * 800
    return PuntStatus(port, 7, protocol, Counters(1000, 64_000), pps, bps, policer)


def rows(*statuses: PuntStatus) -> dict[str, dict[str, str]]:
    return {f"{status.name}|{status.protocol}": punts.punt_row(status, NOW) for status in statuses}


def test_a_row_and_what_is_shown_of_it() -> None:
    row = punts.punt_row(told("Ethernet0", "lldp", 2 / 3, SLOW), NOW)
    assert row == {
        "ifindex": "7",
        "packets": "1000",
        "bytes": "64000",
        "pps": "0.667",
        "bps": "533.333",
        "trap_group": "queue4_group3",
        "cir": "100",
        "meter": "packets",
        "updated_at": "2026-09-21T14:13:20.000Z",
    }
    (found,) = punts.shown({"Ethernet0|lldp": row})["punt"]
    assert found == {
        "interface": "Ethernet0",
        "ifindex": 7,
        "protocol": "lldp",
        "packets": 1000,
        "bytes": 64000,
        "packets_per_second": 0.667,
        "bits_per_second": 533.333,
        "trap_group": "queue4_group3",
        "cir": 100,
        "meter": "packets",
        "used_percent": pytest.approx(0.667),
        "updated_at": "2026-09-21T14:13:20.000Z",
    }


@pytest.mark.parametrize("pps, text", [(None, ""), (0.0, "0"), (100.0, "100"), (0.0001, "0"), (12.5, "12.5")])
def test_a_rate_as_text(pps: float | None, text: str) -> None:
    assert punts.punt_row(told("Ethernet0", "arp", pps), NOW)["pps"] == text


def test_the_worst_is_the_first_and_what_has_no_limit_goes_by_its_rate() -> None:
    shown = punts.shown(
        rows(
            told("Ethernet12", "ssh", 600, FAST),
            told("Ethernet4", "lldp", 10, SLOW),
            told("Ethernet0", "dhcp", 90, SLOW),
            told("Ethernet0", "other", 500),
            told("Ethernet0", "icmp", 5, Policer("free", None)),
            told("Ethernet0", "arp", None),
        )
    )
    order = [(item["interface"], item["protocol"]) for item in shown["punt"]]
    ten_percent = [("Ethernet4", "lldp"), ("Ethernet12", "ssh")]
    assert order[0] == ("Ethernet0", "dhcp")
    assert order[1:3] == ten_percent[::-1], "of equal shares the one with the greater rate"
    assert order[3:] == [("Ethernet0", "other"), ("Ethernet0", "icmp"), ("Ethernet0", "arp")]


def test_a_group_is_the_sum_over_its_protocols_and_all_ports() -> None:
    shown = punts.shown(
        rows(
            *(told(f"Ethernet{n}", "lldp", 30, SLOW) for n in (0, 4, 8)),
            told("Ethernet0", "dhcp", 20, SLOW),
            told("Ethernet0", "dhcpv6", None, SLOW),
            told("Ethernet0", "ssh", 60, FAST),
            told("Ethernet0", "other", 5),
        )
    )
    slow, fast = shown["groups"]
    assert slow == {
        "trap_group": "queue4_group3",
        "protocols": ["lldp", "dhcp", "dhcpv6"],
        "cir": 100,
        "meter": "packets",
        "packets_per_second": 110.0,
        "bits_per_second": 88_000.0,
        "used_percent": pytest.approx(110.0),
    }
    assert (fast["trap_group"], fast["used_percent"]) == ("queue1_group1", pytest.approx(1.0))


def test_a_group_that_counts_bytes_is_compared_with_bytes() -> None:
    (group,) = punts.shown(rows(told("Ethernet0", "ssh", 10, Policer("g", 2000, BYTES))))["groups"]
    assert (group["meter"], group["used_percent"]) == ("bytes", pytest.approx(50.0))


cells = st.text(max_size=8) | st.sampled_from(["nan", "inf", "-1", "1e400", "1e308", "\udcff", "7", "bytes"])
names = st.builds("{}|{}".format, cells, st.sampled_from(PUNT_PROTOCOLS)) | cells


@given(st.dictionaries(names, st.dictionaries(st.sampled_from(list(rows(told("a", "arp", 1))["a|arp"])), cells)))
def test_whatever_stands_in_the_table_fits_the_schema(found: dict[str, dict[str, str]]) -> None:
    shown: Any = json.loads(json.dumps(punts.shown(found), allow_nan=False))
    jsonschema_rs.validator_for(shapes.PUNT).validate(shown)
