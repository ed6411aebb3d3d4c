"""``sonic-clear telegen counters``: for one viewer, on one port or all; the agent's rows stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from sonic_telegen.cli import baseline
from tests.support.redis import RawRedis
from tests.support.sonic_cli import Door, Trees, on_sonic


def counted(state_rows: RawRedis, key: str, packets: int) -> dict[str, str]:
    row = {"ifindex": "7", "ipv4_packets": str(packets), "ipv4_bytes": str(packets * 100)}
    state_rows("HSET", f"TELEGEN_INTERFACE_TABLE|{key}", *(part for pair in row.items() for part in pair))
    return row


def since(rows: dict[str, dict[str, str]]) -> dict[str, str]:
    return {key: row["ipv4_packets"] for key, row in baseline.subtract(rows).rows.items()}


@pytest.fixture
def rows(state_rows: RawRedis) -> dict[str, dict[str, str]]:
    keys = {"Ethernet0|ingress": 10, "Ethernet0|egress": 20, "Ethernet4|ingress": 30}
    return {key: counted(state_rows, key, packets) for key, packets in keys.items()}


def test_all_ports_begin_at_zero_for_the_viewer(trees: Trees, rows: dict[str, dict[str, str]]) -> None:
    told = trees.clear("counters")
    raw = trees.show.says("interfaces --raw")
    assert told == f"Counters of all ports cleared for this user; all that was ever counted: {raw}\n"
    assert since(rows) == dict.fromkeys(rows, "0")


def test_one_port_is_cleared_in_both_directions_and_no_other(
    clear: Door, rows: dict[str, dict[str, str]], state_rows: RawRedis
) -> None:
    assert clear("counters", "Ethernet0").startswith("Counters of Ethernet0 cleared for this user; ")
    assert since(rows) == {"Ethernet0|ingress": "0", "Ethernet0|egress": "0", "Ethernet4|ingress": "30"}
    assert state_rows.row("TELEGEN_INTERFACE_TABLE|Ethernet0|ingress")[b"ipv4_packets"] == b"10"


def test_an_alias_is_a_port_in_alias_mode(
    clear: Door, rows: dict[str, dict[str, str]], config_rows: RawRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SONIC_CLI_IFACE_MODE", "alias")
    config_rows("HSET", "PORT|Ethernet4", "alias", "Eth2")
    clear("counters", "Eth2")
    assert since(rows)["Ethernet4|ingress"] == "0"
    assert since(rows)["Ethernet0|ingress"] == "10"


def test_a_port_that_is_not_counted_is_told_with_those_that_are(clear: Door, rows: dict[str, dict[str, str]]) -> None:
    told = clear.refuses("counters", "Ethernet8")
    assert told == "Ethernet8 is not counted; counted are: Ethernet0, Ethernet4"
    assert clear.refuses("counters", "\udcff").startswith("\\xff is not counted; ")


def test_groups_abbreviate_as_sonics_root_does(rows: dict[str, dict[str, str]]) -> None:
    assert on_sonic().clear("count", "Ethernet0").startswith("Counters of Ethernet0 cleared")


def test_nothing_counted_is_told(clear: Door) -> None:
    assert clear.refuses("counters") == "nothing is counted yet"


def test_a_place_where_nothing_can_be_kept_is_told(
    clear: Door, rows: dict[str, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SONIC_CLI_CACHE_DIR", str(tmp_path / "file"))
    assert clear.refuses("counters").startswith("the counters of this moment cannot be kept: ")
