"""Control protocols in STATE_DB beside the trap groups of CoPP: its file, and CONFIG_DB's rows over it."""

from __future__ import annotations

import select
import shutil
from pathlib import Path
from typing import Any

import redis

from sonic_telegen.db.changes import Changes
from sonic_telegen.db.store import Store
from sonic_telegen.demo.redisd import RedisServer
from sonic_telegen.model.sample import Sample
from sonic_telegen.model.status import AgentStatus, Told
from sonic_telegen.punting import Punting
from tests.unit.test_copp import FILE
from tests.unit.test_punt_rates import punt, reading

AGENT = AgentStatus("dev", "abc", 1, "6.1")


def db(server: RedisServer, number: int) -> Any:
    return redis.Redis(unix_socket_path=str(server.socket), db=number, decode_responses=True)


class Teller:
    """What the agent does with a reading."""

    def __init__(self, server: RedisServer, file: Path) -> None:
        self._store, self._punting, self._state = Store(server.config), Punting(file), db(server, 6)

    def __call__(self, sample: Sample) -> dict[str, dict[str, str]]:
        asked = self._store.read()
        self._store.report(Told(AGENT, punts=self._punting.told(sample, asked.copp)))
        keys = self._state.keys("TELEGEN_PUNT_TABLE|*")
        return {key.partition("|")[2]: self._state.hgetall(key) for key in keys}


def cirs(rows: dict[str, dict[str, str]]) -> dict[str, tuple[str, str]]:
    return {key: (row["trap_group"], row["cir"]) for key, row in rows.items()}


def test_only_what_was_seen_has_a_row_and_the_rows_go_when_nothing_is_told_apart(server: RedisServer) -> None:
    tell = Teller(server, FILE)
    tell(reading(0, punt(arp=10), punt(2, lacp=3)))
    told = tell(reading(10, punt(arp=40, ssh=1), punt(2, lacp=3)))
    shown = {key: (row["ifindex"], row["packets"], row["bytes"], row["pps"], row["bps"]) for key, row in told.items()}
    assert shown == {
        "Ethernet1|arp": ("11", "40", "4000", "3", "2400"),
        "Ethernet1|ssh": ("11", "1", "100", "0.1", "80"),
        "Ethernet2|lacp": ("12", "3", "300", "0", "0"),
    }
    assert tell(reading(20, punt(arp=40, ssh=1))).keys() == {"Ethernet1|arp", "Ethernet1|ssh"}
    assert tell(reading(30)) == {}


def test_rows_of_an_agent_before_go_as_well(server: RedisServer) -> None:
    Teller(server, FILE)(reading(0, punt(arp=10)))
    assert Teller(server, FILE)(reading(1)) == {}


def test_a_row_in_which_nothing_moved_is_not_written_again(server: RedisServer) -> None:
    tell = Teller(server, FILE)
    tell(reading(0, punt(arp=10, bgp=1)))
    tell(reading(10, punt(arp=10, bgp=1)))
    db(server, 6).hset("TELEGEN_PUNT_TABLE|Ethernet1|arp", "updated_at", "mark")
    told = tell(reading(20, punt(arp=10, bgp=2)))
    assert (told["Ethernet1|arp"]["updated_at"], told["Ethernet1|bgp"]["packets"]) == ("mark", "2")


def test_the_trap_group_is_that_of_the_file_under_the_rows_of_config_db(server: RedisServer, tmp_path: Path) -> None:
    config, file = db(server, 4), tmp_path / "copp_cfg.json"
    tell, seconds = Teller(server, file), iter(range(100))

    def now() -> dict[str, tuple[str, str]]:
        return cirs(tell(reading(next(seconds), punt(arp=1, lldp=1, ssh=1))))

    unknown = dict.fromkeys(("Ethernet1|arp", "Ethernet1|lldp", "Ethernet1|ssh"), ("", ""))
    assert now() == unknown, "no file, nothing known"
    shutil.copy(FILE, file)
    known = {"Ethernet1|arp": ("queue4_group2", "600"), "Ethernet1|ssh": ("queue1_group1", "6000")}
    assert now() == {**unknown, **known}, "lldp's feature is off"
    config.hset("FEATURE|lldp", mapping={"state": "enabled", "auto_restart": "enabled"})
    assert now() == {**known, "Ethernet1|lldp": ("queue4_group3", "100")}
    config.hset("COPP_GROUP|queue4_group3", mapping={"cir": "42"})
    config.hset("COPP_TRAP|arp", mapping={"NULL": "NULL"})
    assert now() == {**known, "Ethernet1|lldp": ("queue4_group3", "42"), "Ethernet1|arp": ("", "")}
    config.delete("COPP_GROUP|queue4_group3", "COPP_TRAP|arp")
    assert now() == {**known, "Ethernet1|lldp": ("queue4_group3", "100")}
    file.write_text("{ this is no JSON")
    assert now() == unknown
    file.unlink()
    assert now() == unknown


def test_changes_of_copp_wake(server: RedisServer) -> None:
    config, changes = db(server, 4), Changes(server.config)
    for name in ("COPP_TRAP|bgp", "COPP_GROUP|queue4_group1", "FEATURE|bgp"):
        config.hset(name, "cir", "1")
        assert select.select([changes.fileno()], [], [], 5)[0]
        assert changes.drain(), name
