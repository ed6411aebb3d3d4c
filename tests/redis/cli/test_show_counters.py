"""``show telegen interfaces`` and ``histogram``: what the agent counted, beside the ASIC's counters, since cleared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from sonic_telegen.cli import readings, state, times
from sonic_telegen.db.codec import interface_row
from sonic_telegen.demo.redisd import RedisServer
from tests.redis.conftest import COUNTERS_DB
from tests.support.redis import RawRedis
from tests.support.sonic_cli import Door, Trees
from tests.support.told import AT, SECOND, hook, put, tell

ROOT = Path(__file__).parents[3]
UCAST, OTHER = "SAI_PORT_STAT_IF_{}_UCAST_PKTS", "SAI_PORT_STAT_IF_{}_NON_UCAST_PKTS"


@pytest.fixture(autouse=True)
def fixed_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(times, "now", lambda: float(AT))
    monkeypatch.setattr("time.time", lambda: float(AT - 60))


@pytest.fixture
def counters_rows(redis_server: RedisServer, config_rows: RawRedis) -> Iterator[RawRedis]:
    with RawRedis(redis_server.socket, COUNTERS_DB) as raw:
        yield raw


def asic(counters: RawRedis, port: str, ingress: int, egress: int) -> None:
    """What the switch counted on a port, one packet in ten of it no unicast."""
    put(counters, "COUNTERS_PORT_NAME_MAP", {"Ethernet0": "oid:0x1", "Ethernet4": "oid:0x2"})
    row: dict[str, str] = {}
    for way, packets in (("IN", ingress), ("OUT", egress)):
        row |= {UCAST.format(way): str(packets - packets // 10), OTHER.format(way): str(packets // 10)}
    put(counters, {"Ethernet0": "COUNTERS:oid:0x1", "Ethernet4": "COUNTERS:oid:0x2"}[port], row)


def test_counters_by_port_direction_and_class_ports_in_natural_order(show: Door, state_rows: RawRedis) -> None:
    hooks = [
        hook("Ethernet12", packets=[1]),
        hook("Ethernet4", "egress", packets=[0, 20]),
        hook("Ethernet4", packets=[1_000_000, 200, 30, 4]),
    ]
    tell(state_rows, hooks=hooks)
    assert show("interfaces") == (
        "     IFACE      DIR    PACKETS        BYTES       IPV4    IPV6    ICMP6    OTHER    ASIC_PKTS    CPU_SEEN\n"
        "----------  -------  ---------  -----------  ---------  ------  -------  -------  -----------  ----------\n"
        " Ethernet4   egress         20        2,000          0      20        0        0          N/A         N/A\n"
        " Ethernet4  ingress  1,000,234  100,023,400  1,000,000     200       30        4          N/A         N/A\n"
        "Ethernet12  ingress          1          100          1       0        0        0          N/A         N/A\n"
    )


def test_one_port_or_none_that_is_counted(trees: Trees, state_rows: RawRedis) -> None:
    tell(state_rows, hooks=[hook("Ethernet12"), hook("Ethernet4"), hook("Ethernet4", "egress")])
    assert [line.split()[:2] for line in trees.show("interfaces", "Ethernet4").splitlines()[2:]] == [
        ["Ethernet4", "egress"],
        ["Ethernet4", "ingress"],
    ]
    why = trees.show.says("doctor Ethernet0")
    for words in (["interfaces"], ["interfaces", "--rate"], ["histogram"]):
        told = trees.show.refuses(*words, "Ethernet0")
        assert told == f"Ethernet0 is not counted; counted: Ethernet4, Ethernet12; why: {why}"


def test_nothing_counted_is_told(trees: Trees, state_rows: RawRedis) -> None:
    tell(state_rows)
    assert trees.show("interfaces").splitlines()[-1] == f"Nothing is counted; see: {trees.show.says('jobs')}"
    assert json.loads(trees.show("interfaces", "-j")) == []


def test_the_asics_packets_stand_beside_ours_and_are_compared_only_since_one_moment(
    trees: Trees, state_rows: RawRedis, counters_rows: RawRedis
) -> None:
    asic(counters_rows, "Ethernet0", 1_000_000, 500)
    tell(state_rows, hooks=[hook("Ethernet0", packets=[700]), hook("Ethernet0", "egress", packets=[50])])
    told = trees.show("interfaces").splitlines()
    assert [line.split()[-3:] for line in told[2:4]] == [["0", "500", "N/A"], ["0", "1,000,000", "N/A"]]
    assert told[-1].endswith(trees.clear.says("counters"))

    trees.clear("counters")
    asic(counters_rows, "Ethernet0", 2_000_000, 600)
    tell(state_rows, hooks=[hook("Ethernet0", packets=[900]), hook("Ethernet0", "egress", packets=[100])])
    told = trees.show("interfaces").splitlines()
    assert [line.split()[2:] for line in told[2:4]] == [
        ["50", "5,000", "50", "0", "0", "0", "100", "50.00", "%"],
        ["200", "20,000", "200", "0", "0", "0", "1,000,000", "0.02", "%"],
    ]
    raw = trees.show.says("interfaces --raw")
    assert f"Counted since this user cleared, at 2026-09-21T14:12:20Z; all that was ever counted: {raw}" in told
    (egress, ingress) = json.loads(trees.show("interfaces", "--json"))
    assert (ingress["packets"], ingress["asic_packets"], ingress["cpu_percent"]) == (200, 1_000_000, 0.02)
    assert ingress["cleared_at"] == egress["cleared_at"] == "2026-09-21T14:12:20Z"
    assert trees.show("interfaces", "--raw").splitlines()[3].split()[-3:] == ["0", "2,000,000", "N/A"]


def test_asic_counters_that_began_anew_leave_ours_and_have_no_share(
    trees: Trees, state_rows: RawRedis, counters_rows: RawRedis
) -> None:
    asic(counters_rows, "Ethernet0", 1000, 1000)
    tell(state_rows, hooks=[hook("Ethernet0", packets=[10])])
    trees.clear("counters")
    asic(counters_rows, "Ethernet0", 5, 5)
    tell(state_rows, hooks=[hook("Ethernet0", packets=[12])])
    assert trees.show("interfaces").splitlines()[2].split()[2:] == ["2", "200", "2", "0", "0", "0", "N/A", "N/A"]


def test_what_was_cleared_on_one_port_is_told_with_its_name(trees: Trees, state_rows: RawRedis) -> None:
    tell(state_rows, hooks=[hook("Ethernet0", packets=[10]), hook("Ethernet4", packets=[20])])
    trees.clear("counters", "Ethernet0")
    told = trees.show("interfaces").splitlines()
    assert [line.split()[2] for line in told[2:4]] == ["0", "20"]
    assert told[-1].startswith("Counted since this user cleared, at 2026-09-21T14:12:20Z (Ethernet0 ingress); ")


def test_counters_that_began_anew_after_they_were_cleared_are_told(trees: Trees, state_rows: RawRedis) -> None:
    tell(state_rows, hooks=[hook("Ethernet0", packets=[10])])
    trees.clear("counters")
    tell(state_rows, hooks=[hook("Ethernet0", packets=[3])])
    told = trees.show("interfaces").splitlines()
    assert told[2].split()[2] == "3"
    assert told[-1] == "Counters began anew after they were cleared: Ethernet0 ingress"


def test_asic_counters_that_are_no_numbers_are_none(show: Door, state_rows: RawRedis, counters_rows: RawRedis) -> None:
    asic(counters_rows, "Ethernet0", 10, 10)
    counters_rows("HSET", "COUNTERS:oid:0x1", UCAST.format("IN"), "many")
    counters_rows("HDEL", "COUNTERS:oid:0x1", OTHER.format("OUT"))
    tell(state_rows, hooks=[hook("Ethernet0"), hook("Ethernet0", "egress")])
    assert [row["asic_packets"] for row in json.loads(show("interfaces", "-j"))] == [None, None]


def test_a_histogram_for_each_direction(show: Door, state_rows: RawRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    small, large = hook("Ethernet0", packets=[30], size=64), hook("Ethernet0", "egress", packets=[0, 8], size=9000)
    tell(state_rows, hooks=[small, large])
    told = show("histogram", "Ethernet0").splitlines()
    assert told[0] == "Ethernet0 egress: 8 packets, 72,000 bytes"
    assert told[10] == "4096-9216        8  100.0 %  " + "█" * 31
    assert told[13] == "Ethernet0 ingress: 30 packets, 1,920 bytes"
    assert told[15] == "     0-64       30  100.0 %  " + "█" * 31
    assert show("histogram", "Ethernet0", "-d", "egress").splitlines() == told[:12]


def test_a_terminal_without_unicode_gets_plain_bars(state_rows: RawRedis) -> None:
    tell(state_rows, hooks=[hook("Ethernet0", packets=[30])])
    done = subprocess.run(
        [sys.executable, "-m", "sonic_telegen.cli", "show", "histogram", "Ethernet0"],
        env={**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "60"},
        cwd=ROOT,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"   65-127       30  100.0 %  " + b"#" * 31 in done.stdout.splitlines()


def test_a_histogram_for_each_class(show: Door, state_rows: RawRedis) -> None:
    tell(state_rows, hooks=[hook("Ethernet0", packets=[30, 5])])
    told = show("histogram", "Ethernet0", "--by-class").splitlines()
    assert [line for line in told if line.startswith("Ethernet0")] == [
        "Ethernet0 ingress ipv4: 30 packets, 3,000 bytes",
        "Ethernet0 ingress ipv6: 5 packets, 500 bytes",
        "Ethernet0 ingress icmp6: 0 packets, 0 bytes",
        "Ethernet0 ingress other: 0 packets, 0 bytes",
    ]


def test_a_histogram_since_it_was_cleared_and_as_json(trees: Trees, state_rows: RawRedis) -> None:
    tell(state_rows, hooks=[hook("Ethernet0", packets=[30])])
    trees.clear("counters")
    tell(state_rows, hooks=[hook("Ethernet0", packets=[31, 1])])
    (told,) = json.loads(trees.show("histogram", "Ethernet0", "--json"))
    assert (told["histogram"], told["bounds"][:2]) == ([0, 2, 0, 0, 0, 0, 0, 0, 0, 0], [64, 127])
    assert told["classes"]["ipv6"]["histogram"][1] == 1
    (told,) = json.loads(trees.show("histogram", "Ethernet0", "--json", "--raw"))
    assert told["histogram"][1] == 32


def test_a_direction_that_is_none_or_not_counted_is_refused(show: Door, state_rows: RawRedis) -> None:
    tell(state_rows, hooks=[hook("Ethernet0")])
    assert show.refuses("histogram", "Ethernet0", "-d", "up") == "direction='up': use ingress or egress"
    assert show.refuses("histogram", "Ethernet0", "-d", "egress").startswith("Ethernet0 is not counted on egress; ")


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Has something happen while a command waits for the agent's next reading."""

    def happens(what: Callable[[], None]) -> None:
        monkeypatch.setattr("time.sleep", lambda seconds: what())

    return happens


