"""A result stays in STATE_DB as it was last told for as long as its job is told of, whoever told it."""

from __future__ import annotations

from typing import Any

import redis

from sonic_telegen.db.store import Store
from sonic_telegen.demo.redisd import RedisServer
from sonic_telegen.model.status import AgentStatus, JobStatus, Reason, Status, Told
from tests.support.samples import START_NS
from tests.unit.test_results import RESULT

AGENT = AgentStatus("dev", "abc", 1, "6.1")
RUNNING = JobStatus("j1", Status.RUNNING, started_ns=START_NS)
STOPPED = JobStatus("j1", Status.STOPPED, Reason.DELETED, started_ns=START_NS)
KEY = "TELEGEN_RESULT_TABLE|j1"


def state(server: RedisServer) -> Any:
    return redis.Redis(unix_socket_path=str(server.socket), db=6, decode_responses=True)


def test_a_result_outlives_reports_without_one_and_an_agent_that_begins_anew(server: RedisServer) -> None:
    store = Store(server.config)
    store.read()
    store.report(Told(AGENT, {"j1": RUNNING}, results={"j1": RESULT}))
    told = state(server).hgetall(KEY)
    assert (told["flow_packets"], told["flows_untracked"], told["sample_rate"]) == ("60", "30", "10")
    store.report(Told(AGENT, {"j1": STOPPED}))
    assert state(server).hgetall(KEY) == told
    another = Store(server.config)
    another.read()
    another.report(Told(AGENT, {"j1": STOPPED}))
    assert state(server).hgetall(KEY) == told


def test_a_result_goes_with_its_status(server: RedisServer) -> None:
    store = Store(server.config)
    store.read()
    store.report(Told(AGENT, {"j1": RUNNING}, results={"j1": RESULT}))
    store.report(Told(AGENT))
    assert state(server).keys("TELEGEN_*|j1") == []


def test_a_reading_in_which_nothing_was_counted_writes_nothing(server: RedisServer) -> None:
    store, later = Store(server.config), RESULT.until_ns + 10**9
    store.read()
    store.report(Told(AGENT, {"j1": RUNNING}, results={"j1": RESULT}))
    state(server).hset(KEY, "window_ms", "mark")
    same = RESULT.__class__("j1", START_NS, later, RESULT.classes, RESULT.sample_rate, RESULT.own)
    store.report(Told(AGENT, {"j1": RUNNING}, results={"j1": same}))
    assert state(server).hget(KEY, "window_ms") == "mark"
