"""The rows that a demo writes and reads, through the same wrapper and names as the agent's. One thread only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sonic_telegen.db import schema
from sonic_telegen.demo.tally import Count, Series
from sonic_telegen.model.sample import CLASSES
from sonic_telegen.swsscommon.swsscommon import DBConnector, SonicDBConfig

JOB = "demo"
_TIMEOUT_MS = 2000
_DIRECTIONS = ("ingress", "egress")


class Tables:
    """CONFIG_DB as an operator and SONiC's own services write it, STATE_DB as an operator reads it."""

    def __init__(self, config_file: Path) -> None:
        SonicDBConfig.load_sonic_db_config(str(config_file))
        self._config = DBConnector(schema.CONFIG_DB, _TIMEOUT_MS)
        self._state = DBConnector(schema.STATE_DB, _TIMEOUT_MS)

    def close(self) -> None:
        """Close both connections."""
        self._config.close()
        self._state.close()

    def prepare(self, ports: Sequence[str], export_interval: int) -> None:
        """What a switch has before any job: its ports, the agent's settings, and the flag that says all is loaded."""
        for number, port in enumerate(ports):
            row = {"alias": f"etp{number + 1}", "lanes": str(number), "speed": "100000", "admin_status": "up"}
            self._write(_key(schema.PORT_TABLE, port), row)
        self._write(_key(schema.GLOBAL_TABLE, schema.GLOBAL_KEY), {"export_interval": str(export_interval)})
        self._config.set(schema.INIT_INDICATOR, "1")

    def ask(self) -> None:
        """Write the demo's one job: every port, both directions."""
        self._write(_key(schema.JOB_TABLE, JOB), {"port": "all", "direction": "both"})

    def withdraw(self) -> None:
        """Remove the job's row."""
        self._config.delete(_key(schema.JOB_TABLE, JOB))

    def job(self) -> dict[str, str]:
        """The job's status row, empty before there is one."""
        return self._state.hgetall(_key(schema.STATE_JOB_TABLE, JOB))

    def agent(self) -> dict[str, str]:
        """What the agent says of itself."""
        return self._state.hgetall(_key(schema.STATE_AGENT_TABLE, schema.GLOBAL_KEY))

    def counted(self, ports: Sequence[str]) -> tuple[dict[Series, Count], float]:
        """Counts of every class on the ports, and when the newest of the rows was written (Unix seconds, 0 if none)."""
        hooks = [(port, direction) for port in ports for direction in _DIRECTIONS]
        rows = self._state.rows([_key(schema.STATE_INTERFACE_TABLE, *hook) for hook in hooks])
        counts, newest = {}, 0.0
        for (port, direction), row in zip(hooks, rows, strict=True):
            if row:
                newest = max(newest, datetime.fromisoformat(row["updated_at"]).timestamp())
                for cls in CLASSES:
                    count = Count(int(row[f"{cls}_packets"]), int(row[f"{cls}_bytes"]))
                    counts[Series(port, direction, cls)] = count
        return counts, newest

    def _write(self, name: str, row: dict[str, str]) -> None:
        for field, value in row.items():
            self._config.hset(name, field, value)


def _key(*parts: str) -> str:
    return schema.SEPARATOR.join(parts)
