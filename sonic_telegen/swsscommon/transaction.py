"""Ours, not the real library's: many rows written or read at once, each as a whole.

``replace_rows`` never shows a reader half a row; ``change_row_if`` never overwrites what it has not seen;
``read_tables`` never blocks the server. Surrogate escapes (bytes that
are no UTF-8) are written back as the original bytes. All failures of Redis are RedisFailure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from sonic_telegen.swsscommon.connector import DBConnector, array, fields
from sonic_telegen.swsscommon.failure import RedisFailure, ReplyFailure
from sonic_telegen.swsscommon.link import Argument, chunks, encode

__all__ = ["RedisFailure", "change_row_if", "read_tables", "replace_rows"]

_ROWS_AT_ONCE = 128
_SCAN_COUNT = 1000
_EMPTY_ROW = {"NULL": "NULL"}


def replace_rows(db: DBConnector, rows: Mapping[str, Mapping[str, str] | None]) -> None:
    """Make each whole key (``TABLE|key``) hold exactly these fields; None deletes it, ``{}`` leaves SONiC's empty row.

    Each key is one transaction of its own: the rows do not change together, and after a failure some may be written.
    A subscriber sees ``del`` and then ``hset`` for a row that was there. Rows that Redis refused raise ReplyFailure
    after all others were written; TypeError for values that are no text, before anything is written.
    """
    for row in rows.values():
        for field, value in (row or {}).items():
            encode(field), encode(value)
    refused: list[str] = []
    for chunk in chunks(rows.items(), _ROWS_AT_ONCE):
        commands: list[Sequence[Argument]] = []
        ends: list[tuple[str, int]] = []
        for key, row in chunk:
            commands += _replacement(key, row)
            ends.append((key, len(commands) - 1))
        replies = db._link.calls(commands)
        for key, end in ends:
            reply = replies[end]
            errors = [reply] if isinstance(reply, ReplyFailure) else _errors(reply)
            refused += [f"{key}: {error}" for error in errors]
    if refused:
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        raise ReplyFailure(f"write refused: {refused[0]}{more}")


def change_row_if(
    db: DBConnector, key: str, allowed: Callable[[Mapping[str, str]], bool], row: Mapping[str, str] | None
) -> bool:
    """Make ``key`` hold ``row`` (None deletes it) if ``allowed`` says so of what it holds now; whether it was changed.

    ``allowed`` gets ``{}`` for a key that is not there, and nobody's write gets between its answer and the change: it
    is asked again when another writer was faster. ReplyFailure for a key that is no hash.
    """
    link = db._link
    while True:
        link.call("WATCH", key)
        try:
            good = allowed(fields(array(link.call("HGETALL", key))))
        except BaseException:
            link.call("UNWATCH")
            raise
        if not good:
            link.call("UNWATCH")
            return False
        changes = [("DEL", key)] if row is None else list(_replacement(key, row))[1:-1]
        reply = link.calls([("MULTI",), *changes, ("EXEC",)])[-1]
        if isinstance(reply, ReplyFailure):
            raise reply
        if reply is not None:
            if errors := _errors(reply):
                raise errors[0]
            return True


def read_tables(db: DBConnector, prefixes: Sequence[str]) -> dict[str, dict[str, str]]:
    """All rows (hashes) whose whole key begins with one of ``prefixes`` (``TELEGEN_JOB|``), fields as stored.

    Keys that are no hash and rows that vanish meanwhile are left out. A row that is there from beginning to end is in
    the result; the rows are not of one moment.
    """
    rows: dict[str, dict[str, str]] = {}
    for keys in chunks(_keys(db, prefixes), _ROWS_AT_ONCE):
        replies = db._link.calls([("HGETALL", key) for key in keys])
        for key, reply in zip(keys, replies, strict=True):
            if isinstance(reply, ReplyFailure):
                if not str(reply).startswith("WRONGTYPE"):
                    raise reply
            elif row := fields(array(reply)):
                rows[key] = row
    return rows


def _replacement(key: str, row: Mapping[str, str] | None) -> Iterable[Sequence[Argument]]:
    if row is None:
        return [("DEL", key)]
    pairs = [part for pair in (row or _EMPTY_ROW).items() for part in pair]
    return [("MULTI",), ("DEL", key), ("HSET", key, *pairs), ("EXEC",)]


def _errors(reply: object) -> list[ReplyFailure]:
    """The errors among EXEC's replies; none for a plain reply."""
    return [item for item in reply if isinstance(item, ReplyFailure)] if isinstance(reply, list) else []


def _keys(db: DBConnector, prefixes: Sequence[str]) -> Iterable[str]:
    """Each key once. One sweep over the database for all prefixes, matched on what they have in common."""
    if not prefixes:
        return
    first, last = min(prefixes), max(prefixes)
    length = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    pattern = re.sub(r"([*?\[\]\\^-])", r"\\\1", first[:length]) + "*"
    wanted, seen, cursor = tuple(prefixes), set[str](), 0
    while True:
        cursor, keys = db.scan(cursor, pattern, _SCAN_COUNT)
        for key in keys:
            if key.startswith(wanted) and key not in seen:
                seen.add(key)
                yield key
        if not cursor:
            return
