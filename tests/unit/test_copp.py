"""Which trap group polices which protocol: the defaults of SONiC's file, and what CONFIG_DB makes of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonic_telegen.db import copp
from sonic_telegen.model.punt import Policer
from sonic_telegen.model.sample import PUNT_PROTOCOLS

FILE = Path(__file__).parents[1] / "support" / "copp_cfg.json"
DEFAULTS = copp.file_tables(json.loads(FILE.read_text()))
ON = {"state": "enabled"}
FEATURES = {"bgp": ON, "lldp": {"state": "always_enabled"}, "dhcp_relay": ON, "sflow": {"state": "disabled"}}
HOST = Policer("queue1_group1", 6000)  # of what is sent to the switch itself
ROUTING = Policer("queue4_group1", 6000)
NEIGHBOURS = Policer("queue4_group2", 600)
SLOW = Policer("queue4_group3", 100)
SONIC = {
    **dict.fromkeys(PUNT_PROTOCOLS, HOST),
    "arp": NEIGHBOURS,
    "nd": NEIGHBOURS,
    "lacp": ROUTING,
    "bgp": ROUTING,
    "lldp": SLOW,
    "dhcp": SLOW,
    "dhcpv6": SLOW,
}


NOT_POLICED = Policer("", None)


def changed(
    trap: Mapping[str, Mapping[str, str]] | None = None,
    group: Mapping[str, Mapping[str, str]] | None = None,
    feature: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, Policer]:
    """The policers that differ from the defaults' when CONFIG_DB has these rows; NOT_POLICED for none."""
    rows = {"COPP_TRAP": trap or {}, "COPP_GROUP": group or {}, "FEATURE": {**FEATURES, **(feature or {})}}
    found = dict.fromkeys(SONIC, NOT_POLICED) | copp.policers(DEFAULTS, rows)
    return {name: policer for name, policer in found.items() if policer != SONIC[name]}


def test_the_defaults_are_sonics() -> None:
    assert copp.policers(DEFAULTS, {"FEATURE": FEATURES}) == SONIC


def test_without_file_and_rows_nothing_is_known() -> None:
    assert copp.policers({}, {}) == copp.policers({}, {"FEATURE": FEATURES}) == {}


def test_a_row_goes_over_the_default_field_by_field() -> None:
    assert changed(group={"queue4_group3": {"cir": "300"}}) == dict.fromkeys(
        ("lldp", "dhcp", "dhcpv6"), Policer("queue4_group3", 300)
    )
    assert changed(trap={"lldp": {"trap_group": "queue4_group1"}}) == {"lldp": ROUTING}


def test_a_row_of_null_takes_the_default_away() -> None:
    assert changed(trap={"lldp": {"NULL": "NULL"}}) == {"lldp": NOT_POLICED}
    assert changed(trap={"bgp": {"NULL": "NULL"}}) == {"bgp": HOST}
    gone = changed(group={"queue4_group2": {"NULL": "NULL"}})
    assert gone == {"arp": NOT_POLICED, "nd": HOST}


@pytest.mark.parametrize("state", ["disabled", "always_disabled", ""])
def test_a_trap_whose_feature_is_off_is_not_in_force_unless_it_is_always_enabled(state: str) -> None:
    off = {name: {"state": state} for name in ("bgp", "lldp", "dhcp_relay", "arp", "lacp")}
    assert changed(feature=off) == {"bgp": HOST, "lldp": NOT_POLICED, "dhcp": HOST, "dhcpv6": HOST}
    assert changed(trap={"lldp": {"always_enabled": "true"}}, feature={"lldp": {"state": state}}) == {}
    assert changed(trap={"lacp": {"always_enabled": "false"}}) == {"lacp": NOT_POLICED}


def test_a_trap_and_a_group_of_the_operators_own() -> None:
    own = changed(
        trap={"mine": {"trap_ids": "ssh, snmp", "trap_group": "g", "always_enabled": "true"}},
        group={"g": {"cir": "50", "meter_type": "bytes"}},
    )
    assert own == dict.fromkeys(("ssh", "snmp"), Policer("g", 50, "bytes"))


def test_of_several_groups_the_one_with_the_smallest_cir_is_told() -> None:
    group = {"slow": {"cir": "10"}, "free": {"queue": "1"}}
    split = {"bgp": {"trap_ids": "bgp"}, "six": {"trap_ids": "bgpv6", "always_enabled": "true"}}
    assert changed({**split, "six": {**split["six"], "trap_group": "slow"}}, group) == {"bgp": Policer("slow", 10)}
    assert changed({**split, "six": {**split["six"], "trap_group": "free"}}, group) == {}


@pytest.mark.parametrize("cir", [{}, {"cir": "many"}, {"cir": "-1"}])
def test_a_group_without_a_number_has_no_limit(cir: dict[str, str]) -> None:
    trap = {"lldp": {"trap_group": "free"}}
    assert changed(trap, {"free": {"queue": "4", **cir}}) == {"lldp": Policer("free", None)}


json_values = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
)


@given(
    json_values
    | st.dictionaries(
        st.sampled_from(["COPP_TRAP", "COPP_GROUP"]),
        st.dictionaries(
            st.sampled_from(["a", "b"]),
            st.dictionaries(st.sampled_from(["trap_ids", "trap_group", "cir"]), json_values),
        ),
    )
)
def test_rubbish_in_the_file_is_left_out(content: object) -> None:
    assert isinstance(copp.policers(copp.file_tables(content), {}), dict)
