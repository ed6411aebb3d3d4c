"""DBConnector and PubSub: plain commands, and what comes out when Redis does not play along."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sonic_telegen.demo.redisd import RedisServer
from tests.support.redis import RawRedis


@pytest.fixture
def db(swss: Any) -> Any:
    return swss.DBConnector("STATE_DB", 0)


def test_it_knows_what_it_is_connected_to(swss: Any, db: Any, redis_server: RedisServer) -> None:
    assert (db.getDbName(), db.getDbId(), db.getNamespace()) == ("STATE_DB", 6, "")
    assert swss.DBConnector(6, str(redis_server.socket), 0).getDbName() == ""


def test_every_way_of_connecting_reaches_the_same_rows(
    swss: Any, db: Any, redis_server: RedisServer, state_rows: RawRedis
) -> None:
    state_rows("HSET", "T|a", "f", "v")
    ways = (
        db,
        db.newConnector(0),
        swss.DBConnector("STATE_DB", 0, True),
        swss.DBConnector(6, str(redis_server.socket), 0),
        swss.DBConnector(6, "127.0.0.1", redis_server.port, 0),
    )
    assert [way.hget("T|a", "f") for way in ways] == ["v"] * len(ways)


def test_string_keys(db: Any, state_rows: RawRedis) -> None:
    assert db.get("flag") is None
    assert db.set("flag", "1")
    assert state_rows("GET", "flag") == b"1"
    assert db.set("flag", 2)
    assert db.get("flag") == "2"
    assert (db.incr("flag"), db.decr("flag"), db.rpush("list", "x")) == (3, 2, 1)


def test_hashes(db: Any, state_rows: RawRedis) -> None:
    db.hset("T|a", "f", "v")
    db.hset("T|a", "g", "")
    assert state_rows.row("T|a") == {b"f": b"v", b"g": b""}
    assert dict(db.hgetall("T|a")) == {"f": "v", "g": ""}
    assert dict(db.hgetall("T|none")) == {}
    assert (db.hget("T|a", "g"), db.hget("T|a", "none")) == ("", None)
    assert (db.hexists("T|a", "f"), db.hexists("T|a", "none")) == (True, False)
    assert (db.hdel("T|a", "f"), db.hdel("T|a", "f")) == (1, 0)


def test_keys_and_deletes(db: Any, state_rows: RawRedis) -> None:
    for key in ("T|a", "T|b", "U|a"):
        state_rows("HSET", key, "f", "v")
    assert sorted(db.keys("T|*")) == ["T|a", "T|b"]
    assert (db.exists("T|a"), db.exists("T|none")) == (True, False)
    assert (db.delete("T|a"), db.delete("T|a")) == (1, 0)
    assert db._del("T|b") == 1
    assert state_rows("KEYS", "*") == [b"U|a"]
    assert db.flushdb()
    assert state_rows("DBSIZE") == 0


@pytest.mark.parametrize("key", ["T|a b", "T|a\tb"])
def test_exists_refuses_blanks(db: Any, key: str) -> None:
    with pytest.raises(RuntimeError):
        db.exists(key)


def test_wrong_kind_of_key(db: Any, state_rows: RawRedis) -> None:
    state_rows("SET", "T|a", "no hash")
    for command, arguments in (("hgetall", ()), ("hget", ("f",)), ("hset", ("f", "v")), ("incr", ())):
        with pytest.raises(RuntimeError):
            getattr(db, command)("T|a", *arguments)
    assert db.get("T|a") == "no hash"  # an error reply does not spoil the connection


def test_nobody_listens(swss: Any, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        swss.DBConnector(0, str(tmp_path / "none.sock"), 0)


def test_a_broken_connection_stays_broken(swss: Any, db: Any, state_rows: RawRedis) -> None:
    db.setClientName("victim")
    assert db.getClientName() == "victim"
    state_rows.kill("victim")
    for _ in range(2):
        with pytest.raises(RuntimeError):
            db.get("flag")
    assert swss.DBConnector("STATE_DB", 0).get("flag") is None


def test_published_messages(db: Any, swss: Any) -> None:
    assert db.publish("nobody", "x") == 0
    listening = db.pubsub()
    assert dict(listening.get_message()) == {}
    listening.psubscribe("news*")
    assert dict(listening.get_message()) == {}
    assert db.publish("news1", "hello") == 1
    expected = {"type": "pmessage", "pattern": "news*", "channel": "news1", "data": "hello"}
    assert dict(listening.get_message(10)) == expected
    assert db.publish("news2", "again") == 1
    assert listening.listen_message()["data"] == "again"


def test_keyspace_events(db: Any, state_rows: RawRedis) -> None:
    listening = db.pubsub()
    listening.psubscribe("__keyspace@6__:T|*")
    db.config_set("notify-keyspace-events", "KEA")
    state_rows("HSET", "T|a", "f", "v")
    state_rows("DEL", "T|a")
    assert [listening.listen_message()["data"] for _ in range(2)] == ["hset", "del"]


def test_wrong_arguments(swss: Any) -> None:
    with pytest.raises(TypeError):
        swss.DBConnector()
    with pytest.raises(TypeError):
        swss.DBConnector("STATE_DB", "soon")
