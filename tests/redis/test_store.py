"""The store on a real Redis: every row read whole, only what changed written, strangers' bytes survive."""

from __future__ import annotations

import select
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import redis

from sonic_telegen.db.changes import Changes
from sonic_telegen.db.store import Store
from sonic_telegen.demo.redisd import RedisServer
from sonic_telegen.errors import StoreError
from sonic_telegen.model.asked import Rejection
from sonic_telegen.model.job import JobSpec
from sonic_telegen.model.status import AgentStatus, JobStatus, Reason, Status, Told
from sonic_telegen.swsscommon.swsscommon import SonicDBConfig

AGENT = AgentStatus("dev", "abc", 1, "6.1")


def raw(server: RedisServer, db: int) -> Any:
    return redis.Redis(unix_socket_path=str(server.socket), db=db)


def test_rows_are_read_whole_and_bad_ones_are_rejections(server: RedisServer) -> None:
    config = raw(server, 4)
    config.hset("TELEGEN_JOB|good", mapping={"port": "Ethernet0"})
    config.hset("TELEGEN_JOB|a|b", mapping={"port": "Ethernet0"})
    config.hset("TELEGEN_JOB|empty", mapping={"NULL": "NULL"})
    config.hset(b"TELEGEN_JOB|raw", mapping={b"port": b"Ethernet\xff"})
    config.set("TELEGEN_JOB|string", "not a hash")
    config.hset("TELEGEN|GLOBAL", mapping={"max_jobs": "3"})
    config.hset("PORT|Ethernet0", mapping={"lanes": "1"})

    asked = Store(server.config).read()

    assert asked.jobs["good"] == JobSpec("good", "Ethernet0")
    for key, code in {"a|b": "invalid_value", "empty": "missing_field", "raw": "invalid_value"}.items():
        rejection = asked.jobs[key]
        assert isinstance(rejection, Rejection)
        assert rejection.code == code
    assert asked.global_row == {"max_jobs": "3"}
    assert asked.ports == frozenset({"Ethernet0"})
    assert not asked.initialized
    config.set("CONFIG_DB_INITIALIZED", "0")
    assert not Store(server.config).read().initialized
    config.set("CONFIG_DB_INITIALIZED", "1")
    assert Store(server.config).read().initialized


def test_only_changed_rows_are_written_and_ours_alone_are_removed(server: RedisServer) -> None:
    state = raw(server, 6)
    state.hset("TELEGEN_OTHER|x", mapping={"a": "b"})
    store = Store(server.config)
    store.read()
    running = JobStatus("a", Status.RUNNING, packets=1)
    store.report(Told(AGENT, {"a": running, "b": replace(running, job="b")}))
    events: Any = state.pubsub()
    events.psubscribe("__keyspace@6__:TELEGEN_JOB_TABLE|*")
    assert events.get_message(timeout=5)

    store.report(Told(AGENT, {"a": replace(running, packets=2), "b": replace(running, job="b", sample_ns=5)}))
    store.read()
    store.report(Told(AGENT, {"a": replace(running, packets=2)}))

    seen = []
    while (message := events.get_message(timeout=0.5)) is not None:
        seen.append((message["channel"].decode().rpartition("|")[2], message["data"].decode()))
    assert ("a", "hset") in seen
    assert ("b", "hset") not in seen
    assert ("b", "del") in seen
    assert state.hget("TELEGEN_JOB_TABLE|a", "packets") == b"2"
    assert state.exists("TELEGEN_OTHER|x", "TELEGEN_TABLE|GLOBAL") == 2


def test_a_row_that_outlived_its_job_goes_only_while_its_owner_is_the_same(server: RedisServer) -> None:
    config = raw(server, 4)
    config.hset("TELEGEN_JOB|a", mapping={"port": "Ethernet0", "owner": "rest"})
    config.hset("TELEGEN_JOB|b", mapping={"port": "Ethernet0", "owner": "cli"})
    Store(server.config).remove_owned(["a", "b", "c"], "rest")
    assert config.keys("TELEGEN_JOB|*") == [b"TELEGEN_JOB|b"]


def test_a_flushed_state_db_is_written_again(server: RedisServer) -> None:
    store, told = Store(server.config), Told(AGENT, {"a": JobStatus("a", Status.RUNNING)})
    store.read()
    store.report(told)
    raw(server, 6).flushdb()
    store.read()
    store.report(told)
    assert raw(server, 6).hget("TELEGEN_JOB_TABLE|a", "status") == b"running"


def test_a_rejected_key_with_any_bytes_can_be_told(server: RedisServer) -> None:
    raw(server, 4).hset(b"TELEGEN_JOB|\xff\xfe", mapping={b"port": b"\xff"})
    store = Store(server.config)
    (key,) = store.read().jobs
    store.report(Told(AGENT, {key: JobStatus(key, Status.REJECTED, Reason.INVALID_VALUE, "bad \udcff", port="\udcff")}))
    row = raw(server, 6).hgetall(b"TELEGEN_JOB_TABLE|\xff\xfe")
    assert row[b"message"] == b"bad \\xff"


def test_redis_that_is_down_is_a_store_error_and_comes_back(server: RedisServer) -> None:
    store = Store(server.config)
    store.read()
    changes = Changes(server.config)
    server.stop()
    with pytest.raises(StoreError):
        store.read()
    with pytest.raises(StoreError):
        changes.drain()
    with pytest.raises(StoreError):
        Changes(server.config)
    server.start()
    store.read()
    Changes(server.config)


def test_a_missing_database_config_names_the_file(server: RedisServer) -> None:
    SonicDBConfig.reset()
    with pytest.raises(StoreError, match=r"nowhere\.json"):
        Store(server.directory / "nowhere.json").read()


def test_changes_wake_for_our_rows_only(server: RedisServer) -> None:
    config, changes = raw(server, 4), Changes(server.config)

    config.hset("DEVICE_METADATA|localhost", mapping={"a": "b"})
    assert select.select([changes.fileno()], [], [], 5)[0]
    assert not changes.drain()
    writes: list[Callable[[], Any]] = [
        lambda: config.hset("TELEGEN_JOB|a", mapping={"port": "Ethernet0"}),
        lambda: config.hset("TELEGEN|GLOBAL", mapping={"max_jobs": "1"}),
        lambda: config.set("CONFIG_DB_INITIALIZED", "1"),
        lambda: config.delete("TELEGEN_JOB|a"),
    ]
    for write in writes:
        write()
        assert select.select([changes.fileno()], [], [], 5)[0]
        assert changes.drain()


def test_five_thousand_rows_are_read_and_told(server: RedisServer) -> None:
    pipe = raw(server, 4).pipeline(transaction=False)
    for n in range(5000):
        pipe.hset(f"TELEGEN_JOB|j{n}", mapping={"port": f"Ethernet{n % 64}"})
    pipe.execute()
    store = Store(server.config)
    asked = store.read()
    store.report(Told(AGENT, {job: JobStatus(job, Status.PENDING, Reason.MAX_JOBS) for job in asked.jobs}))
    assert len(asked.jobs) == 5000
    assert raw(server, 6).dbsize() == 5001


@pytest.mark.parametrize("table", ["WARM_RESTART_ENABLE_TABLE", "FAST_RESTART_ENABLE_TABLE"])
def test_a_warm_or_fast_boot_is_under_way_while_sonic_says_so(server: RedisServer, table: str) -> None:
    state, store = raw(server, 6), Store(server.config)
    assert not store.booting()
    state.hset(f"{table}|system", "enable", "true")
    assert store.booting()
    state.hset(f"{table}|system", "enable", "false")
    assert not store.booting()
