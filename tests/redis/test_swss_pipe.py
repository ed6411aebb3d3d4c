"""ConfigDBPipeConnector: the same rows as ConfigDBConnector, written in one transaction."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.redis import RawRedis


@pytest.fixture
def pipe(swss: Any) -> Any:
    connector = swss.ConfigDBPipeConnector(use_unix_socket_path=True)
    connector.connect(wait_for_init=False)
    yield connector
    connector.close()


def test_set_entry(pipe: Any, config_rows: RawRedis) -> None:
    pipe.set_entry("t", ("a", "b"), {"f": "1", "ports": ["x", "y"]})
    assert config_rows.row("T|a|b") == {b"f": b"1", b"ports@": b"x,y"}
    pipe.set_entry("T", ("a", "b"), {"g": "2"})
    assert config_rows.row("T|a|b") == {b"g": b"2"}
    pipe.set_entry("T", ("a", "b"), {})
    assert config_rows.row("T|a|b") == {b"NULL": b"NULL"}
    pipe.set_entry("T", ("a", "b"), None)
    assert config_rows("EXISTS", "T|a|b") == 0


def test_mod_entry_merges(pipe: Any, config_rows: RawRedis) -> None:
    pipe.mod_entry("T", "a", {"f": "1"})
    pipe.mod_entry("T", "a", {"g": "2"})
    assert config_rows.row("T|a") == {b"f": b"1", b"g": b"2"}


def test_mod_config(pipe: Any, config_rows: RawRedis) -> None:
    for key in ("T|a", "T|gone", "U|a", "V|a"):
        config_rows("HSET", key, "old", "1")
    pipe.mod_config({"T": {"a": {"new": "2"}, "gone": None, ("b", "c"): {}}, "U": {}, "V": None})
    assert sorted(config_rows("KEYS", "*")) == [b"T|a", b"T|b|c", b"U|a"]
    assert config_rows.row("T|a") == {b"old": b"1", b"new": b"2"}
    assert config_rows.row("T|b|c") == {b"NULL": b"NULL"}


def test_a_thousand_rows_in_and_out(pipe: Any, config_db: Any) -> None:
    rows = {f"Ethernet{number}": {"index": str(number)} for number in range(1000)}
    pipe.mod_config({"PORT": rows, "OTHER": {"a": {}}})
    assert pipe.get_config() == {"PORT": rows, "OTHER": {"a": {}}} == config_db.get_config()
    pipe.mod_config({"PORT": None})
    assert pipe.get_config() == {"OTHER": {"a": {}}}
    pipe.delete_table("OTHER")
    assert pipe.get_config() == {}


def test_keys_without_separator_are_left_out(pipe: Any, config_rows: RawRedis) -> None:
    config_rows("SET", "CONFIG_DB_INITIALIZED", "1")
    config_rows("HSET", "T|a|b", "f", "v")
    assert pipe.get_config() == {"T": {("a", "b"): {"f": "v"}}}


def test_a_refused_write_is_an_error(pipe: Any, config_rows: RawRedis) -> None:
    config_rows("SET", "T|a", "no hash")
    with pytest.raises(RuntimeError):
        pipe.mod_config({"T": {"a": {"f": "v"}}})
