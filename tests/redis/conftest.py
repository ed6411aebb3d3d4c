"""A private redis-server for this tier, and the swsscommon under test.

The conformance suite (test_swss_*.py but for test_swss_own_*.py) runs against the real library too::

    TELEGEN_SWSSCOMMON=swsscommon.swsscommon pytest tests/redis/test_swss_[!o]*.py
"""

from __future__ import annotations

import importlib
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from sonic_telegen.db.store import Store
from sonic_telegen.demo.redisd import RedisServer
from sonic_telegen.swsscommon.swsscommon import SonicDBConfig
from tests.support.redis import RawRedis

CONFIG_DB, STATE_DB, COUNTERS_DB = 4, 6, 2


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One server for the session, on a unix socket and a TCP port; tests that stop a server make their own."""
    with RedisServer(port=_free_port()) as server:
        yield server


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """One of the test's own, which it may stop; the wrapper knows no database before and after."""
    SonicDBConfig.reset()
    with RedisServer() as running:
        yield running
    SonicDBConfig.reset()


@pytest.fixture
def config_rows(redis_server: RedisServer) -> Iterator[RawRedis]:
    """CONFIG_DB by a client of our own; to begin with all databases are empty and nobody is subscribed."""
    with RawRedis(redis_server.socket, CONFIG_DB) as raw:
        raw("FLUSHALL")
        raw("CLIENT", "KILL", "TYPE", "pubsub")  # what an earlier test may have left
        yield raw


@pytest.fixture
def state_rows(redis_server: RedisServer, config_rows: RawRedis) -> Iterator[RawRedis]:
    """STATE_DB likewise."""
    with RawRedis(redis_server.socket, STATE_DB) as raw:
        yield raw


@pytest.fixture
def store(redis_server: RedisServer, config_rows: RawRedis) -> Iterator[Store]:
    """What the worker reads and writes with, on the private server."""
    SonicDBConfig.reset()
    yield Store(redis_server.config)
    SonicDBConfig.reset()


@pytest.fixture
def swss(redis_server: RedisServer, config_rows: RawRedis) -> Iterator[Any]:
    """The module under test, its databases those of the private server, all empty."""
    module: Any = importlib.import_module(os.environ.get("TELEGEN_SWSSCOMMON", "sonic_telegen.swsscommon.swsscommon"))
    if module.SonicDBConfig.isInit():
        module.SonicDBConfig.reset()
    module.SonicDBConfig.load_sonic_db_config(str(redis_server.config))
    yield module
    module.SonicDBConfig.reset()


@pytest.fixture
def config_db(swss: Any) -> Iterator[Any]:
    """A ConfigDBConnector on CONFIG_DB."""
    connector = swss.ConfigDBConnector(use_unix_socket_path=True)
    connector.connect(wait_for_init=False)
    yield connector
    connector.close()
