"""A loop on a real Redis beside orchagent's stand-in, with three ports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sonic_telegen.db.store import Store
from sonic_telegen.demo.redisd import RedisServer
from tests.support.asicrig import Rig
from tests.support.mirrororch import MirrorOrch
from tests.support.redis import RawRedis


@pytest.fixture
def rig(store: Store, config_rows: RawRedis, tmp_path: Path) -> Rig:
    for port in ("Ethernet0", "Ethernet4", "Ethernet8"):
        config_rows("HSET", f"PORT|{port}", "lanes", "1")
    return Rig(store, tmp_path)


@pytest.fixture(params=[False, True], ids=["releases", "newest master"])
def orch(request: pytest.FixtureRequest, redis_server: RedisServer, config_rows: RawRedis) -> Iterator[MirrorOrch]:
    made = MirrorOrch(redis_server.socket, recreates=request.param)
    yield made
    made.close()
