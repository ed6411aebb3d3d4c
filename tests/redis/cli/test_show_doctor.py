"""``show telegen doctor`` over real rows, with the loopback netdev as the port and a listener as the collector."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from sonic_telegen.cli import times
from sonic_telegen.demo.redisd import RedisServer
from sonic_telegen.model.status import JobStatus
from tests.redis.conftest import COUNTERS_DB
from tests.support.redis import RawRedis
from tests.support.sonic_cli import Door, Trees
from tests.support.told import AGENT, AT, RUNNING, hook, put, tell

INDEX = socket.if_nametoindex("lo")
LOOP = replace(RUNNING, job="a", port="lo", interface="lo", direction="ingress")


@pytest.fixture(autouse=True)
def fixed_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(times, "now", lambda: float(AT))


@pytest.fixture
def collector() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def well(config: RawRedis, state: RawRedis, collector: str, job: JobStatus = LOOP) -> None:
    put(config, f"TELEGEN_JOB|{job.job}", {"port": job.port})
    agent = replace(AGENT, otlp_endpoint=f"http://{collector}")
    tell(state, agent=agent, jobs=[job], hooks=[hook("lo", packets=[3], ifindex=INDEX)])


def test_a_port_on_which_all_is_well(trees: Trees, config_rows: RawRedis, state_rows: RawRedis, collector: str) -> None:
    well(config_rows, state_rows, collector)
    told = trees.show("doctor", "lo")
    assert told == (
        "ok    agent      it runs (pid 4242), and last told 2 s ago\n"
        "ok    loader     the programs were loaded as core\n"
        "ok    job        a is running\n"
        "ok    vantage    the port's own netdev: all that passes it is counted; "
        "the switch itself counts no packets here\n"
        f"ok    netdev     lo exists (ifindex {INDEX})\n"
        "ok    link       lo is up and has a link\n"
        "ok    filter     the program is seen in the kernel on ingress\n"
        "ok    packets    3 counted on ingress, more of them last 2 s ago; counters read 2 s ago\n"
        f"ok    route      {collector} is reached from 127.0.0.1\n"
        f"ok    collector  {collector} answers; the agent's last export succeeded 4 s ago\n"
    )


def test_a_cause_ends_with_1_and_has_a_remedy_in_the_operators_own_words(
    trees: Trees, config_rows: RawRedis, state_rows: RawRedis, collector: str
) -> None:
    well(config_rows, state_rows, collector)
    config_rows("DEL", "TELEGEN_JOB|a")
    state_rows("DEL", "TELEGEN_JOB_TABLE|a")
    result = trees.show.run("doctor", "lo")
    assert result.exit_code == 1
    add = trees.config.says("job add <job_id> --port lo")
    assert f"fail  job        no job covers lo -> add one: {add}\n" in result.output
    found = json.loads(trees.show("doctor", "lo", "--json", fails=True))
    assert [each for each in found if each["mark"] == "fail"] == [
        {"check": "job", "mark": "fail", "finding": "no job covers lo", "remedy": f"add one: {add}"}
    ]


def test_a_job_for_all_ports_covers_those_of_the_port_table(
    show: Door, config_rows: RawRedis, state_rows: RawRedis, collector: str
) -> None:
    put(config_rows, "TELEGEN_JOB|a", {"port": "all"})
    assert "job covers" not in show("doctor", "Ethernet0", fails=True)  # no table: by its name
    assert "no job covers lo" in show("doctor", "lo", fails=True)
    put(config_rows, "PORT|lo", {"lanes": "1"})
    assert "no job covers" not in show("doctor", "lo", fails=True)
    told = show("doctor", "Ethernet0", fails=True)
    assert "port       Ethernet0: no row of PORT, PORTCHANNEL or VLAN has this name" in told
    assert "Ethernet0 is no netdev of the kernel" in told


def test_what_the_asic_counted_explains_what_is_not_seen(
    show: Door, config_rows: RawRedis, state_rows: RawRedis, redis_server: RedisServer, collector: str
) -> None:
    well(config_rows, state_rows, collector)
    with RawRedis(redis_server.socket, COUNTERS_DB) as counters:
        put(counters, "COUNTERS_PORT_NAME_MAP", {"lo": "oid:0x1"})
        fields = {f"SAI_PORT_STAT_IF_IN_{kind}_PKTS": "500000" for kind in ("UCAST", "NON_UCAST")}
        put(counters, "COUNTERS:oid:0x1", fields)
    assert "warn  vantage" in show("doctor", "lo")
    assert "has counted 1,000,000 (ingress) -> transit traffic: show interfaces counters" in show("doctor", "lo")


def test_orchagents_mirror_sessions_of_the_port_are_looked_at_where_a_job_needs_them(
    show: Door, config_rows: RawRedis, state_rows: RawRedis, collector: str
) -> None:
    well(config_rows, state_rows, collector, replace(LOOP, mirror_mode="asic"))
    put(config_rows, "MIRROR_SESSION|telegen_a", {"src_port": "Ethernet0,lo"})
    put(config_rows, "MIRROR_SESSION|other", {"src_port": "Ethernet0"})
    put(state_rows, "MIRROR_SESSION_TABLE|telegen_a", {"status": "active"})
    assert "ok    mirror     session telegen_a is active\n" in show("doctor", "lo")
    state_rows("DEL", "MIRROR_SESSION_TABLE|telegen_a")
    assert "fail  mirror     orchagent has not taken session telegen_a" in show("doctor", "lo", fails=True)


def test_an_alias_is_a_port_and_all_is_none(
    show: Door, config_rows: RawRedis, state_rows: RawRedis, collector: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SONIC_CLI_IFACE_MODE", "alias")
    put(config_rows, "PORT|lo", {"alias": "etp1"})
    well(config_rows, state_rows, collector)
    assert "lo exists" in show("doctor", "etp1")
    assert show.refuses("doctor", "all") == "one port is looked at; name it"


def test_a_name_that_is_none_is_found_out_and_not_stumbled_over(show: Door, state_rows: RawRedis) -> None:
    for name in ("\udcff", "a|b", "x" * 200, "", "a\nb"):
        assert "is no netdev of the kernel" in show("doctor", name, fails=True)


def test_the_collector_is_looked_for_in_its_vrf(
    show: Door, config_rows: RawRedis, state_rows: RawRedis, collector: str
) -> None:
    well(config_rows, state_rows, collector)
    put(state_rows, "TELEGEN_TABLE|SETTINGS", {"otlp_vrf": "none0"})
    told = show("doctor", "lo")
    assert f"warn  route      no route to {collector} in VRF none0: No such device" in told
