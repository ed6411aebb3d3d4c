"""Which values of a job's ``port`` may be saved: a row naming an unknown port would make the configuration invalid."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sonic_telegen.db import schema
from sonic_telegen.errors import ConfigError
from sonic_telegen.model.job import ALL_PORTS

MANAGEMENT_PORT = "eth0"
TABLES = (schema.PORT_TABLE, "PORTCHANNEL", "VLAN")


def check_port(port: str, tables: Mapping[str, Collection[str]]) -> None:
    """Raise ConfigError unless ``port`` is ``eth0``, ``all`` or a key of a table (keys by table's name).

    Where no table has a row (a container, a development machine) every name goes.
    """
    known = {key for keys in tables.values() for key in keys}
    if known and port not in known | {MANAGEMENT_PORT, ALL_PORTS}:
        problem = f"no row of {', '.join(TABLES[:-1])} or {TABLES[-1]} has this name; use one that has, "
        raise ConfigError("port", port, problem + f"{MANAGEMENT_PORT} or {ALL_PORTS}")
