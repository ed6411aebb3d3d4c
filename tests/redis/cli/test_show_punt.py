"""``show telegen punt``: who is on the way to the CPU, worst first, beside what CoPP lets pass."""

from __future__ import annotations

import json

import pytest

from sonic_telegen.cli import times
from sonic_telegen.db import punts
from sonic_telegen.model.punt import BYTES, Policer, PuntStatus
from sonic_telegen.model.sample import Counters
from tests.support.redis import RawRedis
from tests.support.sonic_cli import Door, Trees
from tests.support.told import AT, SECOND, hook, put, tell

SLOW, HOST = Policer("queue4_group3", 100), Policer("queue1_group1", 6000)


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch, state_rows: RawRedis) -> None:
    monkeypatch.setattr(times, "now", lambda: float(AT))
    monkeypatch.setattr("time.time", lambda: float(AT - 60))
    tell(state_rows, hooks=[hook("Ethernet0"), hook("Ethernet4"), hook("Ethernet8")])


def punt(
    state_rows: RawRedis,
    port: str,
    protocol: str,
    packets: int,
    pps: float | None = 0.0,
    policer: Policer | None = None,
    size: int = 100,
) -> None:
    """A row as the agent writes it, of packets of this size."""
    bps = None if pps is None else 8 * size * pps
    status = PuntStatus(port, 7, protocol, Counters(packets, size * packets), pps, bps, policer)
    put(state_rows, f"TELEGEN_PUNT_TABLE|{port}|{protocol}", punts.punt_row(status, AT * SECOND))


def cells(printed: str) -> list[str]:
    return [" ".join(line.split()) for line in printed.splitlines()]


def test_protocols_by_port_worst_first_and_the_groups_below(show: Door, state_rows: RawRedis) -> None:
    punt(state_rows, "Ethernet12", "lldp", 20, 4, SLOW)
    punt(state_rows, "Ethernet4", "dhcp", 9000, 91.5, SLOW)
    punt(state_rows, "Ethernet4", "ssh", 50_000, 300, HOST)
    lines = cells(show("punt"))
    assert lines[0] == "IFACE PROTOCOL PACKETS PPS BPS GROUP CIR USED"
    assert lines[2:5] == [
        "Ethernet4 dhcp 9,000 91.5/s 73.20 kb/s queue4_group3 100/s 91.50 %",
        "Ethernet4 ssh 50,000 300.0/s 240.00 kb/s queue1_group1 6,000/s 5.00 %",
        "Ethernet12 lldp 20 4.0/s 3.20 kb/s queue4_group3 100/s 4.00 %",
    ]
    assert lines[6] == "GROUP PROTOCOLS PPS BPS CIR USED"
    assert lines[8:10] == [
        "queue4_group3 lldp, dhcp 95.5/s 76.40 kb/s 100/s 95.50 %",
        "queue1_group1 ssh 300.0/s 240.00 kb/s 6,000/s 5.00 %",
    ]
    assert "unknown" not in "".join(lines)


def test_one_port_is_shown_and_the_groups_stay_those_of_all_ports(show: Door, state_rows: RawRedis) -> None:
    punt(state_rows, "Ethernet0", "lldp", 20, 4, SLOW)
    punt(state_rows, "Ethernet4", "lldp", 20, 50, SLOW)
    lines = cells(show("punt", "Ethernet0"))
    assert lines[2:4] == ["Ethernet0 lldp 20 4.0/s 3.20 kb/s queue4_group3 100/s 4.00 %", ""]
    assert lines[6] == "queue4_group3 lldp 54.0/s 43.20 kb/s 100/s 54.00 %"
    found = json.loads(show("punt", "Ethernet0", "--json"))
    assert [row["interface"] for row in found["punt"]] == ["Ethernet0"]
    assert found["groups"][0]["packets_per_second"] == 54
    assert show.refuses("punt", "Ethernet99").startswith("Ethernet99 is not counted; counted: Ethernet0, ")


