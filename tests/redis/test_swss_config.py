"""SonicDBConfig: databases by name, one file a namespace, and which exception for which mistake."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sonic_telegen.demo.redisd import DATABASES, RedisServer
from tests.support.redis import RawRedis


@pytest.fixture
def asic0() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def both(swss: Any, redis_server: RedisServer, asic0: RedisServer, tmp_path: Path) -> Any:
    """The module with a global file: the host on one server, namespace asic0 on another."""
    (tmp_path / "host.json").write_text(redis_server.config.read_text())
    (tmp_path / "asic0.json").write_text(asic0.config.read_text())
    includes = [{"include": "host.json"}, {"namespace": "asic0", "include": "asic0.json"}]
    (tmp_path / "database_global.json").write_text(json.dumps({"INCLUDES": includes, "VERSION": "1.0"}))
    swss.SonicDBConfig.reset()
    swss.SonicDBConfig.load_sonic_global_db_config(str(tmp_path / "database_global.json"))
    return swss


def test_names_resolve_to_numbers_and_separators(swss: Any) -> None:
    config = swss.SonicDBConfig
    assert {name: (config.getDbId(name), config.getSeparator(name)) for name in config.getDbList()} == DATABASES
    assert config.getSeparator(6) == "|"
    assert config.getSeparator(2) == ":"


def test_instance_of_a_database(swss: Any, redis_server: RedisServer) -> None:
    config = swss.SonicDBConfig
    assert config.getDbInst("CONFIG_DB") == "redis"
    assert config.getDbSock("CONFIG_DB") == str(redis_server.socket)
    assert (config.getDbHostname("CONFIG_DB"), config.getDbPort("CONFIG_DB")) == ("127.0.0.1", redis_server.port)
    (instance,) = config.getInstanceList().values()
    assert instance.unixSocketPath == str(redis_server.socket)


def test_separator_of_a_connector(swss: Any) -> None:
    assert swss.SonicDBConfig.getSeparator(swss.DBConnector("COUNTERS_DB", 0)) == ":"


def test_loading_twice_is_an_error(swss: Any, redis_server: RedisServer) -> None:
    assert swss.SonicDBConfig.isInit()
    with pytest.raises(RuntimeError):
        swss.SonicDBConfig.load_sonic_db_config(str(redis_server.config))


def test_unknown_database(swss: Any) -> None:
    with pytest.raises(IndexError):
        swss.SonicDBConfig.getDbId("NO_SUCH_DB")
    with pytest.raises(IndexError):
        swss.DBConnector("NO_SUCH_DB", 0)


@pytest.mark.parametrize("content", [None, "{", '{"INSTANCES": {"redis": {}}, "DATABASES": {}}'])
def test_a_file_that_cannot_be_read(swss: Any, tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "database_config.json"
    if content is not None:
        path.write_text(content)
    swss.SonicDBConfig.reset()
    with pytest.raises(RuntimeError):
        swss.SonicDBConfig.load_sonic_db_config(str(path))
    assert not swss.SonicDBConfig.isInit()


def test_a_namespace_needs_the_global_file(swss: Any) -> None:
    assert not swss.SonicDBConfig.isGlobalInit()
    with pytest.raises(RuntimeError):
        swss.SonicDBConfig.getDbId("CONFIG_DB", "asic0")


def test_global_file_brings_every_namespace(both: Any, asic0: RedisServer, redis_server: RedisServer) -> None:
    config = both.SonicDBConfig
    assert config.isInit()
    assert config.isGlobalInit()
    assert sorted(config.getNamespaces()) == ["", "asic0"]
    assert sorted(config.get_ns_list()) == ["", "asic0"]
    assert config.getDbSock("CONFIG_DB") == str(redis_server.socket)
    assert config.getDbSock("CONFIG_DB", "asic0") == str(asic0.socket)
    config.validateNamespace("asic0")
    with pytest.raises(RuntimeError):
        config.validateNamespace("asic7")
    with pytest.raises(IndexError):
        config.getDbId("CONFIG_DB", "asic7")


def test_global_file_a_second_time_changes_nothing(both: Any, tmp_path: Path) -> None:
    both.SonicDBConfig.load_sonic_global_db_config(str(tmp_path / "not there"))
    assert sorted(both.SonicDBConfig.getNamespaces()) == ["", "asic0"]


def test_connectors_reach_the_namespace_they_were_given(both: Any, asic0: RedisServer, config_rows: RawRedis) -> None:
    db = both.DBConnector("CONFIG_DB", 0, False, "asic0")
    assert (db.getNamespace(), db.namespace) == ("asic0", "asic0")
    db.hset("PORT|Ethernet0", "alias", "plain")
    typed = both.ConfigDBConnector(use_unix_socket_path=True, namespace="asic0")
    typed.connect(wait_for_init=False)
    assert typed.namespace == "asic0"
    typed.set_entry("PORT", "Ethernet4", {"alias": "typed"})
    with RawRedis(asic0.socket, 4) as elsewhere:
        assert elsewhere.row("PORT|Ethernet0") == {b"alias": b"plain"}
        assert elsewhere.row("PORT|Ethernet4") == {b"alias": b"typed"}
    assert config_rows("KEYS", "*") == []
    table = both.SubscriberStateTable(db, "PORT")
    assert table.getDbConnector().getNamespace() == "asic0"


def test_a_key_object_serves_as_namespace(both: Any, asic0: RedisServer) -> None:
    key = both.SonicDBKey("asic0")
    assert both.SonicDBConfig.getDbSock("CONFIG_DB", key) == str(asic0.socket)
    assert {(found.netns, found.containerName) for found in both.SonicDBConfig.getDbKeys()} == {("", ""), ("asic0", "")}


@pytest.mark.parametrize(("name", "valid"), [("", False), ("Ethernet0", True), ("x" * 15, True), ("x" * 16, False)])
def test_interface_names(swss: Any, name: str, valid: bool) -> None:
    assert swss.isInterfaceNameValid(name) is valid
