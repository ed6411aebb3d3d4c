"""Mirror sessions in a real Redis: all that a pass reads of them, and rows written as orchagent takes them."""

from __future__ import annotations

import select
from collections.abc import Iterator
from pathlib import Path

import pytest

from sonic_telegen.db import schema
from sonic_telegen.db.changes import Changes
from sonic_telegen.db.store import Store
from sonic_telegen.demo.redisd import RedisServer
from sonic_telegen.journal import Journal
from sonic_telegen.model.asked import Asked
from sonic_telegen.model.erspan import ErspanAsked
from sonic_telegen.model.job import Direction, JobSpec, MirrorMode
from sonic_telegen.model.mirror import AddSession, DeleteSession, MirrorSession, SessionAction, SessionState
from sonic_telegen.model.status import Status
from sonic_telegen.reconcile.loop import Loop, PassResult
from sonic_telegen.settings import Settings
from sonic_telegen.swsscommon.swsscommon import SonicDBConfig
from tests.support.mirrororch import MirrorOrch
from tests.support.redis import RawRedis

SESSION = MirrorSession("telegen_0123456789ab", "Ethernet0", "RX", "192.0.2.1", "192.0.2.10", 64, 46)
KEY = f"MIRROR_SESSION|{SESSION.name}"
TUNNEL = ErspanAsked("erspan0", "", "192.0.2.10", "192.0.2.1", 10, 2, 64, "inherit")


@pytest.fixture
def store(redis_server: RedisServer, config_rows: RawRedis) -> Iterator[Store]:
    SonicDBConfig.reset()
    yield Store(redis_server.config)
    SonicDBConfig.reset()


def test_the_switchs_sessions_lags_and_capabilities_are_read(
    store: Store, config_rows: RawRedis, state_rows: RawRedis
) -> None:
    config_rows("HSET", "MIRROR_SESSION|everflow0", "src_port", "Ethernet0,PortChannel1", "direction", "RX")
    config_rows("SET", "MIRROR_SESSION|string", "no row")
    for name in ("PORTCHANNEL|PortChannel1", "PORTCHANNEL|PortChannel2", "PORTCHANNEL_MEMBER|PortChannel1|Ethernet4"):
        config_rows("HSET", name, "NULL", "NULL")
    config_rows("HSET", "PORTCHANNEL_MEMBER|Gone|Ethernet8", "NULL", "NULL")
    state_rows("HSET", "MIRROR_SESSION_TABLE|everflow0", "status", "active", "monitor_port", "Ethernet8")
    state_rows("HSET", "SWITCH_CAPABILITY|switch", "PORT_EGRESS_MIRROR_CAPABLE", "false")

    found = store.read().mirrors

    assert found.rows == {"everflow0": {"src_port": "Ethernet0,PortChannel1", "direction": "RX"}}
    assert found.states == {"everflow0": SessionState("active", "Ethernet8")}
    assert found.lags == {"PortChannel1": frozenset({"Ethernet4"}), "PortChannel2": frozenset()}
    assert found.incapable == {Direction.EGRESS}
    assert {name for name, _ in found.sources(found.rows["everflow0"])} == {"Ethernet0", "Ethernet4", "PortChannel1"}


def test_a_row_is_written_as_a_whole_once_and_deleted_only_as_it_was_read(store: Store, config_rows: RawRedis) -> None:
    assert store.change_session(AddSession("a", SESSION)) == ""
    assert config_rows.row(KEY) == {k.encode(): v.encode() for k, v in SESSION.row().items()}
    config_rows("HSET", KEY, "ttl", "1")
    assert store.change_session(AddSession("a", SESSION)) == ""
    assert store.change_session(DeleteSession(SESSION.name, SESSION.row())) == ""
    assert config_rows.row(KEY)[b"ttl"] == b"1"
    assert store.change_session(DeleteSession(SESSION.name, SESSION.row() | {"ttl": "1"})) == ""
    assert config_rows("EXISTS", KEY) == 0


def test_a_key_that_is_no_row_is_told_and_not_touched(store: Store, config_rows: RawRedis) -> None:
    config_rows("SET", KEY, "mine")
    assert "WRONGTYPE" in store.change_session(AddSession("a", SESSION))
    assert config_rows("GET", KEY) == b"mine"


def test_orchagents_word_wakes_the_agent_and_other_states_do_not(
    redis_server: RedisServer, store: Store, state_rows: RawRedis
) -> None:
    changes = Changes(redis_server.config, schema.STATE_DB)
    state_rows("HSET", "TELEGEN_TABLE|GLOBAL", "pid", "1")
    state_rows("HSET", "PORT_TABLE|Ethernet0", "state", "ok")
    assert not changes.drain()
    state_rows("HSET", "MIRROR_SESSION_TABLE|telegen_x", "status", "active")
    assert select.select([changes.fileno()], [], [], 5)[0]
    assert changes.drain()


class Rows:
    """The store, and jobs that no row can ask for in this version."""

    def __init__(self, store: Store) -> None:
        self._store, self.jobs = store, dict[str, JobSpec]()

    def read(self) -> Asked:
        asked = self._store.read()
        return Asked(jobs=self.jobs, ports=asked.ports, mirrors=asked.mirrors)

    def change_session(self, action: SessionAction) -> str:
        return self._store.change_session(action)