def test_what_did_not_move_is_counted_and_shown_when_asked_for(show: Door, trees: Trees, state_rows: RawRedis) -> None:
    punt(state_rows, "Ethernet0", "bgp", 5, 1)
    punt(state_rows, "Ethernet0", "arp", 700)
    punt(state_rows, "Ethernet4", "arp", 800)
    everything = trees.show.says("punt --all")
    printed = show("punt")
    assert "arp" not in printed
    assert f"2 more without a packet between the last two readings: {everything}\n" in printed
    assert show("punt", "--all").count(" arp ") == 2
    assert len(json.loads(show("punt", "--json"))["punt"]) == 3


def test_without_copp_it_is_unknown_and_never_assumed(show: Door, state_rows: RawRedis) -> None:
    punt(state_rows, "Ethernet0", "bgp", 5, None)
    printed = show("punt")
    assert cells(printed)[2] == "Ethernet0 bgp 5 N/A N/A unknown unknown N/A"
    assert "unknown: CoPP's configuration has no trap in force" in printed
    assert "GROUP PROTOCOLS" not in " ".join(cells(printed))


def test_a_group_without_limit_and_one_that_counts_bytes(show: Door, state_rows: RawRedis) -> None:
    punt(state_rows, "Ethernet0", "bgp", 5, 1, Policer("free", None))
    punt(state_rows, "Ethernet0", "ssh", 5, 10, Policer("bytes", 4000, BYTES))
    lines = cells(show("punt"))
    assert lines[2:4] == [
        "Ethernet0 ssh 5 10.0/s 8.00 kb/s bytes 4,000 B/s 25.00 %",
        "Ethernet0 bgp 5 1.0/s 800.00 b/s free none N/A",
    ]


def test_nothing_seen_says_what_it_takes(show: Door, trees: Trees) -> None:
    asked = trees.config.says("job add <job_id> all")
    assert show("punt").endswith(
        f"\nNothing was seen yet; control protocols are told apart while a job has port=all: {asked}\n"
    )
    assert json.loads(show("punt", "--json")) == {"punt": [], "groups": []}


def test_packets_are_those_since_this_user_cleared(trees: Trees, state_rows: RawRedis) -> None:
    punt(state_rows, "Ethernet0", "bgp", 100, 1)
    punt(state_rows, "Ethernet4", "bgp", 100, 1)
    trees.clear("counters", "Ethernet0")
    punt(state_rows, "Ethernet0", "bgp", 130, 1)
    punt(state_rows, "Ethernet4", "bgp", 130, 1)
    punt(state_rows, "Ethernet0", "arp", 7, 1)
    rows = {(row["interface"], row["protocol"]): row for row in json.loads(trees.show("punt", "--json"))["punt"]}
    assert {key: (row["packets"], row["bytes"], row["cleared_at"]) for key, row in rows.items()} == {
        ("Ethernet0", "bgp"): (30, 3000, "2026-09-21T14:12:20Z"),
        ("Ethernet0", "arp"): (7, 700, None),
        ("Ethernet4", "bgp"): (130, 13_000, None),
    }
    raw = trees.show.says("punt --raw")
    note = f"PACKETS since this user cleared, at 2026-09-21T14:12:20Z (Ethernet0); all that was ever counted: {raw}"
    assert note in trees.show("punt")
    assert "Ethernet0 bgp 130" in " ".join(cells(trees.show("punt", "--raw")))
    punt(state_rows, "Ethernet0", "bgp", 3, 1)
    assert "Counters began anew after they were cleared: Ethernet0" in trees.show("punt")


def test_aliases_and_an_agent_that_is_away(
    show: Door, state_rows: RawRedis, config_rows: RawRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(config_rows, "PORT|Ethernet4", {"alias": "Eth2"})
    punt(state_rows, "Ethernet4", "arp", 1, 1)
    monkeypatch.setenv("SONIC_CLI_IFACE_MODE", "alias")
    assert cells(show("punt", "Eth2"))[2].startswith("Eth2 arp 1 ")
    monkeypatch.setattr(times, "now", lambda: float(AT + 3600))
    assert show("punt").startswith("The agent is not running: ")
