"""Mirror sessions in a real Redis: all that a pass reads of them, and rows written as orchagent takes them."""

from __future__ import annotations

import select

import pytest

from sonic_telegen.db import schema
from sonic_telegen.db.changes import Changes
from sonic_telegen.db.store import Store
from sonic_telegen.demo.redisd import RedisServer
from sonic_telegen.model.job import Direction
from sonic_telegen.model.mirror import AddSession, DeleteSession, MirrorSession, SessionAction, SessionState
from tests.support.redis import RawRedis

SESSION = MirrorSession("telegen_0123456789ab", "Ethernet0", "RX", "192.0.2.1", "192.0.2.10", 64, 46)
KEY = f"MIRROR_SESSION|{SESSION.name}"


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


@pytest.mark.parametrize("action", [AddSession("a", SESSION), DeleteSession(SESSION.name, SESSION.row())])
def test_a_key_that_is_no_row_is_told_and_logged_and_not_touched(
    store: Store, config_rows: RawRedis, caplog: pytest.LogCaptureFixture, action: SessionAction
) -> None:
    config_rows("SET", KEY, "mine")
    text = store.change_session(action)
    assert "WRONGTYPE" in text
    assert [(item.levelname, getattr(item, "fields", None)) for item in caplog.records] == [
        ("WARNING", {"problem": text})
    ]
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
