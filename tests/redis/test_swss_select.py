"""Select: its states, who comes first, and how often a table is handed out."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.redis import RawRedis, wait_until


@pytest.fixture
def db(swss: Any) -> Any:
    return swss.DBConnector("CONFIG_DB", 0)


def test_states(swss: Any) -> None:
    names = swss.Select
    assert (names.OBJECT, names.ERROR, names.TIMEOUT, names.SIGNALINT) == (0, 1, 2, 3)
    assert swss.Select.resultToString(2) == "TIMEOUT"


def test_timeout_is_waited_for(swss: Any, db: Any) -> None:
    table = swss.SubscriberStateTable(db, "T")
    selector = swss.Select()
    selector.addSelectable(table)
    began = time.monotonic()
    state, selected = selector.select(100)
    assert (state, selected) == (swss.Select.TIMEOUT, None)
    assert time.monotonic() - began >= 0.09


def test_existing_rows_are_ready_at_once(swss: Any, db: Any, config_rows: RawRedis) -> None:
    config_rows("HSET", "T|a", "f", "1")
    table = swss.SubscriberStateTable(db, "T")
    selector = swss.Select()
    assert selector.isQueueEmpty()
    selector.addSelectable(table)
    assert not selector.isQueueEmpty()
    state, selected = selector.select(0)
    assert (state, selected.getFd()) == (swss.Select.OBJECT, table.getFd())


def test_selected_is_the_table_after_a_cast(swss: Any, db: Any, config_rows: RawRedis) -> None:
    config_rows("HSET", "T|a", "f", "1")
    table = swss.SubscriberStateTable(db, "T")
    selector = swss.Select()
    selector.addSelectable(table)
    _, selected = selector.select(0)
    cast = swss.CastSelectableToSubscriberTableObj(selected)
    assert cast.getTableName() == "T"
    key, op, _ = cast.pop()
    assert (key, op) == ("a", "SET")


def test_one_pop_a_select_gets_everything(swss: Any, db: Any, config_rows: RawRedis) -> None:
    for number in range(5):
        config_rows("HSET", f"T|{number}", "f", "1")
    table = swss.SubscriberStateTable(db, "T")
    selector = swss.Select()
    selector.addSelectable(table)
    keys = []
    while selector.select(0)[0] == swss.Select.OBJECT:
        keys.append(table.pop()[0])
    assert sorted(keys) == ["0", "1", "2", "3", "4"]


def test_higher_priority_first_then_the_longest_unserved(swss: Any, db: Any, config_rows: RawRedis) -> None:
    for name in ("LOW", "LOWTOO", "HIGH"):
        for key in ("a", "b"):
            config_rows("HSET", f"{name}|{key}", "f", "1")
    tables = {
        name: swss.SubscriberStateTable(db, name, 128, 10 * (name == "HIGH")) for name in ("LOW", "LOWTOO", "HIGH")
    }
    selector = swss.Select()
    for table in tables.values():
        selector.addSelectable(table)
    order = []
    while (found := selector.select(0))[0] == swss.Select.OBJECT:
        table = swss.CastSelectableToSubscriberTableObj(found[1])
        order.append(table.getTableName())
        table.pop()
    assert order[:2] == ["HIGH", "HIGH"]
    assert order[2] != order[3]
    assert sorted(order[2:]) == ["LOW", "LOW", "LOWTOO", "LOWTOO"]


def test_removed_tables_are_not_waited_for(swss: Any, db: Any, config_rows: RawRedis) -> None:
    gone, stays = swss.SubscriberStateTable(db, "GONE"), swss.SubscriberStateTable(db, "STAYS")
    selector = swss.Select()
    selector.addSelectable(gone)
    selector.addSelectable(stays)
    selector.addSelectable(stays)  # a second time is ignored
    selector.removeSelectable(gone)
    config_rows("HSET", "GONE|a", "f", "1")
    config_rows("HSET", "STAYS|a", "f", "1")
    state, selected = selector.select(10_000)
    assert (state, selected.getFd()) == (swss.Select.OBJECT, stays.getFd())


def test_a_lost_server_is_an_error(swss: Any, db: Any, config_rows: RawRedis) -> None:
    table = swss.SubscriberStateTable(db, "T")
    selector = swss.Select()
    selector.addSelectable(table)
    wait_until(lambda: config_rows.subscribers() == 1, "the table subscribes")
    config_rows("CLIENT", "KILL", "TYPE", "pubsub")
    state, selected = selector.select(10_000)
    assert (state, selected) == (swss.Select.ERROR, None)


class Interrupted(Exception):
    pass


@pytest.fixture
def ticks() -> Iterator[list[int]]:
    """A signal every 50 ms with a handler that only takes note."""
    seen: list[int] = []
    former = signal.signal(signal.SIGALRM, lambda number, _: seen.append(number))
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    yield seen
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, former)


def test_a_signal_ends_the_wait_if_asked_for(swss: Any, db: Any, ticks: list[int]) -> None:
    table = swss.SubscriberStateTable(db, "T")
    selector = swss.Select()
    selector.addSelectable(table)
    state, selected = selector.select(20_000, True)
    assert (state, selected) == (swss.Select.SIGNALINT, None)
    assert ticks


def test_else_the_wait_goes_on(swss: Any, db: Any, ticks: list[int]) -> None:
    table = swss.SubscriberStateTable(db, "T")
    selector = swss.Select()
    selector.addSelectable(table)
    signal.setitimer(signal.ITIMER_REAL, 0.05)  # once: the real library begins its wait anew with each
    state, _ = selector.select(200)
    assert state == swss.Select.TIMEOUT
    assert ticks


def test_a_handlers_exception_comes_out(swss: Any, db: Any, ticks: list[int]) -> None:
    def handler(number: int, frame: object) -> None:
        raise Interrupted

    table = swss.SubscriberStateTable(db, "T")
    selector = swss.Select()
    selector.addSelectable(table)
    signal.signal(signal.SIGALRM, handler)
    try:
        with pytest.raises(Interrupted):
            selector.select(20_000, True)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