Later = Callable[[Callable[[], None]], None]


def test_rates_are_those_between_two_readings_of_the_agent(show: Door, state_rows: RawRedis, later: Later) -> None:
    tell(state_rows, at=AT - 12, hooks=[hook("Ethernet0", packets=[100]), hook("Ethernet4")], env={})
    later(lambda: tell(state_rows, hooks=[hook("Ethernet0", packets=[350])]))
    told = show("interfaces", "--rate").splitlines()
    assert told[0] == "Waiting for two readings (the agent reads every 10 s) ..."
    assert told[1].split()[:8] == ["IFACE", "DIR", "PPS", "BPS", "IPV4", "PPS", "IPV4", "BPS"]
    assert told[3].split()[:8] == ["Ethernet0", "ingress", "25.0/s", "20.00", "kb/s", "25.0/s", "20.00", "kb/s"]
    assert told[4].split()[:5] == ["Ethernet4", "ingress", "0.0/s", "0.00", "b/s"]
    assert told[-1] == "Between two readings of the agent, 10.0 s apart."


def test_rates_of_one_port_as_json(show: Door, state_rows: RawRedis, later: Later) -> None:
    tell(state_rows, at=AT - 12, hooks=[hook("Ethernet0", packets=[100]), hook("Ethernet4")], env={})
    later(lambda: tell(state_rows, hooks=[hook("Ethernet0", packets=[350])]))
    _, _, printed = show("interfaces", "Ethernet0", "--rate", "-j").partition("\n")
    (told,) = json.loads(printed)
    assert (told["interface"], told["packets_per_second"]) == ("Ethernet0", 25.0)


