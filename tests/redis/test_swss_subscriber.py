"""SubscriberStateTable: the rows there are first, then one change an event, with the row as it is when popped."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.support.redis import RawRedis

Change = tuple[str, str, dict[str, str]]


def popped(table: Any) -> Change:
    key, op, fields = table.pop()
    return key, op, dict(fields)


def changes(select: Any, table: Any, count: int) -> list[Change]:
    """The next ``count`` changes, one for each time Select hands the table out."""
    found: list[Change] = []
    deadline = time.monotonic() + 20
    while len(found) < count:
        select.select(1000)
        while (change := popped(table))[1]:
            found.append(change)
        assert time.monotonic() < deadline, f"{count} changes wanted, only these came: {found}"
    return found


@pytest.fixture
def db(swss: Any) -> Any:
    return swss.DBConnector("CONFIG_DB", 0)


@pytest.fixture
def table(swss: Any, db: Any) -> Any:
    return swss.SubscriberStateTable(db, "T")


@pytest.fixture
def select(swss: Any, table: Any) -> Any:
    selector = swss.Select()
    selector.addSelectable(table)
    return selector


def test_commands_have_names(swss: Any) -> None:
    assert (swss.SET_COMMAND, swss.DEL_COMMAND) == ("SET", "DEL")


def test_existing_rows_come_first_as_set(swss: Any, db: Any, config_rows: RawRedis) -> None:
    config_rows("HSET", "T|a", "f", "1")
    config_rows("HSET", "T|b|c", "NULL", "NULL")
    config_rows("HSET", "TT|d", "f", "1")
    table = swss.SubscriberStateTable(db, "T")
    assert table.hasData()
    config_rows("HSET", "T|e", "f", "1")
    keys, ops, rows = table.pops()
    existing = sorted((key, op, dict(row)) for key, op, row in zip(keys, ops, rows, strict=True))
    assert existing == [("a", "SET", {"f": "1"}), ("b|c", "SET", {"NULL": "NULL"})]
    selector = swss.Select()
    selector.addSelectable(table)
    assert changes(selector, table, 1) == [("e", "SET", {"f": "1"})]


def test_an_empty_table_has_nothing_to_tell(table: Any, select: Any) -> None:
    assert not table.hasData()
    state, selectable = select.select(0)
    assert (state, selectable) == (select.TIMEOUT, None)
    assert popped(table) == ("", "", {})
    keys, ops, rows = table.pops()
    assert (len(keys), len(ops), len(rows)) == (0, 0, 0)


def test_set_and_del(table: Any, select: Any, config_rows: RawRedis) -> None:
    config_rows("HSET", "T|a|b", "f", "1")
    assert changes(select, table, 1) == [("a|b", "SET", {"f": "1"})]
    config_rows("DEL", "T|a|b")
    assert changes(select, table, 1) == [("a|b", "DEL", {})]


def test_each_event_is_one_pop_with_the_latest_row(table: Any, select: Any, config_rows: RawRedis) -> None:
    config_rows.together(("HSET", "T|a", "f", "1"), ("HSET", "T|a", "f", "2"), ("HSET", "T|a", "g", "3"))
    assert changes(select, table, 3) == [("a", "SET", {"f": "2", "g": "3"})] * 3


def test_a_row_that_is_gone_when_popped_is_only_a_del(table: Any, select: Any, config_rows: RawRedis) -> None:
    config_rows.together(("HSET", "T|a", "f", "1"), ("DEL", "T|a"), ("HSET", "T|b", "f", "1"))
    assert changes(select, table, 2) == [("a", "DEL", {}), ("b", "SET", {"f": "1"})]


def test_deleting_the_last_field_is_a_del(table: Any, select: Any, config_rows: RawRedis) -> None:
    config_rows("HSET", "T|a", "f", "1", "g", "2")
    config_rows("HDEL", "T|a", "f")
    assert changes(select, table, 2)[1] == ("a", "SET", {"g": "2"})
    config_rows("HDEL", "T|a", "g")
    assert changes(select, table, 1) == [("a", "DEL", {})]


def test_flush_and_rename_tell_no_del(table: Any, select: Any, config_rows: RawRedis) -> None:
    config_rows("HSET", "T|a", "f", "1")
    config_rows("HSET", "T|b", "f", "1")
    assert len(changes(select, table, 2)) == 2
    config_rows("RENAME", "T|a", "T|c")
    config_rows("FLUSHDB")
    config_rows("HSET", "T|d", "f", "1")
    told = changes(select, table, 1)
    while told[-1][0] != "d":
        told += changes(select, table, 1)
    assert all(op == "SET" for _, op, _ in told)
    assert {key for key, _, _ in told} <= {"c", "d"}


def test_other_tables_and_databases_are_not_heard(
    table: Any, select: Any, config_rows: RawRedis, state_rows: RawRedis
) -> None:
    state_rows("HSET", "T|a", "f", "1")
    config_rows("HSET", "TT|a", "f", "1")
    config_rows("HSET", "T|b", "f", "1")
    assert changes(select, table, 1) == [("b", "SET", {"f": "1"})]


def test_separator_of_its_database(swss: Any, redis_server: Any, config_rows: RawRedis) -> None:
    counters = swss.DBConnector("COUNTERS_DB", 0)
    table = swss.SubscriberStateTable(counters, "T")
    selector = swss.Select()
    selector.addSelectable(table)
    with RawRedis(redis_server.socket, 2) as raw:
        raw("HSET", "T:a", "f", "1")
    assert changes(selector, table, 1) == [("a", "SET", {"f": "1"})]


def test_names(table: Any) -> None:
    assert (table.getTableName(), table.getTableNameSeparator()) == ("T", "|")
    assert table.getDbConnector().getDbId() == 4
    assert table.getFd() > 0


def test_pops_transposed(swss: Any, db: Any, config_rows: RawRedis) -> None:
    config_rows("HSET", "T|a", "f", "1")
    table = swss.SubscriberStateTable(db, "T")
    ((key, op, row),) = swss.transpose_pops(table.pops())
    assert (key, op, dict(row)) == ("a", "SET", {"f": "1"})


def test_rows_are_read_on_a_connection_of_its_own(table: Any, select: Any, db: Any, config_rows: RawRedis) -> None:
    db.setClientName("victim")
    config_rows.kill("victim")
    config_rows("HSET", "T|a", "f", "1")
    assert changes(select, table, 1) == [("a", "SET", {"f": "1"})]


def test_with_asyncio(table: Any, config_rows: RawRedis) -> None:
    async def follow() -> list[str]:
        loop, seen, done = asyncio.get_running_loop(), list[str](), asyncio.Event()

        def readable() -> None:
            table.readData()
            while table.hasData():
                keys, _, _ = table.pops()
                seen.extend(keys)
            if "last" in seen:
                done.set()

        while table.hasData():
            table.pops()
        loop.add_reader(table.getFd(), readable)
        for key in ("a", "b", "last"):
            config_rows("HSET", f"T|{key}", "f", "1")
        await asyncio.wait_for(done.wait(), 20)
        loop.remove_reader(table.getFd())
        return seen

    assert asyncio.run(follow()) == ["a", "b", "last"]


def test_thousands_of_rows(swss: Any, db: Any, config_rows: RawRedis) -> None:
    wanted = {str(number) for number in range(3000)}
    for number in sorted(wanted):
        config_rows("HSET", f"T|{number}", "f", number)
    table = swss.SubscriberStateTable(db, "T")
    keys, _, rows = table.pops()
    assert {key: dict(row) for key, row in zip(keys, rows, strict=True)} == {key: {"f": key} for key in wanted}
