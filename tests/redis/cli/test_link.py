"""Bodies reach Redis by SONiC's connectors or ours, and end with a remedy when they cannot."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest

from sonic_telegen.cli import link
from sonic_telegen.demo.redisd import RedisServer
from sonic_telegen.swsscommon import swsscommon
from sonic_telegen.swsscommon.swsscommon import SonicDBConfig
from tests.support.redis import RawRedis, wait_until
from tests.support.sonic_cli import Door, ValidatedConfigDBConnector, roots

Body = Callable[[click.Context], Any]


def on_switch(body: Body) -> Door:
    """A command below SONiC's ``config``, whose root gives it a Db."""
    root = roots()["config"]
    root.add_command(click.Command("try", callback=click.pass_context(body)))
    return Door(root, "config")


def alone(body: Body) -> Door:
    """The same where no root gives anything: development, containers, ``sonic-clear``."""
    root = click.Group("telegen")
    root.add_command(click.Command("try", callback=click.pass_context(body)))
    return Door(root, "telegen")


@pytest.fixture(params=[on_switch, alone])
def tree(request: pytest.FixtureRequest) -> Callable[[Body], Door]:
    chosen: Callable[[Body], Door] = request.param
    return chosen


def test_rows_of_config_db_are_text_by_their_whole_key(tree: Any, config_rows: RawRedis) -> None:
    config_rows("HSET", "PORT|Ethernet0", "alias", "Eth1", "lanes@", "1,2")
    config_rows("HSET", "VLAN_MEMBER|Vlan10|Ethernet0", "NULL", "NULL")
    seen: list[Any] = []

    def body(ctx: click.Context) -> None:
        rows = link.config_db(ctx)
        seen.extend([rows.get_table("PORT"), rows.get_keys("VLAN_MEMBER"), rows.get_entry("PORT", "Ethernet0")])
        seen.extend([rows.get_table("VLAN_MEMBER"), rows.get_entry("PORT", "Ethernet4")])

    tree(body)("try")

    port = {"alias": "Eth1", "lanes@": "1,2"}
    assert seen == [{"Ethernet0": port}, {"Vlan10|Ethernet0"}, port, {"Vlan10|Ethernet0": {}}, {}]


def test_rows_of_other_databases_come_by_table_and_by_key(tree: Any, state_rows: RawRedis) -> None:
    state_rows("HSET", "TELEGEN_JOB_TABLE|a", "status", "running")
    state_rows("HSET", "TELEGEN_JOB_TABLE|b|c", "status", "failed")
    state_rows("HSET", "TELEGEN_JOB_TABLE_OTHER|a", "status", "x")
    state_rows("SELECT", 2)
    state_rows("HSET", "COUNTERS_PORT_NAME_MAP", "Ethernet0", "oid:0x1")
    seen: list[Any] = []

    def body(ctx: click.Context) -> None:
        state, counters = link.state_db(ctx), link.counters_db(ctx)
        seen.extend([state.table("TELEGEN_JOB_TABLE"), state.get_all("TELEGEN_JOB_TABLE|a"), state.get_all("none")])
        seen.extend([counters.get_all("COUNTERS_PORT_NAME_MAP"), counters.keys("COUNTERS:*"), counters.table("X")])

    tree(body)("try")

    jobs = {"a": {"status": "running"}, "b|c": {"status": "failed"}}
    assert seen == [jobs, {"status": "running"}, {}, {"Ethernet0": "oid:0x1"}, [], {}]


def test_connections_end_with_the_command(tree: Any, config_rows: RawRedis) -> None:
    def body(ctx: click.Context) -> None:
        assert link.config_db(ctx) is link.config_db(ctx)
        assert link.state_db(ctx) is link.state_db(ctx)
        link.counters_db(ctx).keys()
        held.append(len(config_rows("CLIENT", "LIST").splitlines()))

    held: list[int] = []
    before = len(config_rows("CLIENT", "LIST").splitlines())
    tree(body)("try")
    assert held[0] >= before + 3
    wait_until(lambda: len(config_rows("CLIENT", "LIST").splitlines()) == before, "the server to see them closed")


def test_writes_are_whole_rows_single_fields_and_removals(tree: Any, config_rows: RawRedis) -> None:
    def body(ctx: click.Context) -> None:
        rows = link.config_db(ctx)
        rows.set_entry("T", "gone", {"a": "1"})
        rows.set_entry("T", "gone", None)
        rows.set_entry("T", "x", {"a": "1", "b": "2"})
        rows.mod_entry("T", "x", {"c": "3"})
        rows.clear_field("T", "x", "a")

    tree(body)("try")

    assert config_rows.row("T|x") == {b"b": b"2", b"c": b"3"}
    assert config_rows("EXISTS", "T|gone") == 0


