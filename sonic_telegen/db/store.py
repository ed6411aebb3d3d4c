"""The tables in Redis as the worker uses them: one reading of all rows; the only writer of our STATE_DB rows."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sonic_telegen.db import codec, mirrors, punts, results, schema
from sonic_telegen.errors import StoreError
from sonic_telegen.log import NOTICE, fields, log
from sonic_telegen.model.asked import Asked
from sonic_telegen.model.mirror import AddSession, SessionAction
from sonic_telegen.model.status import Told
from sonic_telegen.swsscommon.failure import ReplyFailure
from sonic_telegen.swsscommon.swsscommon import DBConnector, SonicDBConfig
from sonic_telegen.swsscommon.transaction import RedisFailure, change_row_if, read_tables, replace_rows

TIMEOUT_MS = 2000  # for one answer of Redis; a pass that waits longer changes nothing and tries again
VOLATILE = {"updated_at", "sample_age_ms", "window_ms"}  # no reason by themselves to write a row again
STATE_TABLES = (
    schema.STATE_JOB_TABLE,
    schema.STATE_RESULT_TABLE,
    schema.STATE_INTERFACE_TABLE,
    schema.STATE_PUNT_TABLE,
    schema.STATE_AGENT_TABLE,
)

_loading = threading.Lock()  # the configuration is one for the process; worker and subscription both connect


def key(table: str, *parts: str) -> str:
    """The Redis key of a row."""
    return schema.SEPARATOR.join((table, *parts))


def connect(db: str, config: Path) -> DBConnector:
    """A connection found by name through ``database_config.json``; raises StoreError."""
    try:
        with _loading:
            if not SonicDBConfig.isInit():
                SonicDBConfig.load_sonic_db_config(str(config))
        return DBConnector(db, TIMEOUT_MS)
    except (RedisFailure, RuntimeError, OSError, ValueError, IndexError) as problem:
        raise StoreError("connect", db, f"{problem} (database_config.json: {config})") from problem


class Store:
    """Reads ``Asked``, writes ``Told``; connects when needed, and again after any failure."""

    def __init__(self, config: Path) -> None:
        self._config_file = config
        self._config: DBConnector | None = None
        self._state: DBConnector | None = None
        self._rows: dict[str, dict[str, str]] = {}  # our STATE_DB rows as last read or written
        self._stale = False

    @contextmanager
    def _connected(self, operation: str, db: str) -> Iterator[tuple[DBConnector, DBConnector]]:
        try:
            if self._stale:
                self._stale = False
                self.close()
                with _loading:
                    SonicDBConfig.reset()
            if self._config is None or self._state is None:
                self._config = connect(schema.CONFIG_DB, self._config_file)
                self._state = connect(schema.STATE_DB, self._config_file)
            yield self._config, self._state
        except RedisFailure as problem:
            self.close()
            raise StoreError(operation, db, str(problem)) from problem
        except StoreError:
            self.close()
            raise

    def close(self) -> None:
        """Drop the connections; the next call opens new ones."""
        self._config = self._state = None

    def reload(self) -> None:
        """Read ``database_config.json`` again before the next access; from any thread."""
        self._stale = True

    def read(self) -> Asked:
        """Every row that a pass decides on; a row that is none is a Rejection among them."""
        logger = key(schema.LOGGER_TABLE, schema.LOGGER_KEY)
        device = key(schema.DEVICE_TABLE, schema.DEVICE_KEY)
        tables = (schema.JOB_TABLE, schema.GLOBAL_TABLE, schema.PORT_TABLE, *schema.COPP_TABLES, *schema.SWITCH_TABLES)
        wanted = [*(key(table, "") for table in tables), logger, device]
        with self._connected("read", schema.CONFIG_DB) as (config, state):
            initialized = config.get(schema.INIT_INDICATOR) == "1"
            rows = read_tables(config, wanted)
            self._rows = read_tables(state, [key(table, "") for table in STATE_TABLES])
            sessions = read_tables(state, [key(schema.STATE_SESSION_TABLE, "")])
            capability = key(schema.STATE_CAPABILITY_TABLE, schema.CAPABILITY_KEY)
            sessions |= read_tables(state, [capability])
        found = _by_table(rows)
        told = {}
        for name, row in self._rows.items():
            table, _, rest = name.partition(schema.SEPARATOR)
            if table == schema.STATE_JOB_TABLE and (status := codec.parse_status(rest, row)) is not None:
                told[rest] = status
        return Asked(
            jobs=codec.parse_jobs(found.get(schema.JOB_TABLE, {})),
            global_row=rows.get(key(schema.GLOBAL_TABLE, schema.GLOBAL_KEY), {}),
            ports=frozenset(found.get(schema.PORT_TABLE, ())) or None,
            told=told,
            initialized=initialized,
            log_level=codec.parse_log_level(rows.get(logger, {})),
            device={n: v for n, v in rows.get(device, {}).items() if n in ("platform", "hwsku")},
            copp={table: found[table] for table in schema.COPP_TABLES if table in found},
            mirrors=mirrors.switch_mirrors(found, _by_table(sessions)),
        )

    def booting(self) -> bool:
        """Whether a warm or fast boot is marked as under way; raises StoreError."""
        with self._connected("read", schema.STATE_DB) as (_, state):
            rows = read_tables(state, schema.BOOT_KEYS)
        return any(row.get("enable") == "true" for row in rows.values())

    def change_session(self, action: SessionAction) -> str:
        """Write or delete a row of MIRROR_SESSION if it still is as it was read; why Redis refused it, else empty."""
        adds = isinstance(action, AddSession)
        name = action.session.name if isinstance(action, AddSession) else action.name
        row, before = (action.session.row(), {}) if isinstance(action, AddSession) else (None, dict(action.row))
        whole = key(schema.SESSION_TABLE, name)
        with self._connected("write", schema.CONFIG_DB) as (config, _):
            try:
                done = change_row_if(config, whole, lambda now: dict(now) == before, row)
            except ReplyFailure as problem:
                text = f"{whole} cannot be {'written' if adds else 'deleted'}: {problem}"
                log.warning("mirror session refused", extra=fields(problem=text))
                return text
        if done:
            log.log(
                NOTICE, "mirror session asked for" if adds else "mirror session given back", extra=fields(name=name)
            )
        return ""

    def remove_owned(self, jobs: Iterable[str], owner: str) -> None:
        """Delete these rows of TELEGEN_JOB, each only while it still is ``owner``'s."""
        with self._connected("write", schema.CONFIG_DB) as (config, _):
            for job in jobs:
                change_row_if(config, key(schema.JOB_TABLE, job), lambda row: row.get("owner") == owner, None)

    def report(self, told: Told) -> None:
        """Write what changed, each row in one transaction; rows of ours that are not in ``told`` go.

        A result stays, as it was last told, as long as its job's status does.
        """
        now = time.time_ns()
        rows = {key(schema.STATE_JOB_TABLE, job): codec.status_row(status, now) for job, status in told.jobs.items()}
        for job in told.jobs:
            name = key(schema.STATE_RESULT_TABLE, job)
            before, result = self._rows.get(name), told.results.get(job)
            if result is not None:
                rows[name] = results.result_row(result, before)
            elif before is not None:
                rows[name] = before
        for item in told.interfaces:
            name = key(schema.STATE_INTERFACE_TABLE, item.name, item.direction.value)
            rows[name] = codec.interface_row(item, now)
        for punt in told.punts:
            rows[key(schema.STATE_PUNT_TABLE, punt.name, punt.protocol)] = punts.punt_row(punt, now)
        agent = key(schema.STATE_AGENT_TABLE, schema.GLOBAL_KEY)
        rows[agent] = codec.agent_row(told.agent, now)
        if told.settings:
            rows[key(schema.STATE_AGENT_TABLE, schema.SETTINGS_KEY)] = codec.settings_row(told.settings)
        changed: dict[str, Mapping[str, str] | None] = {
            name: row for name, row in rows.items() if name == agent or _differs(row, self._rows.get(name))
        }
        changed.update({name: None for name in self._rows if name not in rows})
        with self._connected("write", schema.STATE_DB) as (_, state):
            replace_rows(state, changed)
        for name, new in changed.items():
            if new is None:
                self._rows.pop(name, None)
            else:
                self._rows[name] = dict(new)


def _by_table(rows: Mapping[str, dict[str, str]]) -> dict[str, dict[str, dict[str, str]]]:
    found: dict[str, dict[str, dict[str, str]]] = {}
    for name, row in rows.items():
        table, _, rest = name.partition(schema.SEPARATOR)
        found.setdefault(table, {})[rest] = row
    return found


def _differs(row: Mapping[str, str], before: Mapping[str, str] | None) -> bool:
    if before is None or row.keys() != before.keys():
        return True
    return any(row[name] != before[name] for name in row.keys() - VOLATILE)
