"""What is ours alone: time limits on replies, bytes that are no UTF-8, calls that SWIG lacks, freed connections."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sonic_telegen.demo.redisd import RedisServer
from sonic_telegen.swsscommon.failure import (
    ConfigFailure,
    ConnectFailure,
    ConnectionLost,
    RedisFailure,
    ReplyFailure,
    UnavailableData,
)
from sonic_telegen.swsscommon.swsscommon import (
    CastSelectableToRedisSelectObj,
    ConfigDBConnector,
    DBConnector,
    DBInterface,
    PubSub,
    Select,
    Selectable,
    SonicDBConfig,
    SonicV2Connector,
    SubscriberStateTable,
    Table,
)
from tests.support.redis import RawRedis, wait_until


class Interrupted(Exception):
    pass


@pytest.fixture(autouse=True)
def private(redis_server: RedisServer, config_rows: RawRedis) -> Iterator[None]:
    SonicDBConfig.reset()
    SonicDBConfig.load_sonic_db_config(str(redis_server.config))
    yield
    SonicDBConfig.reset()


@pytest.mark.parametrize("kind", [ConfigFailure, ConnectFailure, ConnectionLost, ReplyFailure, UnavailableData])
def test_all_failures_are_runtime_errors_and_ours(kind: type[Exception]) -> None:
    assert issubclass(kind, RedisFailure)
    assert issubclass(kind, RuntimeError)


def test_each_failure_has_its_class(tmp_path: Path, state_rows: RawRedis) -> None:
    with pytest.raises(ConnectFailure, match=r"none\.sock"):
        DBConnector(0, str(tmp_path / "none.sock"), 0)
    with pytest.raises(ConnectFailure):
        DBConnector(0, "127.0.0.1", 1, 0)
    with pytest.raises(ConnectFailure, match="range"):
        DBConnector(100, SonicDBConfig.getDbSock("STATE_DB"), 0)
    db = DBConnector("STATE_DB", 0)
    state_rows("SET", "T|a", "x")
    with pytest.raises(ReplyFailure, match=r"HGETALL T\|a: WRONGTYPE"):
        db.hgetall("T|a")
    db.close()
    with pytest.raises(ConnectionLost, match="closed"):
        db.get("T|a")
    SonicDBConfig.reset()
    with pytest.raises(ConfigFailure):
        SonicDBConfig.load_sonic_db_config(str(tmp_path / "none.json"))


def test_a_reply_is_not_waited_for_longer_than_the_timeout(state_rows: RawRedis) -> None:
    db, patient = DBConnector("STATE_DB", 100), DBConnector("STATE_DB", 0)
    state_rows("CLIENT", "PAUSE", 600)
    began = time.monotonic()
    with pytest.raises(ConnectionLost):
        db.get("x")
    assert 0.05 < time.monotonic() - began < 0.5
    with pytest.raises(ConnectionLost):  # the late reply must not answer this
        db.hgetall("T|a")
    assert patient.get("x") is None


def test_what_is_opened_from_a_connector_has_its_time_limit(state_rows: RawRedis) -> None:
    table = Table(DBConnector("STATE_DB", 100), "T")
    state_rows("CLIENT", "PAUSE", 600)
    with pytest.raises(ConnectionLost):
        table.get("a")


@pytest.mark.parametrize("value", [1, 1.5, None, True])
def test_a_bad_argument_leaves_the_connection_as_it_was(state_rows: RawRedis, value: str) -> None:
    db = DBConnector("STATE_DB", 0)
    with pytest.raises(TypeError):
        db.hset("T|a", "f", value)
    state_rows("SET", "x", "1")
    assert db.get("x") == "1"


def test_an_exception_in_mid_reply_does_not_shift_later_replies(state_rows: RawRedis) -> None:
    def handler(number: int, frame: object) -> None:
        raise Interrupted

    db = DBConnector("STATE_DB", 0)
    state_rows("SET", "x", "1")
    state_rows("CLIENT", "PAUSE", 400)
    former = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(Interrupted):
            db.get("x")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
    with pytest.raises(ConnectionLost):
        db.get("y")


def test_bytes_that_are_no_utf8_are_kept(state_rows: RawRedis) -> None:
    odd = b"TELEGEN_JOB|\xff\xfe"
    state_rows("HSET", odd, b"na\xefve", b"\x80\x00\xff")
    db = DBConnector("STATE_DB", 0)
    (key,) = db.keys("TELEGEN_JOB|*")
    row = db.hgetall(key)
    assert (key, row) == ("TELEGEN_JOB|\udcff\udcfe", {"na\udcefve": "\udc80\0\udcff"})
    db.delete(key)
    assert state_rows("DBSIZE") == 0
    for field, value in row.items():
        db.hset(key, field, value)
    assert state_rows.row(odd) == {b"na\xefve": b"\x80\x00\xff"}


def test_a_surrogate_that_stands_for_no_byte_is_refused() -> None:
    with pytest.raises(TypeError, match="surrogate"):
        DBConnector("STATE_DB", 0).set("x", "\ud800")


def test_odd_keys_are_told_by_the_subscription(state_rows: RawRedis) -> None:
    table = SubscriberStateTable(DBConnector("STATE_DB", 0), "T")
    selector = Select()
    selector.addSelectable(table)
    state_rows("HSET", b"T|\xff", "f", "v")
    assert selector.select(10_000)[0] == Select.OBJECT
    assert table.pop() == ("\udcff", "SET", (("f", "v"),))


def test_a_message_that_comes_in_one_piece_with_the_subscription_is_told_at_once(tmp_path: Path) -> None:
    reply = b"*3\r\n$10\r\npsubscribe\r\n$1\r\nx\r\n:1\r\n"
    message = b"*4\r\n$8\r\npmessage\r\n$1\r\nx\r\n$1\r\nx\r\n$5\r\nearly\r\n"
    held: list[socket.socket] = []

    def serve() -> None:  # Redis does this when a change falls between its two writes; here it always does
        for answer in (b"", reply + message):
            client, _ = listener.accept()
            held.append(client)
            if answer:
                client.recv(4096)
                client.sendall(answer)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "one-piece.sock"))
        listener.listen()
        server = threading.Thread(target=serve)
        server.start()
        listening = PubSub(DBConnector(0, str(tmp_path / "one-piece.sock"), 0))
        listening.psubscribe("x")
        assert listening.get_message(5).get("data") == "early"
        server.join(20)
        for client in held:
            client.close()


def test_read_data_does_not_wait() -> None:
    table = SubscriberStateTable(DBConnector("STATE_DB", 0), "T")
    assert table.readData() == 0
    assert not table.hasData()
    assert CastSelectableToRedisSelectObj(table) is table
    assert CastSelectableToRedisSelectObj(Selectable()) is None


def test_scan_and_many_deletes(state_rows: RawRedis) -> None:
    for number in range(300):
        state_rows("HSET", f"T|{number}", "f", "v")
    db, seen, cursor = DBConnector("STATE_DB", 0), set[str](), -1
    while cursor:
        cursor, keys = db.scan(max(cursor, 0), "T|1*", 50)
        seen.update(keys)
    assert seen == {f"T|{number}" for number in range(300) if str(number).startswith("1")}
    assert db.delete(sorted(seen)) is None
    assert state_rows("DBSIZE") == 300 - len(seen)
    v2 = SonicV2Connector(use_unix_socket_path=True)
    v2.connect("STATE_DB")
    assert v2.scan("STATE_DB", 0, "T|0", 1000) == (0, ("T|0",))


def test_an_expiring_row(state_rows: RawRedis) -> None:
    table = Table(DBConnector("STATE_DB", 0), "T")
    table.set("a", [("f", "v")], "", "", 100)
    assert 0 < state_rows("TTL", "T|a") <= 100


def test_connections_go_with_their_objects(config_rows: RawRedis, redis_server: RedisServer) -> None:
    def clients() -> int:
        return len(config_rows("CLIENT", "LIST").splitlines())

    before = clients()
    connector = ConfigDBConnector(use_unix_socket_path=True)
    connector.connect(wait_for_init=False)
    listening = PubSub(connector.get_redis_client("CONFIG_DB"))
    listening.psubscribe("x*")
    listening.psubscribe("y*")
    listening.punsubscribe("y*")
    table = SubscriberStateTable(DBConnector("CONFIG_DB", 0), "T")
    assert clients() > before
    del connector, listening, table
    wait_until(lambda: clients() == before, "all connections are closed without a garbage collection")


def test_messages_that_came_before_the_end_are_not_lost(state_rows: RawRedis) -> None:
    table = SubscriberStateTable(DBConnector("STATE_DB", 0), "T")
    state_rows.together(("HSET", "T|a", "f", "v"), ("HSET", "T|b", "f", "v"))
    state_rows("CLIENT", "KILL", "TYPE", "pubsub")
    table.readData()
    assert [table.pop()[0], table.pop()[0]] == ["a", "b"]
    with pytest.raises(ConnectionLost):
        table.readData()


def test_a_blocking_read_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DBInterface, "PUB_SUB_MAXIMUM_DATA_WAIT", 0.2)
    monkeypatch.setattr(DBInterface, "PUB_SUB_NOTIFICATION_TIMEOUT", 0.1)
    v2 = SonicV2Connector(use_unix_socket_path=True)
    v2.connect("STATE_DB")
    with pytest.raises(UnavailableData):
        v2.get("STATE_DB", "T|none", "f", blocking=True)


def test_a_server_that_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    with RedisServer() as server:
        SonicDBConfig.reset()
        SonicDBConfig.load_sonic_db_config(str(server.config))
        monkeypatch.setattr(DBInterface, "CONNECT_RETRY_WAIT_TIME", 0)
        v2 = SonicV2Connector(use_unix_socket_path=True)
        v2.connect("STATE_DB")
        server.stop()
        with pytest.raises(ConnectFailure):
            v2.set("STATE_DB", "T|a", "f", "v")
        server.start()
        v2.connect("STATE_DB")
        server.stop()
        server.start()
        assert v2.set("STATE_DB", "T|a", "f", "v") == 1
        assert v2.get("STATE_DB", "T|a", "f") == "v"


def test_each_thread_its_connector(state_rows: RawRedis) -> None:
    def write(number: int) -> None:
        db = DBConnector("STATE_DB", 0)
        for count in range(200):
            db.hset("T|a", str(number), str(count))
            assert db.hget("T|a", str(number)) == str(count)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert state_rows.row("T|a") == {str(number).encode(): b"199" for number in range(4)}