class Rig:
    """A loop without a kernel, a real Redis, and orchagent's stand-in, one step each."""

    def __init__(self, store: Store, state: Path) -> None:
        self.rows, self.state = Rows(store), state
        self.settings = Settings(mirror_mode=MirrorMode.ASIC, erspan=TUNNEL)
        self.restart()

    def restart(self) -> None:
        """A new agent on what the old one left."""
        self.opened: list[bool] = []
        self.loop = Loop(self.rows, self.open, Journal(self.state), lambda _: self.settings, lambda: None)

    def open(self, needed: bool) -> None:
        self.opened.append(needed)

    def run(self) -> PassResult:
        return self.loop.run()


@pytest.fixture
def rig(store: Store, config_rows: RawRedis, tmp_path: Path) -> Rig:
    for port in ("Ethernet0", "Ethernet4", "Ethernet8"):
        config_rows("HSET", f"PORT|{port}", "lanes", "1")
    return Rig(store, tmp_path)


@pytest.fixture(params=[False, True], ids=["releases", "newest master"])
def orch(request: pytest.FixtureRequest, redis_server: RedisServer, config_rows: RawRedis) -> Iterator[MirrorOrch]:
    made = MirrorOrch(redis_server.socket, recreates=request.param)
    yield made
    made.close()


def settle(rig: Rig, orch: MirrorOrch) -> PassResult:
    for _ in range(4):
        rig.run()
        orch.step()
    return rig.run()


def test_a_jobs_life_from_the_first_row_to_the_last_without_any_program(rig: Rig, orch: MirrorOrch) -> None:
    orch.learn("192.0.2.10", "Ethernet8")
    rig.rows.jobs["a"] = JobSpec("a", "Ethernet0")
    first = settle(rig, orch).jobs["a"]
    assert (first.status, first.interface, first.packets) == (Status.RUNNING, "", 0)
    (name,) = orch.sessions
    assert orch.mirrored == {("Ethernet0", "ingress"): name}

    rig.rows.jobs["a"] = JobSpec("a", "Ethernet4", (Direction.EGRESS,))
    second = settle(rig, orch).jobs["a"]
    assert second.status is Status.RUNNING
    assert second.started_ns > first.started_ns
    assert orch.mirrored == {("Ethernet4", "egress"): name}

    rig.rows.jobs.clear()
    settle(rig, orch)
    assert (orch.sessions, orch.mirrored, orch.syslog) == ({}, {}, [])
    assert not any(rig.opened), "a job of the ASIC loads no program"


def test_a_new_agent_takes_over_what_is_there_and_removes_what_a_reboot_brought_back(
    rig: Rig, orch: MirrorOrch, config_rows: RawRedis
) -> None:
    orch.learn("192.0.2.10", "Ethernet8")
    rig.rows.jobs = {"a": JobSpec("a", "Ethernet0"), "b": JobSpec("b", "Ethernet4")}
    before = settle(rig, orch)
    rig.restart()
    after = rig.run()
    assert after.actions == {}
    assert after.jobs["a"].started_ns == before.jobs["a"].started_ns

    saved = {name: config_rows.row(f"MIRROR_SESSION|{name}") for name in orch.sessions}
    rig.rows.jobs.clear()
    settle(rig, orch)
    for name, row in saved.items():  # config_db.json was saved with the sessions, and without the jobs
        config_rows("HSET", f"MIRROR_SESSION|{name}", *(part for pair in row.items() for part in pair))
    config_rows("HSET", "MIRROR_SESSION|telegen_0123456789ab", "type", "ERSPAN")
    rig.restart()
    settle(rig, orch)
    assert config_rows("KEYS", "MIRROR_SESSION|*") == [b"MIRROR_SESSION|telegen_0123456789ab"]


def test_a_change_waits_for_an_acl_rule_that_refers_to_the_session(rig: Rig, orch: MirrorOrch) -> None:
    orch.learn("192.0.2.10", "Ethernet8")
    rig.rows.jobs["a"] = JobSpec("a", "Ethernet0")
    settle(rig, orch)
    (name,) = orch.sessions
    orch.referenced.add(name)
    rig.rows.jobs["a"] = JobSpec("a", "Ethernet4")
    assert settle(rig, orch).jobs["a"].status is Status.STARTING
    orch.referenced.clear()
    orch.step()
    assert settle(rig, orch).jobs["a"].status is Status.RUNNING
    assert orch.mirrored == {("Ethernet4", "ingress"): name}


def test_a_duration_begins_when_the_session_is_active_and_its_end_gives_the_session_back(
    rig: Rig, orch: MirrorOrch
) -> None:
    rig.rows.jobs["a"] = JobSpec("a", "Ethernet0", duration_sec=3600)
    assert settle(rig, orch).jobs["a"].expires_ns == 0
    orch.learn("192.0.2.10", "Ethernet8")
    running = rig.run()
    assert running.jobs["a"].expires_ns > 0
    now = [running.jobs["a"].expires_ns]
    rig.loop = Loop(rig.rows, rig.open, Journal(rig.state), lambda _: rig.settings, lambda: None, lambda: now[0])
    assert rig.run().jobs["a"].status is Status.DONE
    orch.step()
    assert orch.sessions == {}
