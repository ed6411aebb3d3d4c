"""The switch's rows about mirror sessions to the noun that stands for them. Pure; rubbish never raises."""

from __future__ import annotations

from collections.abc import Mapping

from sonic_telegen.db import schema
from sonic_telegen.db.codec import Row
from sonic_telegen.model.job import Direction
from sonic_telegen.model.mirror import SessionState, SwitchMirrors

Tables = Mapping[str, Mapping[str, Row]]  # rows by key, by table

_CAPABLE = {Direction.INGRESS: "PORT_INGRESS_MIRROR_CAPABLE", Direction.EGRESS: "PORT_EGRESS_MIRROR_CAPABLE"}


def switch_mirrors(config: Tables, state: Tables) -> SwitchMirrors:
    """What CONFIG_DB and STATE_DB say; a direction of which no capability is told is taken for capable."""
    lags: dict[str, set[str]] = {name: set() for name in config.get(schema.LAG_TABLE, {})}
    for name in config.get(schema.LAG_MEMBER_TABLE, {}):
        lag, _, port = name.partition(schema.SEPARATOR)
        if lag in lags and port:
            lags[lag].add(port)
    told = state.get(schema.STATE_CAPABILITY_TABLE, {}).get(schema.CAPABILITY_KEY, {})
    return SwitchMirrors(
        rows=config.get(schema.SESSION_TABLE, {}),
        states={
            name: SessionState(row.get("status", ""), row.get("monitor_port", ""))
            for name, row in state.get(schema.STATE_SESSION_TABLE, {}).items()
        },
        lags={name: frozenset(members) for name, members in lags.items()},
        incapable=frozenset(way for way, field in _CAPABLE.items() if told.get(field) == "false"),
    )
