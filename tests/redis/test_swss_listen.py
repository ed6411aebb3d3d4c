"""ConfigDBConnector.subscribe and listen: what is told at the start, what later, and what ends it; wait_for_init."""

from __future__ import annotations

import queue
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.redis import RawRedis, wait_until

Told = tuple[str, Any, Any]


class Stopped(Exception):
    """Raised by a handler to end listen(), which otherwise never returns."""


class Listening:
    """listen() in a thread of its own; what the handlers are told comes out of ``next``."""

    def __init__(self, swss: Any, rows: RawRedis, tables: dict[str, bool], init: bool = False) -> None:
        self._rows, self._told = rows, queue.Queue[Told]()
        self._handlers: dict[str, Callable[..., None]] = {}
        self.started: Any = None
        self.ended: BaseException | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(swss, tables, init), daemon=True)
        self._thread.start()
        if init:
            wait_until(lambda: self.started is not None or self.ended, "init_data_handler is called")
        else:
            wait_until(self._hears, "listen() hears a change")

    def _hears(self) -> bool:
        self._rows("HSET", "READY|now", "f", "v")
        return self._ready.wait(0.02) or self.ended is not None

    def _run(self, swss: Any, tables: dict[str, bool], init: bool) -> None:
        connector = swss.ConfigDBConnector(use_unix_socket_path=True)
        connector.connect(wait_for_init=False)
        for table, fire in tables.items():
            connector.subscribe(table, self._handle, fire_init_data=fire)
        connector.subscribe("STOP", self._stop)
        if not init:
            connector.subscribe("READY", lambda table, key, data: self._ready.set())
        try:
            connector.listen(init_data_handler=self._start if init else None)
        except BaseException as error:
            self.ended = error

    def _start(self, data: Any) -> None:
        self.started = data

    def _handle(self, table: str, key: Any, data: Any) -> None:
        self._told.put((table, key, data))
        if data == {"raise": "ValueError"}:
            raise ValueError

    def _stop(self, table: str, key: Any, data: Any) -> None:
        raise Stopped

    def next(self) -> Told:
        return self._told.get(timeout=20)

    def stop(self) -> list[Told]:
        """End it and return what was told and not yet asked for."""
        self._rows("HSET", "STOP|now", "f", "v")
        self._thread.join(20)
        assert isinstance(self.ended, Stopped)
        return list(self._told.queue)


def test_init_data_comes_in_one_call_with_tuple_keys(swss: Any, config_rows: RawRedis) -> None:
    config_rows("HSET", "T|a", "NULL", "NULL")
    config_rows("HSET", "T|b|c", "f@", "x,y")
    config_rows("HSET", "OTHER|d", "f", "v")
    listening = Listening(swss, config_rows, {"T": False, "EMPTY": False}, init=True)
    assert listening.started == {"T": {"a": {}, ("b", "c"): {"f": ["x", "y"]}}, "EMPTY": {}, "STOP": {}}
    assert listening.stop() == []


def test_fire_init_data_goes_to_the_handler_row_by_row(swss: Any, config_rows: RawRedis) -> None:
    config_rows("HSET", "T|a", "f", "v")
    config_rows("HSET", "T|b|c", "f", "v")
    config_rows("HSET", "U|d", "f", "v")
    listening = Listening(swss, config_rows, {"T": True, "U": False}, init=True)
    assert listening.started == {"U": {"d": {"f": "v"}}, "STOP": {}}
    assert sorted(listening.stop(), key=str) == [("T", "a", {"f": "v"}), ("T", ("b", "c"), {"f": "v"})]


def test_without_either_nothing_is_told_at_the_start(swss: Any, config_rows: RawRedis) -> None:
    config_rows("HSET", "T|a", "f", "v")
    assert Listening(swss, config_rows, {"T": False}).stop() == []


def test_changes_have_raw_keys_and_typed_rows(swss: Any, config_rows: RawRedis) -> None:
    listening = Listening(swss, config_rows, {"T": False})
    config_rows("HSET", "T|a|b", "f@", "x,y")
    assert listening.next() == ("T", "a|b", {"f": ["x", "y"]})
    config_rows("DEL", "T|a|b")
    assert listening.next() == ("T", "a|b", None)
    config_rows("HSET", "T|c", "NULL", "NULL")
    assert listening.next() == ("T", "c", {})
    assert listening.stop() == []


