"""A facade on the tier's Redis, all databases empty; no agent: the tests write the rows that one would write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sonic_telegen.db import codec
from sonic_telegen.demo.redisd import RedisServer
from sonic_telegen.model.status import JobStatus, Status
from sonic_telegen.swsscommon.swsscommon import SonicDBConfig
from tests.support.redis import RawRedis
from tests.support.rest import Served
from tests.support.samples import START_NS

Tell = Callable[..., None]


@pytest.fixture
def rest(redis_server: RedisServer, config_rows: RawRedis, tmp_path: Path) -> Iterator[Served]:
    SonicDBConfig.reset()
    with Served(redis_server.config, tmp_path) as served:
        yield served
    SonicDBConfig.reset()


def flat(row: dict[str, str]) -> list[str]:
    return [part for pair in row.items() for part in pair]


@pytest.fixture
def tell(state_rows: RawRedis) -> Tell:
    """``tell("a", Status.RUNNING, packets=7)`` as the agent would."""

    def write(job: str, status: Status, now_ns: int = START_NS, **more: object) -> None:
        told = JobStatus(job, status, port="Ethernet0", direction="ingress", **more)  # type: ignore[arg-type]
        state_rows("HSET", f"TELEGEN_JOB_TABLE|{job}", *flat(codec.status_row(told, now_ns)))

    return write
