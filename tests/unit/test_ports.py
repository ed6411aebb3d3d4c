"""Which ports a job may name."""

from __future__ import annotations

import pytest

from sonic_telegen.db.ports import TABLES, check_port
from sonic_telegen.errors import ConfigError

KNOWN = {"PORT": ["Ethernet0", "Ethernet4"], "PORTCHANNEL": ["PortChannel1"], "VLAN": ["Vlan10"]}


@pytest.mark.parametrize("port", ["Ethernet4", "PortChannel1", "Vlan10", "eth0", "all"])
def test_keys_of_the_tables_and_two_more_are_ports(port: str) -> None:
    check_port(port, KNOWN)


@pytest.mark.parametrize("port", ["Ethernet8", "ethernet0", "Vlan1", "lo", ""])
def test_another_name_is_refused_with_what_to_use(port: str) -> None:
    with pytest.raises(ConfigError) as refused:
        check_port(port, KNOWN)
    assert str(refused.value) == (
        f"port={port!r}: no row of PORT, PORTCHANNEL or VLAN has this name; use one that has, eth0 or all"
    )


def test_one_table_alone_is_enough_to_refuse() -> None:
    with pytest.raises(ConfigError):
        check_port("Ethernet0", {"PORT": [], "VLAN": {"Vlan10": {}}})


@pytest.mark.parametrize("tables", [{}, dict.fromkeys(TABLES, ())], ids=["none", "empty"])
def test_where_no_table_has_a_row_every_name_goes(tables: dict[str, list[str]]) -> None:
    check_port("veth7", tables)
