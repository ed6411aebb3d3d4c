"""A switch that is only its exports: every metric of the product, by the product's own code, from readings made up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sonic_telegen.model.job import Direction, JobSpec, ResultDetail
from sonic_telegen.model.kernel import AccountKey
from sonic_telegen.model.sample import (
    PUNT_PROTOCOLS,
    AccountSample,
    Burst,
    Counters,
    Flow,
    FlowRecord,
    JobSample,
    PuntSample,
    Sample,
    Session,
    SessionRecord,
)
from sonic_telegen.telemetry.flows import JobSeries
from sonic_telegen.telemetry.punts import punt_metrics
from sonic_telegen.telemetry.series import AgentStats, Metric, series
from sonic_telegen.telemetry.sessions import session_metrics
from tests.support.samples import SECOND_NS, reading

EVERY = "every"  # job on all ports, with punts
ASKS = JobSpec("asks", "Ethernet0", result_detail=ResultDetail.FLOWS)
_SEEN = ("arp", "bgp", "lldp", "lacp", "ssh")  # of the control protocols


class Pretend:
    """One switch's agent, without switch, kernel and Redis.

    Args:
        netdevs: its ports; a job counts on all of them, both ways.
        flows: how many flows a second job tracks; with 0 there is no second job.
        began_ns: when its counters were zero.
    """

    def __init__(self, netdevs: Sequence[str], flows: int, began_ns: int) -> None:
        self._netdevs, self._flows, self._began = list(netdevs), flows, began_ns
        self._series = JobSeries(began_ns)
        self._specs = {EVERY: JobSpec(EVERY, "all")} | ({ASKS.id: ASKS} if flows else {})

    def metrics(self, beat: int, now_ns: int) -> tuple[Metric, ...]:
        """The ``beat``-th export, as the agent puts it together."""
        sample = self._sample(beat, now_ns)
        own = AgentStats(
            self._began, beat, 0.01 * beat, {("Attach", "ok"): 3, ("Attach", "failed"): 1}, 1, 0, 0.1, 50_000_000
        )
        seen = series(sample, frozenset(self._specs), own)
        kept = (*self._series.metrics(sample, self._specs), *session_metrics(sample, self._specs))
        return (*seen, *punt_metrics(sample, self._specs), *kept)

    def _sample(self, beat: int, now_ns: int) -> Sample:
        plain = reading(beat, self._netdevs, job=EVERY)
        interfaces = tuple(replace(one, start_ns=self._began) for one in plain.interfaces)
        accounts = {key: replace(one, start_ns=self._began) for key, one in plain.accounts.items()}
        punts = tuple(
            PuntSample(one.slot, one.ifindex, one.name, one.direction, self._began, self._punted(beat))
            for one in interfaces
            if one.direction is Direction.INGRESS
        )
        jobs = {}
        if self._flows:
            key = AccountKey(ASKS.id, ASKS.port, Direction.INGRESS)
            accounts[key] = AccountSample(key, self._began, (Counters(beat * 100, beat * 50_000),) * 4)
            jobs[ASKS.id] = self._asked(beat, now_ns)
        return Sample(now_ns, self._began, plain.totals, interfaces, accounts, jobs=jobs, punts=punts)

    def _punted(self, beat: int) -> tuple[Counters, ...]:
        return tuple(Counters(beat * 10, beat * 900) if name in _SEEN else Counters() for name in PUNT_PROTOCOLS)

    def _asked(self, beat: int, now_ns: int) -> JobSample:
        first = self._began + SECOND_NS
        top = tuple(
            FlowRecord(
                Flow(f"10.{n >> 8}.{n & 255}.1", "192.0.2.1", 1024 + n, 443, 6, 46, 0),
                beat * 10,
                beat * 9000,
                2,
                first,
                now_ns,
                1,
            )
            for n in range(self._flows)
        )
        held = Counters(sum(one.packets for one in top), sum(one.bytes for one in top))
        evicted, untracked = Counters(beat, beat * 100), Counters(beat * 2, beat * 200)
        sampled = Counters(held.packets + 3 * beat, held.bytes + 300 * beat)
        session = SessionRecord(
            Session("192.0.2.9", "192.0.2.10", 7), (Counters(beat, beat * 100),) * 4, beat, 0, 0, first, now_ns, 1
        )
        return JobSample(
            ASKS.digest(),
            sampled,
            True,
            held,
            evicted,
            untracked,
            len(top),
            top,
            beat,
            burst=Burst(800_000, 600, now_ns - SECOND_NS),
            captured=beat,
            capture_lost=beat,
            mirrored=beat,
            mirror_failed=beat,
            sessions=(session,),
        )
