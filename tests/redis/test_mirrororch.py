"""The stand-in for MirrorOrch keeps the rules that the agent must live with, one by one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sonic_telegen.demo.redisd import RedisServer
from tests.support.mirrororch import MirrorOrch
from tests.support.redis import RawRedis

GOOD = {"type": "ERSPAN", "src_ip": "192.0.2.1", "dst_ip": "192.0.2.10", "src_port": "Ethernet0", "direction": "RX"}


@pytest.fixture
def orch(redis_server: RedisServer, config_rows: RawRedis) -> Iterator[MirrorOrch]:
    made = MirrorOrch(redis_server.socket)
    yield made
    made.close()


def ask(raw: RawRedis, name: str = "s", **fields: str) -> None:
    row = {**GOOD, **fields}
    raw("HSET", f"MIRROR_SESSION|{name}", *(part for pair in row.items() for part in pair))


def test_a_good_session_is_inactive_until_its_neighbour_is_known_and_again_when_that_is_gone(
    orch: MirrorOrch, config_rows: RawRedis
) -> None:
    ask(config_rows, ttl="64", dscp="8", queue="0", gre_type="0x88be")
    orch.step()
    assert orch.state("s")["status"] == "inactive"
    orch.learn("192.0.2.10", "Ethernet8")
    assert (orch.state("s")["status"], orch.state("s")["monitor_port"]) == ("active", "Ethernet8")
    assert orch.mirrored == {("Ethernet0", "ingress"): "s"}
    orch.forget("192.0.2.10")
    assert orch.state("s")["status"] == "inactive"
    assert orch.mirrored == {}


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"owner": "telegen"}, id="an unknown attribute"),
        pytest.param({"sample_rate": "256"}, id="an attribute of master only"),
        pytest.param({"NULL": "NULL"}, id="SONiC's empty row"),
        pytest.param({"dscp": "64"}, id="a DSCP of 7 bits"),
        pytest.param({"ttl": "256"}, id="a TTL of 9 bits"),
        pytest.param({"dst_ip": "2001:db8::1"}, id="two families"),
        pytest.param({"dst_ip": "nowhere"}, id="no address"),
        pytest.param({"direction": "ingress"}, id="our word for a direction"),
        pytest.param({"src_port": "Ethernet400"}, id="a port that is not there"),
        pytest.param({"src_port": "Vlan100"}, id="a VLAN"),
        pytest.param({"src_port": "PortChannel2"}, id="a LAG without members"),
        pytest.param({"src_port": "PortChannel1,Ethernet4"}, id="a LAG and its member"),
        pytest.param({"type": "SPAN", "dst_port": "CPU"}, id="SPAN to the CPU"),
        pytest.param({"type": "SPAN", "dst_port": "PortChannel1"}, id="SPAN to a LAG"),
    ],
)
def test_a_bad_session_leaves_nothing_but_a_line_in_syslog(
    orch: MirrorOrch, config_rows: RawRedis, fields: dict[str, str]
) -> None:
    orch.lags = {"PortChannel1": ["Ethernet4"], "PortChannel2": []}
    orch.learn("192.0.2.10", "Ethernet8")
    ask(config_rows, **fields)
    orch.step()
    assert orch.state("s") == {}
    assert len(orch.syslog) == 1
    config_rows("DEL", "MIRROR_SESSION|s")
    ask(config_rows)
    orch.step()
    assert orch.state("s")["status"] == "active"


def test_a_session_is_not_changed_by_another_set_and_is_after_delete_and_add(
    orch: MirrorOrch, config_rows: RawRedis
) -> None:
    orch.learn("192.0.2.10", "Ethernet8")
    ask(config_rows)
    orch.step()
    ask(config_rows, src_port="Ethernet4")
    orch.step()
    assert orch.mirrored == {("Ethernet0", "ingress"): "s"}
    config_rows("DEL", "MIRROR_SESSION|s")
    orch.step()
    assert orch.state("s") == {}
    ask(config_rows, src_port="Ethernet4")
    orch.step()
    assert orch.mirrored == {("Ethernet4", "ingress"): "s"}


def test_the_newest_master_makes_a_changed_session_anew(orch: MirrorOrch, config_rows: RawRedis) -> None:
    orch.recreates = True
    orch.learn("192.0.2.10", "Ethernet8")
    ask(config_rows)
    orch.step()
    ask(config_rows, src_port="Ethernet4")
    orch.step()
    assert orch.mirrored == {("Ethernet4", "ingress"): "s"}


def test_an_add_that_does_not_wait_for_the_end_of_a_referenced_session_is_lost(
    orch: MirrorOrch, config_rows: RawRedis
) -> None:
    ask(config_rows)
    orch.step()
    orch.referenced.add("s")
    config_rows("DEL", "MIRROR_SESSION|s")
    ask(config_rows, src_port="Ethernet4")
    orch.step()
    orch.referenced.clear()
    orch.step()
    assert config_rows("EXISTS", "MIRROR_SESSION|s")
    assert orch.state("s") == {}


def test_an_asic_without_room_drops_what_is_too_much(orch: MirrorOrch, config_rows: RawRedis) -> None:
    orch.room = 1
    ask(config_rows, "a")
    ask(config_rows, "b", src_port="Ethernet4")
    orch.step()
    assert (bool(orch.state("a")), bool(orch.state("b"))) == (True, False)


def test_a_second_session_takes_the_port_from_the_first_and_leaves_it_to_nobody(
    orch: MirrorOrch, config_rows: RawRedis
) -> None:
    orch.learn("192.0.2.10", "Ethernet8")
    ask(config_rows, "first")
    ask(config_rows, "second", direction="BOTH")
    orch.step()
    assert orch.mirrored == {("Ethernet0", "ingress"): "second", ("Ethernet0", "egress"): "second"}
    config_rows("DEL", "MIRROR_SESSION|second")
    orch.step()
    assert orch.state("first")["status"] == "active"
    assert orch.mirrored == {}


def test_an_asic_that_does_not_mirror_egress_keeps_the_session_inactive(
    orch: MirrorOrch, config_rows: RawRedis
) -> None:
    orch.ways = {"ingress"}
    orch.learn("192.0.2.10", "Ethernet8")
    ask(config_rows, direction="TX")
    orch.step()
    assert orch.state("s")["status"] == "inactive"


def test_the_members_of_a_lag_are_mirrored(orch: MirrorOrch, config_rows: RawRedis) -> None:
    orch.lags = {"PortChannel1": ["Ethernet0", "Ethernet4"]}
    orch.learn("192.0.2.10", "Ethernet8")
    ask(config_rows, src_port="PortChannel1", direction="TX")
    orch.step()
    assert set(orch.mirrored) == {("Ethernet0", "egress"), ("Ethernet4", "egress")}


def test_nothing_happens_before_the_ports_are_ready_and_rows_of_before_its_start_are_taken(
    redis_server: RedisServer, config_rows: RawRedis, state_rows: RawRedis
) -> None:
    ask(config_rows)
    state_rows("HSET", "MIRROR_SESSION_TABLE|s", "status", "active")
    with MirrorOrch(redis_server.socket, ready=False).running() as orch:
        assert orch.state("s") == {}
        orch.learn("192.0.2.10", "Ethernet8")
        orch.ready = True
        orch.wait_active("s")


def test_what_comes_together_is_done_by_name_so_that_a_delete_after_an_add_leaves_the_port_to_nobody(
    orch: MirrorOrch, config_rows: RawRedis
) -> None:
    orch.learn("192.0.2.10", "Ethernet8")
    ask(config_rows, "b")
    orch.step()
    config_rows("DEL", "MIRROR_SESSION|b")
    ask(config_rows, "a")
    orch.step()
    assert (list(orch.sessions), orch.mirrored) == (["a"], {})


def test_a_port_that_joins_a_lag_is_taken_from_its_session_and_nobodys_after_it_left(
    orch: MirrorOrch, config_rows: RawRedis
) -> None:
    orch.lags = {"PortChannel1": ["Ethernet4"]}
    orch.learn("192.0.2.10", "Ethernet8")
    ask(config_rows, "a")
    ask(config_rows, "b", src_port="PortChannel1")
    orch.step()
    orch.join("PortChannel1", "Ethernet0")
    assert orch.mirrored == {("Ethernet0", "ingress"): "b", ("Ethernet4", "ingress"): "b"}
    orch.leave("PortChannel1", "Ethernet0")
    assert orch.mirrored == {("Ethernet4", "ingress"): "b"}
