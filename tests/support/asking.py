"""The job ``web`` of the command reference, a question with flows and a time limit: its row, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sonic_telegen.db import codec, results
from sonic_telegen.model.job import JobSpec, Owner, ResultDetail
from sonic_telegen.model.match import Match
from sonic_telegen.model.result import JobResult
from sonic_telegen.model.sample import SIZE_BOUNDS, Burst, Counters, Flow, FlowRecord, JobSample
from sonic_telegen.model.status import JobStatus, Reason, Status, Visibility
from sonic_telegen.model.values import PREFIX
from tests.support.redis import RawRedis
from tests.support.told import AT, SECOND, put, tell

BEGUN = (AT - 180) * SECOND
WEB = JobSpec(
    "web",
    "Ethernet0",
    duration_sec=120,
    owner=Owner.CLI,
    match=Match(ip_proto=(6,), dst_cidr=PREFIX.read("10.20.0.0/16"), l4_dport=((443, 443),)),
    result_detail=ResultDetail.FLOWS,
)


def _flow(source: str, port: int, packets: int, octets: int, first: int, last: int, flags: int) -> FlowRecord:
    flow = Flow(source, "10.20.0.7", port, 443, 6, 0, 100)
    return FlowRecord(flow, packets, octets, flags, BEGUN + first * SECOND, BEGUN + last * SECOND, first)


_SIZES = (0, 2310, 480, 122, 61, 5027, 0, 0, 0, 0)
assert len(_SIZES) == len(SIZE_BOUNDS) + 1
_ALL = Counters(sum(_SIZES), 7_868_400, _SIZES)
_TOP = (
    _flow("10.9.1.20", 51812, 4100, 5_904_000, 3, 119, 0x1A),
    _flow("10.9.1.31", 40022, 2013, 1_205_787, 8, 64, 0x1B),
    _flow("10.9.4.2", 33870, 1702, 730_158, 41, 90, 0x12),
)
_HELD = Counters(7_903, 7_862_400)
_OWN = JobSample(
    WEB.digest(),
    sampled=_ALL,
    tracks=True,
    held=_HELD,
    untracked=Counters(97, 6_000),
    flows=91,
    top=_TOP,
    burst=Burst(96_896, 64, BEGUN + 41 * SECOND),
)
_NONE = Counters(0, 0, (0,) * len(_SIZES))
FOUND = JobResult("web", BEGUN, BEGUN + 120 * SECOND, (_ALL, _NONE, _NONE, _NONE), 1, _OWN, ended=True)
TOLD = JobStatus(
    "web",
    Status.DONE,
    Reason.EXPIRED,
    "duration_sec=120 is over; change the row to run again",
    port="Ethernet0",
    interface="Ethernet0",
    direction="ingress",
    mirror_mode="direct",
    visibility=Visibility.CPU_PATH,
    started_ns=BEGUN,
    expires_ns=BEGUN + 120 * SECOND,
    packets=_ALL.packets,
    bytes=_ALL.bytes,
)


@contextmanager
def there(config: RawRedis, state: RawRedis) -> Iterator[None]:
    """The job is over and what it found is told; gone afterwards."""
    put(config, "TELEGEN_JOB|web", codec.job_row(WEB))
    tell(state, jobs=[TOLD])
    put(state, "TELEGEN_RESULT_TABLE|web", results.result_row(FOUND, None))
    yield
    config("DEL", "TELEGEN_JOB|web")
    state("DEL", "TELEGEN_JOB_TABLE|web", "TELEGEN_RESULT_TABLE|web")
