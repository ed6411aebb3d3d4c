"""docs/command-reference.md: ``show telegen`` prints what its examples say."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from sonic_telegen.cli import probes, times
from sonic_telegen.cli.findings import Netdev, Path
from sonic_telegen.demo.redisd import RedisServer
from sonic_telegen.model.job import Direction
from sonic_telegen.model.punt import Policer
from sonic_telegen.model.sample import Counters, InterfaceSample
from tests.redis.cli.test_config_reference import examples
from tests.redis.cli.test_show_counters import asic
from tests.redis.cli.test_show_punt import punt
from tests.redis.cli.test_show_told import WAITING
from tests.redis.conftest import COUNTERS_DB
from tests.support.asking import there
from tests.support.redis import RawRedis
from tests.support.sonic_cli import on_sonic
from tests.support.told import AT, RUNNING, hook, put, tell

SIZES = (310, 95, 40, 12, 0, 1480, 0, 0, 63, 0)
NOTHING = Counters(0, 0, (0,) * len(SIZES))
MIXED = InterfaceSample(
    2, 7, "Ethernet4", Direction.INGRESS, 0, (Counters(sum(SIZES), 2_920_110, SIZES), NOTHING, NOTHING, NOTHING)
)

FASTER = hook("Ethernet4", packets=[2500, 40], size=1000)


def test_the_examples_print_what_the_reference_says(
    config_rows: RawRedis, state_rows: RawRedis, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In their order, one after the other; the counters are cleared before the second time that they are shown."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(times, "now", lambda: float(AT))
    monkeypatch.setattr("time.time", lambda: float(AT - 60))
    monkeypatch.setattr(probes, "netdev", lambda name: Netdev(7, up=False, running=False))
    monkeypatch.setattr(probes, "path", lambda *endpoint: Path("collector.example:4317", source="192.0.2.1"))
    trees = on_sonic()
    put(config_rows, "TELEGEN_JOB|uplink", {"port": "Ethernet0", "direction": "both", "owner": "cli"})
    put(config_rows, "TELEGEN_JOB|later", {"port": "Ethernet8"})
    hooks = [hook("Ethernet0", packets=[700, 12, 3, 40]), hook("Ethernet0", "egress", packets=[50])]
    hooks.append(hook("Ethernet4"))
    tell(
        state_rows, jobs=[RUNNING, WAITING], hooks=hooks, asked={"max_jobs": "8"}, env={"TELEGEN_MIRROR_MODE": "direct"}
    )
    cleared = False

    with RawRedis(redis_server.socket, COUNTERS_DB) as counters:
        asic(counters, "Ethernet0", 8_000_000, 9_000_000)
        for (name, telegen, *words), printed in examples("show"):
            assert telegen == "telegen"
            if words == ["interfaces", "Ethernet0"]:
                cleared = True
                tell(state_rows, hooks=hooks)
                trees.clear("counters")
                asic(counters, "Ethernet0", 9_000_000, 10_000_000)
                egress = hook("Ethernet0", "egress", packets=[100])
                tell(state_rows, hooks=[hook("Ethernet0", packets=[880, 30, 5, 50]), egress, MIXED])
            if words == ["punt"]:
                punt(state_rows, "Ethernet0", "arp", 5321, 312.4, Policer("queue4_group2", 600), size=60)
                punt(state_rows, "Ethernet4", "arp", 901, 75, Policer("queue4_group2", 600), size=60)
                punt(state_rows, "Ethernet0", "bgp", 44_018, 120.5, Policer("queue4_group1", 6000), size=400)
                punt(state_rows, "Ethernet4", "lldp", 61, 0.1, Policer("queue4_group3", 100), size=240)
                punt(state_rows, "Ethernet4", "ssh", 12, 0, Policer("queue1_group1", 6000))
            if "--rate" in words:
                monkeypatch.setattr("time.sleep", lambda seconds: tell(state_rows, at=AT, hooks=[FASTER]))
            with there(config_rows, state_rows) if "web" in words else nullcontext():
                told = trees.show(*words, fails=words[0:1] == ["doctor"])
            assert told == printed, f"{' '.join((name, telegen, *words))} prints:\n{told}"
    assert cleared
