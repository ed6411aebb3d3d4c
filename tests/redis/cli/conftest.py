"""Command trees over the private Redis: SONiC's three roots, and the standalone command.

These tests run on click 8.1 and, by tests/redis/test_cli_click7.py, on click 7.0.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from sonic_telegen.demo.redisd import RedisServer
from sonic_telegen.swsscommon.swsscommon import SonicDBConfig
from tests.support.redis import RawRedis
from tests.support.sonic_cli import Door, Trees, ValidatedConfigDBConnector, on_sonic, standalone


@pytest.fixture(autouse=True)
def at_home(
    redis_server: RedisServer, config_rows: RawRedis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[None]:
    """Empty databases, found through TELEGEN_DB_CONFIG; baselines in a folder of the test's."""
    monkeypatch.setenv("TELEGEN_DB_CONFIG", str(redis_server.config))
    monkeypatch.setenv("SONIC_CLI_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("SONIC_CLI_IFACE_MODE", raising=False)
    SonicDBConfig.reset()
    SonicDBConfig.load_sonic_db_config(str(redis_server.config))
    yield
    SonicDBConfig.reset()


@pytest.fixture(params=[on_sonic, standalone])
def trees(request: pytest.FixtureRequest) -> Trees:
    """A test that takes this (or a part of it) runs in SONiC's trees and in the standalone one."""
    made: Trees = request.param()
    return made


@pytest.fixture
def config(trees: Trees) -> Door:
    """``config telegen …`` or ``telegen …``."""
    return trees.config


@pytest.fixture
def show(trees: Trees) -> Door:
    """``show telegen …`` or ``telegen show …``."""
    return trees.show


@pytest.fixture
def clear(trees: Trees) -> Door:
    """``sonic-clear telegen …`` or ``telegen clear …``."""
    return trees.clear


@pytest.fixture
def validation(monkeypatch: pytest.MonkeyPatch, config_rows: RawRedis) -> type[ValidatedConfigDBConnector]:
    """A switch on which YANG is asked before each write; the test sets what it says."""

    class Validated(ValidatedConfigDBConnector):
        pass

    module = SimpleNamespace(ValidatedConfigDBConnector=Validated)
    monkeypatch.setitem(sys.modules, "config.validated_config_db_connector", module)
    config_rows("HSET", "DEVICE_METADATA|localhost", "yang_config_validation", "enable")
    return Validated