def test_every_command_is_told_with_the_row_as_read_then(swss: Any, config_rows: RawRedis) -> None:
    listening = Listening(swss, config_rows, {"T": False})
    config_rows.together(("HSET", "T|a", "f", "1"), ("HSET", "T|a", "f", "2"))
    assert [listening.next(), listening.next()] == [("T", "a", {"f": "2"})] * 2
    config_rows.together(("HSET", "T|b", "f", "1"), ("DEL", "T|b"))
    assert [listening.next(), listening.next()] == [("T", "b", {}), ("T", "b", None)]
    assert listening.stop() == []


def test_the_first_change_of_a_row_is_not_told_if_it_equals_the_snapshot(swss: Any, config_rows: RawRedis) -> None:
    config_rows("HSET", "T|a", "f", "1")
    config_rows("HSET", "T|b", "f", "1")
    listening = Listening(swss, config_rows, {"T": False}, init=True)
    config_rows("HSET", "T|a", "f", "1")  # equal: not told, this once
    config_rows("HSET", "T|a", "f", "1")
    assert listening.next() == ("T", "a", {"f": "1"})
    config_rows("HSET", "T|b", "f", "2")  # differs: told, and so is what follows
    config_rows("HSET", "T|b", "f", "2")
    assert [listening.next(), listening.next()] == [("T", "b", {"f": "2"})] * 2
    assert listening.stop() == []


def test_rows_with_keys_of_several_parts_are_always_told(swss: Any, config_rows: RawRedis) -> None:
    config_rows("HSET", "T|a|b", "f", "1")
    listening = Listening(swss, config_rows, {"T": False}, init=True)
    config_rows("HSET", "T|a|b", "f", "1")
    assert listening.next() == ("T", "a|b", {"f": "1"})
    assert listening.stop() == []


def test_without_a_snapshot_nothing_is_held_back(swss: Any, config_rows: RawRedis) -> None:
    config_rows("HSET", "T|a", "f", "1")
    listening = Listening(swss, config_rows, {"T": False})
    config_rows("HSET", "T|a", "f", "1")
    assert listening.next() == ("T", "a", {"f": "1"})
    assert listening.stop() == []


def test_a_handlers_value_error_is_swallowed(swss: Any, config_rows: RawRedis) -> None:
    listening = Listening(swss, config_rows, {"T": False})
    config_rows("HSET", "T|a", "raise", "ValueError")
    config_rows("HSET", "T|b", "f", "v")
    assert [listening.next()[1], listening.next()[1]] == ["a", "b"]
    assert listening.stop() == []


def test_keys_of_no_table_and_other_tables_are_passed_over(swss: Any, config_rows: RawRedis) -> None:
    listening = Listening(swss, config_rows, {"T": False})
    config_rows("SET", "CONFIG_DB_INITIALIZED", "1")
    config_rows("HSET", "OTHER|a", "f", "v")
    config_rows("HSET", "t|a", "f", "v")
    assert listening.stop() == []


def test_table_names_are_not_upper_cased(swss: Any, config_rows: RawRedis) -> None:
    listening = Listening(swss, config_rows, {"t": False})
    config_rows("HSET", "T|a", "f", "v")
    config_rows("HSET", "t|a", "f", "v")
    assert listening.next() == ("t", "a", {"f": "v"})
    assert listening.stop() == []


def test_unsubscribe(config_db: Any) -> None:
    config_db.subscribe("T", lambda table, key, data: None)
    assert "T" in config_db.handlers
    config_db.unsubscribe("T")
    config_db.unsubscribe("T")
    assert "T" not in config_db.handlers


def test_a_signal_handlers_exception_ends_listen(config_db: Any) -> None:
    def handler(number: int, frame: object) -> None:
        raise Stopped

    former = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)
    try:
        with pytest.raises(Stopped):
            config_db.listen()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)


@pytest.mark.parametrize("flag", ["0", "1"])
def test_wait_for_init_takes_any_text(swss: Any, config_rows: RawRedis, flag: str) -> None:
    config_rows("SET", "CONFIG_DB_INITIALIZED", flag)
    connector = swss.ConfigDBConnector(use_unix_socket_path=True)
    connector.connect()
    assert connector.db_name == "CONFIG_DB"


def test_wait_for_init_waits_for_text(swss: Any, config_rows: RawRedis) -> None:
    def connect() -> None:
        swss.ConfigDBConnector(use_unix_socket_path=True).connect()

    waiting = threading.Thread(target=connect, daemon=True)
    waiting.start()
    wait_until(lambda: config_rows.subscribers() == 1, "connect() waits")
    config_rows("SET", "CONFIG_DB_INITIALIZED", "")
    waiting.join(0.3)
    assert waiting.is_alive()
    config_rows("SET", "CONFIG_DB_INITIALIZED", "0")
    waiting.join(20)
    assert not waiting.is_alive()
