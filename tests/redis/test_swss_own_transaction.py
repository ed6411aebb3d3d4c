"""replace_rows and read_tables: rows come and go whole, whatever they hold and however many they are."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sonic_telegen.demo.redisd import RedisServer
from sonic_telegen.swsscommon.failure import ConnectionLost, ReplyFailure
from sonic_telegen.swsscommon.swsscommon import DBConnector, SonicDBConfig
from sonic_telegen.swsscommon.transaction import RedisFailure, change_row_if, read_tables, replace_rows
from tests.support.redis import RawRedis

shared = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
# Any text that can have come from Redis, and any bytes as they appear when they are no UTF-8.
text = st.text(st.characters(exclude_categories=["Cs"])) | st.binary().map(
    lambda raw: raw.decode("utf-8", "surrogateescape")
)
rows = st.dictionaries(
    text.map(lambda key: f"T|{key}"), st.none() | st.dictionaries(text, text, max_size=5), max_size=5
)


@pytest.fixture
def db(redis_server: RedisServer, config_rows: RawRedis) -> Iterator[DBConnector]:
    SonicDBConfig.reset()
    SonicDBConfig.load_sonic_db_config(str(redis_server.config))
    connector = DBConnector("STATE_DB", 0)
    yield connector
    connector.close()
    SonicDBConfig.reset()


def raw_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


@shared
@given(first=rows, then=rows)
def test_a_row_is_what_was_written_last(
    db: DBConnector,
    state_rows: RawRedis,
    first: dict[str, dict[str, str] | None],
    then: dict[str, dict[str, str] | None],
) -> None:
    state_rows("FLUSHDB")
    replace_rows(db, first)
    replace_rows(db, then)
    expected = {key: row or {"NULL": "NULL"} for key, row in {**first, **then}.items() if row is not None}
    assert read_tables(db, ["T|"]) == expected
    for key, row in expected.items():
        assert state_rows.row(raw_bytes(key)) == {raw_bytes(field): raw_bytes(value) for field, value in row.items()}
    assert state_rows("DBSIZE") == len(expected)


def test_stale_fields_and_other_kinds_of_keys_go(db: DBConnector, state_rows: RawRedis) -> None:
    state_rows("HSET", "T|a", "old", "1")
    state_rows("SET", "T|b", "no hash")
    replace_rows(db, {"T|a": {"new": "2"}, "T|b": {"f": "v"}, "T|none": None})
    assert state_rows.row("T|a") == {b"new": b"2"}
    assert state_rows.row("T|b") == {b"f": b"v"}


def test_only_the_prefixes_asked_for(db: DBConnector, state_rows: RawRedis) -> None:
    for key in ("T|a", "TT|b", "U|c", "T", "*|d", "[T]|e"):
        state_rows("HSET", key, "f", "v")
    assert sorted(read_tables(db, ["T|"])) == ["T|a"]
    assert sorted(read_tables(db, ["T|", "TT|", "U|"])) == ["TT|b", "T|a", "U|c"]
    assert sorted(read_tables(db, ["*|"])) == ["*|d"]
    assert sorted(read_tables(db, ["[T]|"])) == ["[T]|e"]
    assert len(read_tables(db, [""])) == 6
    assert read_tables(db, []) == {}


def test_keys_that_are_no_hash_are_left_out(db: DBConnector, state_rows: RawRedis) -> None:
    state_rows("SET", "T|string", "x")
    state_rows("RPUSH", "T|list", "x")
    state_rows("HSET", "T|a", "f", "v")
    assert read_tables(db, ["T|"]) == {"T|a": {"f": "v"}}


@pytest.mark.parametrize("bad", [{"T|b": {"f": 1}}, {"T|b": {"f": None}}, {"T|b": {"f": "\ud800"}}])
def test_values_must_be_text_and_nothing_is_written_if_not(
    db: DBConnector, state_rows: RawRedis, bad: dict[str, dict[str, str]]
) -> None:
    with pytest.raises(TypeError):
        replace_rows(db, {"T|a": {"f": "v"}, **bad})
    assert state_rows("DBSIZE") == 0
    replace_rows(db, {"T|a": {"f": "v"}})  # and the connection is as good as before
    assert state_rows("DBSIZE") == 1


def test_readers_never_see_half_a_row(redis_server: RedisServer, db: DBConnector, state_rows: RawRedis) -> None:
    wide = [{f"field{number}": str(turn) for number in range(40)} for turn in range(2)]
    done = threading.Event()
    seen: list[dict[bytes, bytes]] = []

    def read() -> None:
        with RawRedis(redis_server.socket, 6) as reader:
            while not done.is_set():
                seen.append(reader.row("T|a"))

    replace_rows(db, {"T|a": wide[0]})
    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(400):
        replace_rows(db, {"T|a": wide[turn % 2]})
    done.set()
    reader.join(20)
    assert seen
    assert {(len(row), len(set(row.values()))) for row in seen} == {(40, 1)}


def test_five_thousand_rows_are_quick_and_the_server_is_never_blocked(db: DBConnector, state_rows: RawRedis) -> None:
    many = {f"TELEGEN_JOB_TABLE|job{row}": {f"field{n}": f"value {row} {n}" for n in range(12)} for row in range(5000)}
    state_rows("CONFIG", "SET", "slowlog-log-slower-than", "20000")
    state_rows("SLOWLOG", "RESET")
    began = time.process_time()
    replace_rows(db, many)
    written = time.process_time()
    assert read_tables(db, ["TELEGEN_JOB_TABLE|"]) == many
    print(f"5000 rows: write {written - began:.3f} s, read {time.process_time() - written:.3f} s of CPU")
    assert time.process_time() - began < 2.0  # 0.22 s measured
    assert [entry[3][0] for entry in state_rows("SLOWLOG", "GET", "100") if entry[3][0] in (b"KEYS", b"SCAN")] == []
    replace_rows(db, dict.fromkeys(many))
    assert state_rows("DBSIZE") == 0


def test_a_refused_row_is_told_and_the_others_are_written(db: DBConnector, state_rows: RawRedis) -> None:
    state_rows("ACL", "SETUSER", "narrow", "on", "nopass", "~T|ok*", "+@all")
    try:
        db._link.call("AUTH", "narrow", "any")
        with pytest.raises(ReplyFailure, match=r"T\|no: .*\(and 1 more\)"):
            replace_rows(db, {"T|ok1": {"f": "v"}, "T|no": {"f": "v"}, "T|never": None, "T|ok2": {"f": "v"}})
    finally:
        state_rows("ACL", "DELUSER", "narrow")
    assert sorted(state_rows("KEYS", "*")) == [b"T|ok1", b"T|ok2"]


def test_redis_down_in_mid_run() -> None:
    SonicDBConfig.reset()
    with RedisServer() as server:
        SonicDBConfig.load_sonic_db_config(str(server.config))
        db = DBConnector("STATE_DB", 0)
        replace_rows(db, {"T|a": {"f": "v"}})
        server.stop()
        with pytest.raises(ConnectionLost):
            read_tables(db, ["T|"])
        with pytest.raises(RedisFailure):
            replace_rows(db, {"T|a": {"f": "v"}})
        with pytest.raises(RedisFailure):
            DBConnector("STATE_DB", 0)
        server.start()
        fresh = DBConnector("STATE_DB", 0)
        assert read_tables(fresh, ["T|"]) == {}
    SonicDBConfig.reset()


def test_rows_that_come_and_go_meanwhile(redis_server: RedisServer, db: DBConnector, state_rows: RawRedis) -> None:
    stay = {f"T|stay{number}": {"f": "v"} for number in range(500)}
    replace_rows(db, stay)
    done = threading.Event()

    def churn() -> None:
        with RawRedis(redis_server.socket, 6) as writer:
            while not done.is_set():
                for number in range(50):
                    writer("HSET", f"T|go{number}", "f", "v")
                for number in range(50):
                    writer("DEL", f"T|go{number}")

    churning = threading.Thread(target=churn)
    churning.start()
    try:
        for _ in range(20):
            found = read_tables(db, ["T|"])
            assert {key: row for key, row in found.items() if key in stay} == stay
            assert all(row == {"f": "v"} for row in found.values())
    finally:
        done.set()
        churning.join(20)


def test_a_row_is_changed_only_if_what_it_holds_allows_it(db: DBConnector, state_rows: RawRedis) -> None:
    assert change_row_if(db, "T|a", lambda row: not row, {"owner": "rest"})
    assert not change_row_if(db, "T|a", lambda row: not row, {"owner": "cli"})
    assert state_rows.row(b"T|a") == {b"owner": b"rest"}
    assert not change_row_if(db, "T|a", lambda row: row.get("owner") == "cli", None)
    assert change_row_if(db, "T|a", lambda row: row.get("owner") == "rest", None)
    assert not change_row_if(db, "T|a", lambda row: row.get("owner") == "rest", None)
    assert state_rows("DBSIZE") == 0


def test_another_writer_between_look_and_change_is_seen(db: DBConnector, state_rows: RawRedis) -> None:
    looks: list[dict[str, str]] = []

    def allowed(row: Mapping[str, str]) -> bool:
        if not looks:
            state_rows("HSET", "T|a", "owner", "cli")
        looks.append(dict(row))
        return not row

    assert not change_row_if(db, "T|a", allowed, {"owner": "rest"})
    assert looks == [{}, {"owner": "cli"}]
    assert state_rows.row(b"T|a") == {b"owner": b"cli"}


def test_a_look_that_fails_leaves_the_connection_usable(db: DBConnector, state_rows: RawRedis) -> None:
    def broken(row: Mapping[str, str]) -> bool:
        raise ValueError("no")

    state_rows("SET", "T|text", "x")
    with pytest.raises(ReplyFailure):
        change_row_if(db, "T|text", lambda row: True, {"a": "b"})
    with pytest.raises(ValueError, match="no"):
        change_row_if(db, "T|a", broken, {"a": "b"})
    state_rows("SET", "T|a", "changed by somebody after the look")
    state_rows("DEL", "T|a")
    assert change_row_if(db, "T|a", lambda row: not row, {"a": "b"})
    assert state_rows.row(b"T|a") == {b"a": b"b"}


def test_of_many_that_create_a_row_one_wins(redis_server: RedisServer, db: DBConnector) -> None:
    wins = []

    def create(name: str) -> None:
        mine = DBConnector("STATE_DB", 0)
        if change_row_if(mine, "T|a", lambda row: not row, {"by": name, "also": name}):
            wins.append(name)
        mine.close()

    threads = [threading.Thread(target=create, args=(str(n),)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wins) == 1
    assert read_tables(db, ["T|"]) == {"T|a": {"by": wins[0], "also": wins[0]}}
