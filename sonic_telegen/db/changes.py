"""Keyspace events that mean "look again": a row of our two tables, a port, CoPP, our log level, the flag, mirrors.

What happened is ignored; the subscription is made before the first reading, so that nothing falls between.
"""

from __future__ import annotations

from pathlib import Path

from sonic_telegen.db import schema
from sonic_telegen.db.store import connect, key
from sonic_telegen.errors import StoreError
from sonic_telegen.swsscommon.swsscommon import PubSub
from sonic_telegen.swsscommon.transaction import RedisFailure

WATCHED = (
    key(schema.JOB_TABLE, ""),
    key(schema.GLOBAL_TABLE, ""),
    key(schema.PORT_TABLE, ""),
    *(key(table, "") for table in (*schema.COPP_TABLES, *schema.SWITCH_TABLES)),
    key(schema.LOGGER_TABLE, schema.LOGGER_KEY),
    schema.INIT_INDICATOR,
)
STATES_WATCHED = (key(schema.STATE_SESSION_TABLE, ""),)


class Changes:
    """One subscription on CONFIG_DB or STATE_DB; raises StoreError when Redis is not there (any more)."""

    def __init__(self, config: Path, db: str = schema.CONFIG_DB) -> None:
        database = connect(db, config)
        self._db, self._watched = db, WATCHED if db == schema.CONFIG_DB else STATES_WATCHED
        self._prefix = f"__keyspace@{database.getDbId()}__:"
        try:
            self._events = PubSub(database)
            if db == schema.CONFIG_DB:
                self._events.psubscribe(self._prefix + "*")
            for start in () if db == schema.CONFIG_DB else self._watched:  # STATE_DB has many writers
                self._events.psubscribe(f"{self._prefix}{start}*")
        except RedisFailure as problem:
            raise StoreError("subscribe", db, str(problem)) from problem

    def fileno(self) -> int:
        """For ``loop.add_reader``; then call ``drain``."""
        return int(self._events.getFd())

    def drain(self) -> bool:
        """Take in what has arrived, without waiting; whether any of it concerns us."""
        found = False
        try:
            while event := self._events.get_message(timeout=0.0):
                name = event.get("channel", "").removeprefix(self._prefix)
                found = found or name.startswith(self._watched)
        except RedisFailure as problem:
            raise StoreError("listen", self._db, str(problem)) from problem
        return found
