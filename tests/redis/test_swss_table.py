"""Table: rows as (field, value) tuples, stored as they are."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.redis import RawRedis

# SWIG leaves some bad arguments without an exception set, which Python turns into SystemError.
REFUSED = (TypeError, SystemError)


@pytest.fixture
def table(swss: Any) -> Any:
    return swss.Table(swss.DBConnector("STATE_DB", 0), "T")


def test_names(swss: Any, table: Any) -> None:
    assert (table.getTableName(), table.getTableNameSeparator()) == ("T", "|")
    assert (table.getKeyName("a|b"), table.getKeyName("")) == ("T|a|b", "T")
    assert swss.Table(swss.DBConnector("COUNTERS_DB", 0), "T").getKeyName("a") == "T:a"


def test_set_merges(swss: Any, table: Any, state_rows: RawRedis) -> None:
    table.set("a", swss.FieldValuePairs([("f", "1"), ("g", "2")]))
    table.set("a", [("g", "3"), (b"h", b"4")])
    assert state_rows.row("T|a") == {b"f": b"1", b"g": b"3", b"h": b"4"}


def test_get_says_whether_there_is_a_row(swss: Any, table: Any, state_rows: RawRedis) -> None:
    state_rows("HSET", "T|a", "f", "1", "g", "")
    found, fields = table.get("a")
    assert (found, [tuple(field) for field in fields]) == (True, [("f", "1"), ("g", "")])
    found, fields = table.get("none")
    assert (found, len(fields)) == (False, 0)


def test_hget(table: Any, state_rows: RawRedis) -> None:
    state_rows("HSET", "T|a", "f", "1")
    found, value = table.hget("a", "f")
    assert (found, value) == (True, "1")
    found, value = table.hget("a", "none")
    assert (found, value) == (False, "")


def test_placeholder_and_lists_are_shown_as_stored(table: Any, state_rows: RawRedis) -> None:
    state_rows("HSET", "T|empty", "NULL", "NULL")
    state_rows("HSET", "T|list", "ports@", "Ethernet0,Ethernet4")
    assert [tuple(field) for field in table.get("empty")[1]] == [("NULL", "NULL")]
    assert [tuple(field) for field in table.get("list")[1]] == [("ports", "Ethernet0,Ethernet4")]


def test_field_names_end_at_the_first_at_sign(table: Any, state_rows: RawRedis) -> None:
    state_rows("HSET", "T|a", "x@y@", "v")
    assert [tuple(field) for field in table.get("a")[1]] == [("x", "v")]


def test_hget_cuts_the_value_at_an_at_sign(table: Any, state_rows: RawRedis) -> None:
    state_rows("HSET", "T|a", "mail", "who@where")
    assert table.hget("a", "mail")[1] == "who"
    assert dict(table.get("a")[1]) == {"mail": "who@where"}


def test_no_fields_is_no_operation(swss: Any, table: Any, state_rows: RawRedis) -> None:
    table.set("a", swss.FieldValuePairs([]))
    table.set("b", [])
    assert state_rows("KEYS", "*") == []


@pytest.mark.parametrize(
    "fields", [[["f", "v"]], [("f",)], [("f", "v", "w")], [("f", 1)], [(1, 2)], [("f", None)], None]
)
def test_fields_must_be_pairs_of_text(table: Any, state_rows: RawRedis, fields: Any) -> None:
    with pytest.raises(REFUSED):
        table.set("a", fields)
    assert state_rows("KEYS", "*") == []


def test_single_fields_and_deletes(table: Any, state_rows: RawRedis) -> None:
    table.hset("a", "f", "1")
    table.hset("a", "g", "2")
    table.hdel("a", "f")
    assert state_rows.row("T|a") == {b"g": b"2"}
    table.set("b", [("f", "v")])
    assert sorted(table.getKeys()) == ["a", "b"]
    table.delete("a")
    table._del("b")
    assert len(table.getKeys()) == 0
    assert state_rows("KEYS", "*") == []


def test_keys_of_several_parts_stay_whole(table: Any, state_rows: RawRedis) -> None:
    state_rows("HSET", "T|a|b", "f", "v")
    state_rows("HSET", "TT|c", "f", "v")
    assert list(table.getKeys()) == ["a|b"]


def test_any_bytes_in_values(table: Any, state_rows: RawRedis) -> None:
    every = bytes(range(256))
    table.set("a", [("latin", every.decode("latin-1")), ("raw", every)])
    assert state_rows.row("T|a") == {b"latin": every.decode("latin-1").encode(), b"raw": every}
    assert dict(table.get("a")[1]) == {
        "latin": every.decode("latin-1"),
        "raw": every.decode("utf-8", "surrogateescape"),
    }


def test_wrong_kind_of_key(table: Any, state_rows: RawRedis) -> None:
    state_rows("SET", "T|a", "no hash")
    with pytest.raises(RuntimeError):
        table.get("a")
    with pytest.raises(RuntimeError):
        table.set("a", [("f", "v")])


def test_a_buffered_table_writes_on_flush(swss: Any, state_rows: RawRedis) -> None:
    pipeline = swss.RedisPipeline(swss.DBConnector("STATE_DB", 0), 10)
    buffered = swss.Table(pipeline, "T", True)
    buffered.set("a", [("f", "v")])
    assert (pipeline.size(), state_rows("EXISTS", "T|a")) == (1, 0)
    buffered.flush()
    assert (pipeline.size(), state_rows("EXISTS", "T|a")) == (0, 1)
    for number in range(10):
        buffered.set(str(number), [("f", "v")])
    assert state_rows("DBSIZE") == 11  # a full pipeline flushes itself


def test_reading_flushes_what_waits(swss: Any) -> None:
    pipeline = swss.RedisPipeline(swss.DBConnector("STATE_DB", 0))
    buffered = swss.Table(pipeline, "T", True)
    buffered.set("a", [("f", "v")])
    assert dict(buffered.get("a")[1]) == {"f": "v"}


def test_field_value_pairs_are_a_sequence(swss: Any) -> None:
    pairs = swss.FieldValuePairs([("a", "b"), ("c", "d")])
    assert (len(pairs), pairs[1]) == (2, ("c", "d"))
