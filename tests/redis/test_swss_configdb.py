"""ConfigDBConnector: how keys and values are spelled, and what each call leaves in CONFIG_DB."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.redis import RawRedis


def test_construction(swss: Any) -> None:
    fresh = swss.ConfigDBConnector()
    assert (fresh.db_name, fresh.TABLE_NAME_SEPARATOR, fresh.KEY_SEPARATOR) == ("", "|", "|")
    assert swss.ConfigDBConnector.INIT_INDICATOR == "CONFIG_DB_INITIALIZED"
    assert swss.ConfigDBConnector(namespace=None).namespace == ""
    with pytest.raises(ValueError, match="decode_responses"):
        swss.ConfigDBConnector(decode_responses=False)


def test_before_connect(swss: Any) -> None:
    with pytest.raises(IndexError):
        swss.ConfigDBConnector(use_unix_socket_path=True).get_entry("T", "a")


def test_connects_over_tcp_or_socket_to_any_database(swss: Any, state_rows: RawRedis) -> None:
    tcp = swss.ConfigDBConnector()
    tcp.db_connect("STATE_DB")
    tcp.set_entry("T", "a", {"f": "v"})
    assert tcp.db_name == "STATE_DB"
    assert state_rows.row("T|a") == {b"f": b"v"}
    counters = swss.ConfigDBConnector(use_unix_socket_path=True)
    counters.db_connect("COUNTERS_DB")
    assert (counters.KEY_SEPARATOR, counters.TABLE_NAME_SEPARATOR) == (":", ":")
    counters.set_entry("T", ("a", "b"), {"f": "v"})
    assert counters.get_redis_client("COUNTERS_DB").hget("T:a:b", "f") == "v"
    assert counters.get_keys("T") == [("a", "b")]


def test_context_manager_closes(swss: Any) -> None:
    with swss.ConfigDBConnector(use_unix_socket_path=True) as connector:
        connector.connect(wait_for_init=False)
        assert connector.get_config() == {}
    with pytest.raises(IndexError):
        connector.get_config()


def test_keys(swss: Any, config_db: Any) -> None:
    for functions in (swss.ConfigDBConnector, config_db):
        assert functions.serialize_key(("a", "b")) == "a|b"
        assert functions.serialize_key("a") == "a"
        assert functions.serialize_key(7) == "7"
        assert functions.deserialize_key("a|b") == ("a", "b")
        assert functions.deserialize_key("a") == "a"
        assert functions.deserialize_key("a|") == ("a", "")
    assert swss.ConfigDBConnector.serialize_key(("a", "b"), ":") == "a:b"
    assert swss.ConfigDBConnector.deserialize_key("a:b", separator=":") == ("a", "b")


def test_values_as_stored(swss: Any) -> None:
    to_raw = swss.ConfigDBConnector.typed_to_raw
    assert to_raw(None) == {}
    assert to_raw({}) == {"NULL": "NULL"}
    assert to_raw({"ports": ["a", "b"], "none": []}) == {"ports@": "a,b", "none@": ""}
    assert to_raw({"n": 7, "b": True, "t": ("a",)}) == {"n": "7", "b": "True", "t": "('a',)"}
    with pytest.raises(TypeError):
        to_raw({"ports": [1]})


def test_values_as_read(swss: Any) -> None:
    to_typed = swss.ConfigDBConnector.raw_to_typed
    assert to_typed(None) is None
    assert to_typed({"NULL": "NULL"}) == {}
    assert to_typed({"NULL": "NULL", "f": "v"}) == {"f": "v"}
    assert to_typed({"ports@": "a,b", "none@": "", "f": "a,b"}) == {"ports": ["a", "b"], "none": [""], "f": "a,b"}


def test_set_entry_replaces_the_row(config_db: Any, config_rows: RawRedis) -> None:
    config_db.set_entry("port", "Ethernet0", {"alias": "a", "mtu": 9100})
    assert config_rows.row("PORT|Ethernet0") == {b"alias": b"a", b"mtu": b"9100"}
    config_db.set_entry("PORT", "Ethernet0", {"mtu": "1500", "lanes": ["1", "2"]})
    assert config_rows.row("PORT|Ethernet0") == {b"mtu": b"1500", b"lanes@": b"1,2"}


def test_set_entry_empty_is_not_none(config_db: Any, config_rows: RawRedis) -> None:
    config_db.set_entry("T", "a", {"f": "v"})
    config_db.set_entry("T", "a", {})
    assert config_rows.row("T|a") == {b"NULL": b"NULL"}
    config_db.set_entry("T", "a", None)
    assert config_rows("EXISTS", "T|a") == 0


def test_set_entry_is_one_event_and_one_for_each_field_that_goes(
    swss: Any, config_db: Any, config_rows: RawRedis
) -> None:
    config_rows("HSET", "T|a", "f", "1", "g", "2", "h", "3")
    listening = config_db.get_redis_client("CONFIG_DB").pubsub()
    listening.psubscribe("__keyspace@4__:T|a")
    config_db.set_entry("T", "a", {"f": "4"})
    assert [listening.get_message(10)["data"] for _ in range(3)] == ["hset", "hdel", "hdel"]
    assert dict(listening.get_message()) == {}


def test_mod_entry_merges(config_db: Any, config_rows: RawRedis) -> None:
    config_db.mod_entry("t", ("a", "b"), {"f": "1"})
    config_db.mod_entry("T", ("a", "b"), {"g": "2"})
    assert config_rows.row("T|a|b") == {b"f": b"1", b"g": b"2"}
    config_db.mod_entry("T", ("a", "b"), {})
    assert config_rows.row("T|a|b") == {b"f": b"1", b"g": b"2", b"NULL": b"NULL"}
    assert config_db.get_entry("T", ("a", "b")) == {"f": "1", "g": "2"}
    config_db.mod_entry("T", ("a", "b"), None)
    assert config_rows("EXISTS", "T|a|b") == 0


def test_get_entry(config_db: Any, config_rows: RawRedis) -> None:
    config_rows("HSET", "T|a|b", "f", "v", "ports@", "x,y")
    config_rows("HSET", "T|empty", "NULL", "NULL")
    assert config_db.get_entry("t", ("a", "b")) == {"f": "v", "ports": ["x", "y"]}
    assert config_db.get_entry("T", "a|b") == {"f": "v", "ports": ["x", "y"]}
    assert config_db.get_entry("T", "empty") == {}
    assert config_db.get_entry("T", "absent") == {}
    config_rows("SET", "T|string", "x")
    with pytest.raises(RuntimeError):
        config_db.get_entry("T", "string")


def test_get_keys(config_db: Any, config_rows: RawRedis) -> None:
    for key in ("T|a", "T|b|c", "TT|d"):
        config_rows("HSET", key, "f", "v")
    assert sorted(config_db.get_keys("t"), key=str) == [("b", "c"), "a"]
    assert sorted(config_db.get_keys("T", split=False)) == [("T", "a"), ("T", "b", "c")]
    assert config_db.get_keys("NONE") == []


def test_get_table(config_db: Any, config_rows: RawRedis) -> None:
    config_rows("HSET", "T|a", "NULL", "NULL")
    config_rows("HSET", "T|b|c", "f@", "x")
    config_rows("HSET", "TT|d", "f", "v")
    assert config_db.get_table("t") == {"a": {}, ("b", "c"): {"f": ["x"]}}
    assert config_db.get_table("NONE") == {}


def test_get_config(config_db: Any, config_rows: RawRedis) -> None:
    config_rows("HSET", "T|a", "NULL", "NULL")
    config_rows("HSET", "U|b|c", "f", "v")
    config_rows("SET", "CONFIG_DB_INITIALIZED", "1")
    assert config_db.get_config() == {"T": {"a": {}}, "U": {("b", "c"): {"f": "v"}}}


def test_delete_table(config_db: Any, config_rows: RawRedis) -> None:
    for key in ("T|a", "T|b|c", "TT|d"):
        config_rows("HSET", key, "f", "v")
    config_db.delete_table("t")
    assert config_rows("KEYS", "*") == [b"TT|d"]


def test_mod_config(config_db: Any, config_rows: RawRedis) -> None:
    for key in ("T|a", "T|gone", "U|a", "V|a"):
        config_rows("HSET", key, "old", "1")
    config_db.mod_config({"T": {"a": {"new": "2"}, "gone": None, ("b", "c"): {}}, "U": {}, "V": None})
    assert sorted(config_rows("KEYS", "*")) == [b"T|a", b"T|b|c", b"U|a"]
    assert config_rows.row("T|a") == {b"old": b"1", b"new": b"2"}
    assert config_rows.row("T|b|c") == {b"NULL": b"NULL"}


def test_an_unreachable_server_is_told_at_once(swss: Any, redis_server: Any, tmp_path: Any) -> None:
    elsewhere = redis_server.config.read_text().replace(str(redis_server.socket), str(tmp_path / "none.sock"))
    (tmp_path / "database_config.json").write_text(elsewhere)
    swss.SonicDBConfig.reset()
    swss.SonicDBConfig.load_sonic_db_config(str(tmp_path / "database_config.json"))
    connector = swss.ConfigDBConnector(use_unix_socket_path=True)
    for retry in (False, True):  # retry_on is for connections that break, not for those that are refused
        with pytest.raises(RuntimeError):
            connector.connect(wait_for_init=False, retry_on=retry)
