"""CoPP's configuration: which trap group polices each control protocol. Pure; rubbish never raises.

As SONiC's coppmgr reads it: rows of COPP_TRAP and COPP_GROUP go over the defaults of a file field by field, a row with
the field NULL takes the default away. A trap is in force when it is always enabled or the feature of its name is.
"""

from __future__ import annotations

from collections.abc import Mapping

from sonic_telegen.db import codec, schema
from sonic_telegen.model.punt import BYTES, PACKETS, Policer
from sonic_telegen.model.sample import PUNT_PROTOCOLS

Rows = Mapping[str, Mapping[str, str]]
Tables = Mapping[str, Rows]  # COPP_TRAP, COPP_GROUP and FEATURE

_OWN_TRAPS = {  # the rest, and these where no such trap is in force, is what is sent to an address of the switch
    "arp": ("arp_req", "arp_resp"),
    "nd": ("neigh_discovery",),
    "lacp": ("lacp",),
    "lldp": ("lldp",),
    "bgp": ("bgp", "bgpv6"),
    "bfd": ("bfd", "bfdv6"),
    "dhcp": ("dhcp",),
    "dhcpv6": ("dhcpv6",),
    "ospf": ("ospf", "ospfv6"),
    "ssh": ("ssh",),
    "snmp": ("snmp",),
}
_NO_IP = ("arp", "lacp", "lldp")
_TO_US = ("ip2me",)


def policers(defaults: Tables, rows: Tables) -> dict[str, Policer]:
    """The trap group of each protocol that has one; of several the one with the smallest CIR.

    Args:
        defaults: those of the file, empty where there is none.
        rows: CONFIG_DB's.
    """
    groups = {name: _policer(name, row) for name, row in _merged(schema.COPP_GROUP_TABLE, defaults, rows).items()}
    features = rows.get(schema.FEATURE_TABLE, {})
    by_trap: dict[str, Policer] = {}
    for name, row in sorted(_merged(schema.COPP_TRAP_TABLE, defaults, rows).items()):
        group = groups.get(row.get("trap_group", ""))
        if group is not None and (row.get("always_enabled") == "true" or _enabled(features.get(name, {}))):
            by_trap.update(dict.fromkeys(map(str.strip, row.get("trap_ids", "").split(",")), group))
    found = {}
    for protocol in PUNT_PROTOCOLS:
        own = [by_trap[trap] for trap in _OWN_TRAPS.get(protocol, ()) if trap in by_trap]
        if not own and protocol not in _NO_IP:
            own = [by_trap[trap] for trap in _TO_US if trap in by_trap]
        if own:
            found[protocol] = min(own, key=lambda p: (p.cir is None, p.cir or 0, p.group))
    return found


def _merged(table: str, defaults: Tables, rows: Tables) -> dict[str, dict[str, str]]:
    ours, theirs = defaults.get(table, {}), rows.get(table, {})
    return {
        name: {**ours.get(name, {}), **theirs.get(name, {})}
        for name in ours.keys() | theirs.keys()
        if codec.NULL_FIELD not in theirs.get(name, {})
    }


def _policer(name: str, row: Mapping[str, str]) -> Policer:
    meter = BYTES if row.get("meter_type") == BYTES else PACKETS
    return Policer(name, codec.parse_whole(row.get("cir", "")), meter)


def _enabled(feature: Mapping[str, str]) -> bool:
    return feature.get("state") in ("enabled", "always_enabled")


def file_tables(content: object) -> dict[str, dict[str, dict[str, str]]]:
    """The tables of a decoded ``copp_cfg.json``; what is no row of text fields is left out."""
    tables = content if isinstance(content, dict) else {}
    return {
        str(table): {str(key): _texts(row) for key, row in rows.items() if isinstance(row, dict)}
        for table, rows in tables.items()
        if isinstance(rows, dict)
    }


def _texts(row: Mapping[object, object]) -> dict[str, str]:
    return {str(name): value for name, value in row.items() if isinstance(value, str)}