def test_where_yang_is_asked_first_writes_and_removals_go_through_it(
    validation: type[ValidatedConfigDBConnector], config_rows: RawRedis
) -> None:
    judged: list[Any] = []
    validation.yang = staticmethod(lambda table, rows: judged.append(dict(rows)))
    config_rows("HSET", "T|x", "a", "1", "b", "2")

    def body(ctx: click.Context) -> None:
        rows = link.config_db(ctx)
        rows.clear_field("T", "x", "a")
        rows.mod_entry("T", "x", {"c": "3"})

    on_switch(body)("try")

    assert judged == [{"x": {"b": "2"}}, {"x": {"b": "2", "c": "3"}}]
    assert config_rows.row("T|x") == {b"b": b"2", b"c": b"3"}


def test_what_yang_refuses_and_conflicts_are_told_and_change_nothing(
    validation: type[ValidatedConfigDBConnector], config_rows: RawRedis
) -> None:
    def refuse(table: str, rows: object) -> None:
        raise ValueError("Data Loading Failed: port is no port")

    validation.yang = staticmethod(refuse)
    config_rows("HSET", "T|x", "a", "1")
    writing = on_switch(lambda ctx: link.config_db(ctx).mod_entry("T", "x", {"a": "2"}))
    clearing = on_switch(lambda ctx: link.config_db(ctx).clear_field("T", "x", "b"))

    assert writing.refuses("try") == (
        "T|x: SONiC's validation refused the change: Data Loading Failed: port is no port"
    )
    assert (
        clearing.refuses("try") == "T|x: SONiC's validation refused the change: can't remove a non-existent object 'b'"
    )
    assert config_rows.row("T|x") == {b"a": b"1"}


@pytest.mark.parametrize(
    "body",
    [
        lambda ctx: link.config_db(ctx).get_table("PORT"),
        lambda ctx: link.config_db(ctx).set_entry("T", "x", {"a": "1"}),
        lambda ctx: link.state_db(ctx).get_all("x"),
        lambda ctx: link.counters_db(ctx).table("x"),
    ],
    ids=["read", "write", "state", "counters"],
)
def test_no_redis_is_told_with_a_remedy(body: Body, monkeypatch: pytest.MonkeyPatch) -> None:
    with RedisServer() as server:
        config = str(server.config)
        SonicDBConfig.reset()
        SonicDBConfig.load_sonic_db_config(config)
        monkeypatch.setenv("TELEGEN_DB_CONFIG", config)
        server.stop()
        told = alone(body).refuses("try")
    assert "cannot be reached: Unable to connect to redis at " in told
    assert told.endswith(
        f"see that the database service runs and that TELEGEN_DB_CONFIG (now {config}) names its configuration"
    )


def test_redis_that_goes_away_before_a_write_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with RedisServer() as server:
        SonicDBConfig.reset()
        SonicDBConfig.load_sonic_db_config(str(server.config))

        def body(ctx: click.Context) -> None:
            rows = link.config_db(ctx)
            server.stop()
            rows.mod_entry("T", "x", {"a": "1"})

        assert "CONFIG_DB cannot be reached: " in on_switch(body).refuses("try")


def test_a_missing_database_config_names_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SonicDBConfig.reset()
    monkeypatch.setenv("TELEGEN_DB_CONFIG", str(tmp_path / "none.json"))
    told = alone(lambda ctx: link.state_db(ctx).keys()).refuses("try")
    assert f"doesn't exist at {tmp_path}/none.json" in told
    assert "TELEGEN_DB_CONFIG" in told


def test_sonics_own_library_is_taken_where_there_is_one(monkeypatch: pytest.MonkeyPatch, config_rows: RawRedis) -> None:
    made: list[str] = []

    class Own(swsscommon.ConfigDBConnector):
        def __init__(self, **options: Any) -> None:
            made.append("SONiC's")
            super().__init__(**options)

    module = ModuleType("swsscommon.swsscommon")
    module.__dict__.update(vars(swsscommon), ConfigDBConnector=Own)
    monkeypatch.setitem(sys.modules, "swsscommon.swsscommon", module)
    alone(lambda ctx: link.config_db(ctx).mod_entry("T", "x", {"a": "1"}))("try")
    assert made == ["SONiC's"]
    assert config_rows.row("T|x") == {b"a": b"1"}


@pytest.mark.parametrize(
    ("mode", "name", "shown"), [("alias", "Ethernet0", {"Ethernet0": "Eth1/1"}), ("", "Eth1/1", {})]
)
def test_aliases_are_ports_where_the_operator_works_with_them(
    mode: str, name: str, shown: dict[str, str], tree: Any, config_rows: RawRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SONIC_CLI_IFACE_MODE", mode or "default")
    config_rows("HSET", "PORT|Ethernet0", "alias", "Eth1/1")
    config_rows("HSET", "PORT|Ethernet4", "lanes", "4")
    seen: list[Any] = []

    def body(ctx: click.Context) -> None:
        seen.extend([link.port_name(ctx, "Eth1/1"), link.port_name(ctx, "Ethernet4"), link.port_aliases(ctx)])

    tree(body)("try")

    assert seen == [name, "Ethernet4", shown]