def test_no_rates_of_an_agent_that_does_not_run(show: Door, state_rows: RawRedis) -> None:
    tell(state_rows, at=AT - 600, hooks=[hook("Ethernet0")])
    assert show.refuses("interfaces", "--rate").startswith(
        "no rates: the agent is not running: it last told 10 min ago"
    )


def test_no_rates_of_an_agent_that_stops_telling(
    show: Door, state_rows: RawRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(state_rows, hooks=[hook("Ethernet0")])
    put(state_rows, "TELEGEN_TABLE|SETTINGS", {"export_interval": "1"})
    steps = iter(range(100))
    monkeypatch.setattr("time.monotonic", lambda: float(next(steps)))
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    assert show.refuses("interfaces", "--rate") == "no rates: the agent has told nothing new for 7 s"


def test_the_asics_rate_is_that_of_the_same_two_readings(
    show: Door, state_rows: RawRedis, counters_rows: RawRedis, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first reading there is may be old, and the ASIC's counters are of now: both begin at the next one."""
    told = iter([(AT + 1, 400, 51_000), (AT + 11, 500, 151_000)])

    def next_reading() -> None:
        at, packets, switched = next(told)
        monkeypatch.setattr(times, "now", lambda: at + 0.5)
        asic(counters_rows, "Ethernet0", switched, 0)
        tell(state_rows, at=at, hooks=[hook("Ethernet0", packets=[packets])])

    asic(counters_rows, "Ethernet0", 50_000, 0)
    tell(state_rows, at=AT - 9, hooks=[hook("Ethernet0", packets=[100])], env={})
    later(next_reading)
    shown = show("interfaces", "--rate").splitlines()
    assert shown[3].split()[2] == "10.0/s"
    assert shown[3].split()[-3:] == ["10,000.0/s", "0.10", "%"]
    assert shown[-1].startswith("ASIC PPS: ")


def test_a_reading_in_the_middle_of_a_report_is_taken_again(
    state_rows: RawRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row of a hook is newer than the agent's own: the report is not complete yet."""
    tell(state_rows, at=AT - 12, hooks=[hook("Ethernet0", packets=[100])])
    name = "TELEGEN_INTERFACE_TABLE|Ethernet0|ingress"
    put(state_rows, name, interface_row(hook("Ethernet0", packets=[350]), (AT - 2) * SECOND))
    looks, real = [], state.hooks

    def looked(ctx: click.Context) -> dict[str, dict[str, str]]:
        looks.append(ctx)
        if len(looks) == 3:
            tell(state_rows, hooks=[hook("Ethernet0", packets=[350])])
        return real(ctx)

    monkeypatch.setattr(state, "hooks", looked)
    with click.Context(click.Command("x")) as ctx:
        found = readings.reading(ctx)
    assert (found.told, found.hooks[0]["packets"], len(looks)) == (AT - 2, 350, 4)
