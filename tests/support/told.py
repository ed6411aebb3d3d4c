"""What an agent would have told: rows of STATE_DB through the codec, at a moment that the test names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sonic_telegen.db import codec, schema
from sonic_telegen.db.store import key
from sonic_telegen.model.job import Direction
from sonic_telegen.model.sample import CLASSES, SIZE_BOUNDS, Counters, InterfaceSample
from sonic_telegen.model.status import AgentStatus, JobStatus, Status, Visibility
from sonic_telegen.settings import resolve
from tests.support.redis import RawRedis

AT = 1_790_000_000  # 2026-09-21T14:13:20Z
SECOND = 1_000_000_000
AGENT = AgentStatus(
    "v1.2.3",
    "abcdef0",
    4242,
    "6.1.0-22-2-amd64",
    started_ns=(AT - 7500) * SECOND,
    loader="core",
    btf=True,
    attach="clsact",
    jobs=3,
    jobs_running=2,
    otlp_endpoint="http://collector.example:4317",
    otlp_last_success_ns=(AT - 4) * SECOND,
)
RUNNING = JobStatus(
    "uplink",
    Status.RUNNING,
    port="Ethernet0",
    interface="Ethernet0",
    direction="both",
    mirror_mode="direct",
    visibility=Visibility.CPU_PATH,
    started_ns=(AT - 600) * SECOND,
    packets=1234567,
    bytes=98765432,
    sample_ns=AT * SECOND,
)


def hook(
    port: str, direction: str = "ingress", packets: Sequence[int] = (), size: int = 100, ifindex: int = 7
) -> InterfaceSample:
    """Counters of a hook: ``packets`` of ``size`` bytes by class, 0 where none is given."""
    bucket = sum(size > bound for bound in SIZE_BOUNDS)
    counts = [*packets, *[0] * (len(CLASSES) - len(packets))]
    classes = tuple(
        Counters(n, n * size, tuple(n if i == bucket else 0 for i in range(len(SIZE_BOUNDS) + 1))) for n in counts
    )
    return InterfaceSample(1, ifindex, port, Direction(direction), 0, classes)


def tell(
    state: RawRedis,
    at: float = AT - 2,
    agent: AgentStatus = AGENT,
    jobs: Sequence[JobStatus] = (),
    hooks: Sequence[InterfaceSample] = (),
    asked: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
) -> None:
    """Write the agent's row and those of jobs and hooks as told ``at`` (Unix s), settings if any were asked for."""
    ns = round(at * SECOND)
    put(state, key(schema.STATE_AGENT_TABLE, schema.GLOBAL_KEY), codec.agent_row(agent, ns))
    for told in jobs:
        put(state, key(schema.STATE_JOB_TABLE, told.job), codec.status_row(replace(told, sample_ns=ns), ns))
    for item in hooks:
        name = key(schema.STATE_INTERFACE_TABLE, item.name, item.direction.value)
        put(state, name, codec.interface_row(item, ns))
    if asked is not None or env is not None:
        values = resolve(asked or {}, env or {}).values
        row = codec.settings_row({name: (value.text, value.origin) for name, value in values.items()})
        put(state, key(schema.STATE_AGENT_TABLE, schema.SETTINGS_KEY), row)


def put(raw: RawRedis, name: str, row: Mapping[str, str]) -> None:
    """Make the hash hold exactly these fields."""
    raw("DEL", name)
    raw("HSET", name, *(part for pair in row.items() for part in pair))
