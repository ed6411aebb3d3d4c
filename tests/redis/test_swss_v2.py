"""SonicV2Connector: rows of any database by its name."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from sonic_telegen.demo.redisd import DATABASES
from tests.support.redis import RawRedis, wait_until


@pytest.fixture
def db(swss: Any) -> Any:
    connector = swss.SonicV2Connector(use_unix_socket_path=True)
    connector.connect("STATE_DB")
    yield connector
    connector.close()


def test_construction(swss: Any) -> None:
    swss.SonicV2Connector(host="ignored", decode_responses=True)
    assert swss.SonicV2Connector(namespace=None).namespace == ""
    with pytest.raises(ValueError, match="decode_responses"):
        swss.SonicV2Connector(decode_responses=False)


def test_databases_by_name(db: Any) -> None:
    assert {name: getattr(db, name) for name in DATABASES} == {name: name for name in DATABASES}
    assert set(db.get_db_list()) == set(DATABASES)
    assert (db.get_dbid("STATE_DB"), db.get_db_separator("COUNTERS_DB")) == (6, ":")


def test_over_tcp(swss: Any, state_rows: RawRedis) -> None:
    connector = swss.SonicV2Connector()
    connector.connect("STATE_DB")
    connector.set("STATE_DB", "T|a", "f", "v")
    assert state_rows.row("T|a") == {b"f": b"v"}


def test_connecting_turns_on_keyspace_events(swss: Any, state_rows: RawRedis) -> None:
    state_rows("CONFIG", "SET", "notify-keyspace-events", "")
    swss.SonicV2Connector(use_unix_socket_path=True).connect("STATE_DB")
    assert set(state_rows("CONFIG", "GET", "notify-keyspace-events")[1].decode()) == set("AKE")


def test_fields(db: Any, state_rows: RawRedis) -> None:
    assert db.set("STATE_DB", "T|a", "f", "v") == 1
    assert db.set("STATE_DB", "T|a", "n", 7) == 1
    assert state_rows.row("T|a") == {b"f": b"v", b"n": b"7"}
    assert db.get("STATE_DB", "T|a", "n") == "7"
    assert db.get("STATE_DB", "T|a", "none") is None
    assert db.get("STATE_DB", "T|none", "f") is None
    assert (db.hexists("STATE_DB", "T|a", "f"), db.hexists("STATE_DB", "T|a", "none")) == (True, False)
    db.hmset("STATE_DB", "T|a", {"f": "w", "g": "x"})
    assert state_rows.row("T|a") == {b"f": b"w", b"n": b"7", b"g": b"x"}


def test_the_text_none_is_no_value(db: Any, state_rows: RawRedis) -> None:
    state_rows("HSET", "T|a", "f", "None", "g", "", "h", "v")
    assert db.get("STATE_DB", "T|a", "f") is None
    assert db.get("STATE_DB", "T|a", "g") == ""
    row = db.get_all("STATE_DB", "T|a")
    assert row == {"f": "", "g": "", "h": "v"}
    assert isinstance(row, dict)


def test_an_absent_row_is_empty(db: Any) -> None:
    assert db.get_all("STATE_DB", "T|none") == {}
    assert db.keys("STATE_DB", "none*") == []


def test_keys(db: Any, state_rows: RawRedis) -> None:
    for key in ("T|a", "T|b", "U|a"):
        state_rows("HSET", key, "f", "v")
    found = db.keys("STATE_DB", "T|*")
    assert isinstance(found, list)
    assert sorted(found) == ["T|a", "T|b"]
    assert len(db.keys("STATE_DB")) == 3
    assert (db.exists("STATE_DB", "T|a"), db.exists("STATE_DB", "T|none")) == (True, False)
    with pytest.raises(RuntimeError):
        db.exists("STATE_DB", "T| a")
    assert (db.delete("STATE_DB", "T|a"), db.delete("STATE_DB", "T|a")) == (1, 0)
    db.delete_all_by_pattern("STATE_DB", "T|*")
    assert state_rows("KEYS", "*") == [b"U|a"]


def test_publish(db: Any) -> None:
    listening = db.get_redis_client("STATE_DB").pubsub()
    listening.psubscribe("c")
    assert db.publish("STATE_DB", "c", "m") == 1
    assert listening.listen_message()["data"] == "m"


def test_not_connected(swss: Any, db: Any) -> None:
    with pytest.raises(IndexError):
        db.get("CONFIG_DB", "T|a", "f")
    with pytest.raises(IndexError):
        db.connect("NO_SUCH_DB")
    db.close("STATE_DB")
    with pytest.raises(IndexError):
        db.get_redis_client("STATE_DB")


def test_its_client_was_opened_by_number(db: Any) -> None:
    client = db.get_redis_client("STATE_DB")
    assert (client.getDbName(), client.getDbId()) == ("", 6)


def test_a_blocking_read_waits_for_the_row(
    swss: Any, db: Any, state_rows: RawRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swss.DBInterface, "DATA_RETRIEVAL_WAIT_TIME", 0)  # 3 s in the real library, which ignores this
    seen: list[dict[str, str]] = []
    reader = threading.Thread(target=lambda: seen.append(db.get_all("STATE_DB", "T|a", blocking=True)))
    reader.start()
    wait_until(lambda: state_rows.subscribers() == 1, "the reader waits")
    state_rows("HSET", "T|other", "f", "v")
    state_rows("HSET", "T|a", "f", "v")
    reader.join(30)
    assert seen == [{"f": "v"}]


def test_a_read_survives_a_broken_connection(
    swss: Any, db: Any, state_rows: RawRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swss.DBInterface, "CONNECT_RETRY_WAIT_TIME", 0)  # 10 s in the real library, which ignores this
    state_rows("HSET", "T|a", "f", "v")
    db.get_redis_client("STATE_DB").setClientName("victim")
    state_rows.kill("victim")
    assert db.get("STATE_DB", "T|a", "f") == "v"


def test_other_calls_do_not(db: Any, state_rows: RawRedis) -> None:
    db.get_redis_client("STATE_DB").setClientName("victim")
    state_rows.kill("victim")
    with pytest.raises(RuntimeError):
        db.exists("STATE_DB", "T|a")
