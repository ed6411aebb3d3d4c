"""``config telegen job``: rows as the codec wants them, refusals that name field and remedy, nothing lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sonic_telegen.cli.rows import ConfigRows
from sonic_telegen.db import schema
from sonic_telegen.db.codec import check_fields, parse_job
from sonic_telegen.demo.redisd import RedisServer
from sonic_telegen.errors import ConfigError
from sonic_telegen.swsscommon.swsscommon import SonicDBConfig
from tests.support.good_job import GOOD
from tests.support.redis import RawRedis
from tests.support.sonic_cli import Door, Trees, ValidatedConfigDBConnector, on_sonic, standalone

OFFERED = [name for name, field in schema.JOB_FIELDS.items() if field.available and name != "owner"]


def option(name: str) -> str:
    return "--" + name.replace("_", "-")


def row(config_rows: RawRedis, job: str) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in config_rows.row(f"TELEGEN_JOB|{job}").items()}


def added(config_rows: RawRedis, job: str, **fields: str) -> None:
    config_rows("HSET", f"TELEGEN_JOB|{job}", *(part for pair in fields.items() for part in pair))


def test_add_writes_the_row_and_says_where_its_state_is_shown(trees: Trees, config_rows: RawRedis) -> None:
    told = trees.config("job", "add", "voip", "--port", "Ethernet0")
    assert told == f"Job voip added; see: {trees.show.says('job voip')}\n"
    assert row(config_rows, "voip") == {"port": "Ethernet0", "owner": "cli"}


def test_add_takes_every_field_there_is(config: Door, config_rows: RawRedis) -> None:
    assert sorted(GOOD) == sorted(OFFERED), "a field came or went: give it a good value here"
    config("job", "add", "all.of_them-1", *(word for name in OFFERED for word in (option(name), GOOD[name])))
    assert row(config_rows, "all.of_them-1") == {**GOOD, "owner": "cli"}
    parse_job("all.of_them-1", row(config_rows, "all.of_them-1"))


@pytest.mark.parametrize("name", OFFERED)
def test_a_bad_value_is_answered_by_the_codec_and_writes_nothing(
    name: str, config: Door, config_rows: RawRedis
) -> None:
    bad = {"port": "Ethernet0", name: "no\t/thing"}
    with pytest.raises(ConfigError) as problem:
        check_fields(bad, schema.JOB_FIELDS, schema.JOB_TABLE)
    words = (word for pair in bad.items() for word in (option(pair[0]), pair[1]))

    assert config.refuses("job", "add", "x", *words) == str(problem.value)

    assert str(problem.value).startswith(f"{name}='no\\t/thing': use ")
    assert config_rows("DBSIZE") == 0


def test_help_tells_every_field_with_values_and_default(config: Door) -> None:
    for command in ("add", "update"):
        text = " ".join(config("job", command, "-h").split())
        for name in OFFERED:
            field = schema.JOB_FIELDS[name]
            assert f"{option(name)} <value> {field.description} ({field.values}; " in text
            assert not field.default or f"; default {field.default})" in text
        assert "<job_id>" in text


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        pytest.param(["x"], "port='': mandatory; use a netdev name", id="no port"),
        pytest.param(["-x", "--port", "Ethernet0"], None, id="an id that looks like an option"),
        pytest.param([".x", "--port", "Ethernet0"], "job_id='.x': use 1 to 64 letters, digits", id="a bad id"),
        pytest.param(["", "--port", "Ethernet0"], "job_id='': use 1 to 64 letters, digits", id="no id"),
        pytest.param(["a|b", "--port", "Ethernet0"], "job_id='a|b': use ", id="an id of two parts"),
        pytest.param(["x" * 65, "--port", "e"], "job_id=", id="a long id"),
        pytest.param(["x", "--port", "\udcff"], r"port='\\xff': not valid UTF-8; use a netdev name", id="no UTF-8"),
        pytest.param(
            ["x", "--port", "Ethernet0", "--mirror-mode", "decap", "--direction", "both"],
            "mirror_mode='decap': use decap with direction ingress",
            id="decap",
        ),
    ],
)
def test_what_is_no_job_is_refused(words: list[str], refusal: str | None, config: Door, config_rows: RawRedis) -> None:
    told = config.refuses("job", "add", *words)
    assert refusal is None or told.startswith(refusal), told
    assert config_rows("DBSIZE") == 0


def test_add_of_a_job_that_exists_says_how_to_change_it(config: Door, config_rows: RawRedis) -> None:
    added(config_rows, "x", port="Ethernet4", owner="rest")
    told = config.refuses("job", "add", "x", "--port", "Ethernet0")
    assert told == f"job x exists already; change it with: {config.says('job update x')}"
    assert row(config_rows, "x") == {"port": "Ethernet4", "owner": "rest"}


def test_an_empty_row_exists(config: Door, config_rows: RawRedis) -> None:
    added(config_rows, "x", NULL="NULL")
    assert "exists already" in config.refuses("job", "add", "x", "--port", "Ethernet0")
    config("job", "update", "x", "--port", "Ethernet0")
    assert row(config_rows, "x")["port"] == "Ethernet0"


@pytest.mark.parametrize("command", [["update", "x", "--port", "e"], ["del", "x"], ["enable", "x"], ["disable", "x"]])
def test_a_job_that_is_not_there_says_where_the_jobs_are(
    command: list[str], trees: Trees, config_rows: RawRedis
) -> None:
    told = trees.config.refuses("job", *command)
    assert told == f"no job x; the jobs there are: {trees.show.says('jobs')}"
    assert config_rows("DBSIZE") == 0


def test_update_writes_what_is_given_and_clears_what_is_named(config: Door, config_rows: RawRedis) -> None:
    added(config_rows, "x", port="Ethernet0", duration_sec="60", direction="both", owner="rest")
    told = config("job", "update", "x", "--direction", "egress", "--clear", "duration-sec", "--clear", "otlp_export")
    assert told.startswith("Job x updated; see: ")
    assert row(config_rows, "x") == {"port": "Ethernet0", "direction": "egress", "owner": "rest"}


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        ([], "nothing to change; see: {update}"),
        (["--clear", "port"], "port='': mandatory; use "),
        (["--clear", "ports"], "ports: no field of a job; the row has owner, port"),
        (["--port", "e", "--clear", "port"], "port: set and cleared at the same time; do one of both"),
        (["--clear", "\udcff"], "\\xff: no field of a job; the row has owner, port"),
        (["--direction", "up"], "direction='up': use ingress, egress or both"),
    ],
)
def test_an_update_that_makes_no_sense_is_refused(
    words: list[str], refusal: str, config: Door, config_rows: RawRedis
) -> None:
    added(config_rows, "x", port="Ethernet0", owner="cli")
    told = config.refuses("job", "update", "x", *words)
    assert told.startswith(refusal.format(update=config.says("job update --help")))
    assert row(config_rows, "x") == {"port": "Ethernet0", "owner": "cli"}


def test_a_field_that_is_none_can_be_cleared_and_keeps_an_update_from_passing_till_then(
    config: Door, config_rows: RawRedis
) -> None:
    added(config_rows, "x", port="Ethernet0", colour="red")
    told = config.refuses("job", "update", "x", "--direction", "both")
    assert told == "colour='red': TELEGEN_JOB has no such field; remove it"
    config("job", "update", "x", "--direction", "both", "--clear", "colour")
    assert row(config_rows, "x") == {"port": "Ethernet0", "direction": "both"}


def test_disable_and_enable_change_one_field_of_any_row(config: Door, config_rows: RawRedis) -> None:
    added(config_rows, "x", port="Ethernet0", colour="red")
    assert config("job", "disable", "x").startswith("Job x disabled; see: ")
    assert row(config_rows, "x") == {"port": "Ethernet0", "colour": "red", "admin_state": "disabled"}
    assert config("job", "enable", "x").startswith("Job x enabled; see: ")
    assert row(config_rows, "x")["admin_state"] == "enabled"


@pytest.mark.parametrize("job", ["x", "a|b", "no spaces"])
def test_del_removes_any_row(job: str, config: Door, config_rows: RawRedis) -> None:
    added(config_rows, job, rubbish="1")
    assert config("job", "del", job) == f"Job {job} deleted\n"
    assert config_rows("DBSIZE") == 0


@pytest.mark.parametrize("port", ["Ethernet0", "PortChannel1", "Vlan10", "eth0", "all"])
def test_ports_that_the_tables_know_are_taken(port: str, config: Door, config_rows: RawRedis) -> None:
    for key in ("PORT|Ethernet0", "PORTCHANNEL|PortChannel1", "VLAN|Vlan10"):
        config_rows("HSET", key, "NULL", "NULL")
    config("job", "add", "x", "--port", port)
    assert row(config_rows, "x")["port"] == port


def test_a_port_that_no_table_knows_is_refused_when_it_is_given(config: Door, config_rows: RawRedis) -> None:
    config_rows("HSET", "PORT|Ethernet0", "NULL", "NULL")
    refusal = "port='Ethernet8': no row of PORT, PORTCHANNEL or VLAN has this name; use one that has, eth0 or all"
    assert config.refuses("job", "add", "x", "--port", "Ethernet8") == refusal
    added(config_rows, "old", port="Ethernet4")
    assert config.refuses("job", "update", "old", "--port", "Ethernet8") == refusal
    config("job", "update", "old", "--direction", "both")


def test_aliases_are_ports_in_alias_mode(config: Door, config_rows: RawRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SONIC_CLI_IFACE_MODE", "alias")
    config_rows("HSET", "PORT|Ethernet0", "alias", "Eth1")
    config("job", "add", "x", "--port", "Eth1")
    assert row(config_rows, "x")["port"] == "Ethernet0"
    assert config.refuses("job", "add", "y", "--port", "Eth2").startswith("port='Eth2': no row of PORT")


def test_with_yang_validation_rows_are_the_same_and_refusals_are_told(
    validation: type[ValidatedConfigDBConnector], config_rows: RawRedis
) -> None:
    def yang(table: str, rows: Any) -> None:
        if rows.get("x", {}).get("direction") == "both":
            raise ValueError("Data Loading Failed: not today")

    validation.yang = staticmethod(yang)
    config = on_sonic().config
    config("job", "add", "x", "--port", "Ethernet0", "--duration-sec", "9")
    config("job", "update", "x", "--direction", "egress", "--clear", "duration_sec")
    config("job", "update", "x", "--clear", "duration_sec")  # not there any more: nothing to remove
    told = config.refuses("job", "update", "x", "--direction", "both")
    assert told == "TELEGEN_JOB|x: SONiC's validation refused the change: Data Loading Failed: not today"
    assert row(config_rows, "x") == {"port": "Ethernet0", "direction": "egress", "owner": "cli"}
    config("job", "del", "x")
    assert config_rows("EXISTS", "TELEGEN_JOB|x") == 0


def _write(socket: Any, times: int) -> None:
    with RawRedis(socket, 4) as raw:
        for number in range(times):
            raw("HSET", "TELEGEN_JOB|x", "duration_sec", number)
            raw("HSET", "TELEGEN_JOB|x", f"other_{number}", "1")


def test_what_another_process_writes_during_updates_stays(
    config: Door, config_rows: RawRedis, redis_server: RedisServer
) -> None:
    added(config_rows, "x", port="Ethernet0")
    times = 300
    code = f"from {__name__} import _write; _write({str(redis_server.socket)!r}, {times})"
    written = 0
    with subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[3]) as writer:
        while writer.poll() is None:
            config("job", "enable" if written % 2 else "disable", "x")
            written += 1
    assert writer.returncode == 0
    assert written > 1
    left = row(config_rows, "x")
    assert left.pop("admin_state") == ("disabled" if written % 2 else "enabled")
    others = {f"other_{number}": "1" for number in range(times)}
    assert left == {"port": "Ethernet0", "duration_sec": str(times - 1), **others}


def test_a_row_deleted_while_it_is_updated_does_not_come_back(
    config: Door, config_rows: RawRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    added(config_rows, "x", port="Ethernet0")
    write = ConfigRows.mod_entry

    def late(self: ConfigRows, table: str, key: str, fields: dict[str, str]) -> None:
        config_rows("DEL", f"{table}|{key}")
        write(self, table, key, fields)

    monkeypatch.setattr(ConfigRows, "mod_entry", late)
    assert config.refuses("job", "update", "x", "--direction", "both") == (
        "job x was deleted in the meantime; nothing was written"
    )
    assert config_rows("DBSIZE") == 0


def test_redis_away_at_any_command_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    with RedisServer() as server:
        monkeypatch.setenv("TELEGEN_DB_CONFIG", str(server.config))
        SonicDBConfig.reset()
        server.stop()
        for command in (["add", "x", "--port", "e"], ["update", "x", "--port", "e"], ["del", "x"], ["enable", "x"]):
            assert "CONFIG_DB cannot be reached" in standalone().config.refuses("job", *command)


def test_groups_abbreviate_as_sonics_root_does(config_rows: RawRedis) -> None:
    config = on_sonic().config
    config("j", "a", "x", "--port", "Ethernet0")
    assert row(config_rows, "x")["port"] == "Ethernet0"
    assert "Too many matches: del, disable" in config.refuses("job", "d", "x")
