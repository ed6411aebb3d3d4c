"""The tables as a door uses them: rows read for showing, jobs written and withdrawn whole. Blocking; one thread a time.

Every method raises StoreError when Redis is away, and may be called again then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from sonic_telegen.db import ports, schema
from sonic_telegen.db.store import connect, key
from sonic_telegen.errors import StoreError
from sonic_telegen.model.status import Status
from sonic_telegen.swsscommon.failure import RedisFailure, ReplyFailure
from sonic_telegen.swsscommon.swsscommon import DBConnector
from sonic_telegen.swsscommon.transaction import change_row_if, read_tables

T = TypeVar("T")
Table = dict[str, dict[str, str]]  # rows by key without the table's name

ENDED = (Status.DONE, Status.STOPPED, Status.REJECTED)  # of a job that takes no place any more


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Rows of about one moment."""

    jobs: Table = field(default_factory=dict)
    statuses: Table = field(default_factory=dict)
    interfaces: Table = field(default_factory=dict)
    agent: Mapping[str, str] = field(default_factory=dict)


class Rows:
    """Connections to CONFIG_DB and STATE_DB, made by the first call."""

    def __init__(self, config: Path) -> None:
        self._file = config
        self._connectors: dict[str, DBConnector] = {}

    def check(self) -> None:
        """Find out whether both databases answer; a connection that broke meanwhile is made anew."""
        for db in (schema.CONFIG_DB, schema.STATE_DB):
            try:
                self._db(db).get(schema.INIT_INDICATOR)
            except RedisFailure:
                self._connectors.pop(db).close()
                self._ask(db, "read", lambda fresh: fresh.get(schema.INIT_INDICATOR))

    def jobs(self) -> tuple[Table, Table]:
        """The rows of all jobs, and their statuses."""
        return self._table(schema.CONFIG_DB, schema.JOB_TABLE), self._table(schema.STATE_DB, schema.STATE_JOB_TABLE)

    def job(self, job: str) -> tuple[dict[str, str], dict[str, str]]:
        """A job's row and status, each empty when there is none."""
        row = self._row(schema.CONFIG_DB, key(schema.JOB_TABLE, job))
        return row, self._row(schema.STATE_DB, key(schema.STATE_JOB_TABLE, job))

    def result(self, job: str) -> dict[str, str]:
        """What a job found, empty when nothing was told."""
        return self._row(schema.STATE_DB, key(schema.STATE_RESULT_TABLE, job))

    def interfaces(self) -> Table:
        """The rows of all hooks by ``netdev|direction``."""
        return self._table(schema.STATE_DB, schema.STATE_INTERFACE_TABLE)

    def punts(self) -> Table:
        """The rows of all control protocols by ``netdev|protocol``."""
        return self._table(schema.STATE_DB, schema.STATE_PUNT_TABLE)

    def agent(self) -> dict[str, str]:
        """What the agent says of itself, empty when it said nothing."""
        return self._row(schema.STATE_DB, key(schema.STATE_AGENT_TABLE, schema.GLOBAL_KEY))

    def settings(self) -> dict[str, str]:
        """``TELEGEN|GLOBAL``."""
        return self._row(schema.CONFIG_DB, key(schema.GLOBAL_TABLE, schema.GLOBAL_KEY))

    def snapshot(self) -> Snapshot:
        """All that a stream may show."""
        return Snapshot(*self.jobs(), self.interfaces(), self.agent())

    def check_port(self, port: str) -> None:
        """Raise ConfigError when the saved configuration may not name this port."""
        for table in ports.TABLES:
            if self._row(schema.CONFIG_DB, key(table, port)):
                return
        prefixes = [key(table, "") for table in ports.TABLES]
        found = self._ask(schema.CONFIG_DB, "read", lambda db: read_tables(db, prefixes))
        ports.check_port(port, {"": {name.partition(schema.SEPARATOR)[2] for name in found}})

    def taken(self) -> int:
        """How many jobs there are that have not ended."""
        rows, statuses = self.jobs()
        return sum(1 for job in rows if statuses.get(job, {}).get("status") not in ENDED)

    def create(self, job: str, row: Mapping[str, str]) -> bool:
        """Write a job's row unless there is something of this name; whether it was written."""
        return self._change(job, lambda now: not now, row)

    def delete_if_owner(self, job: str, owner: str) -> bool:
        """Remove a job's row if it is ``owner``'s; whether it was removed."""
        return self._change(job, lambda now: now.get("owner") == owner, None)

    def close(self) -> None:
        """Drop the connections; the next call makes new ones."""
        while self._connectors:
            self._connectors.popitem()[1].close()

    def _db(self, db: str) -> DBConnector:
        if db not in self._connectors:
            self._connectors[db] = connect(db, self._file)
        return self._connectors[db]

    def _ask(self, db: str, operation: str, function: Callable[[DBConnector], T]) -> T:
        try:
            return function(self._db(db))
        except RedisFailure as problem:
            self.close()
            raise StoreError(operation, db, str(problem)) from problem

    def _row(self, db: str, name: str) -> dict[str, str]:
        return self._ask(db, "read", lambda connector: _hash(connector, name))

    def _table(self, db: str, table: str) -> Table:
        start = key(table, "")
        found = self._ask(db, "read", lambda connector: read_tables(connector, [start]))
        return {name.removeprefix(start): row for name, row in found.items()}

    def _change(self, job: str, allowed: Callable[[Mapping[str, str]], bool], row: Mapping[str, str] | None) -> bool:
        name = key(schema.JOB_TABLE, job)

        def change(db: DBConnector) -> bool:
            try:
                return change_row_if(db, name, allowed, row)
            except ReplyFailure as problem:
                if "WRONGTYPE" in str(problem):  # somebody's key that is no row
                    return False
                raise

        return self._ask(schema.CONFIG_DB, "write", change)


def _hash(db: DBConnector, name: str) -> dict[str, str]:
    try:
        return db.hgetall(name)
    except ReplyFailure as problem:
        if "WRONGTYPE" in str(problem):
            return {}
        raise
