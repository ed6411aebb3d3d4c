"""kill -9 after every call with which a job's program comes, is exchanged and goes: the next agent ends it rightly."""

from __future__ import annotations

import pytest

from sonic_telegen.kernel.netlink import Netlink
from sonic_telegen.kernel.pins import JOB_NAMES
from sonic_telegen.model.job import JobSpec, ResultDetail
from sonic_telegen.model.match import Match
from sonic_telegen.model.status import Status
from tests.support import frames as f
from tests.support.crash import Calls, Crash, crashing
from tests.support.jobbox import Agent, agent
from tests.support.net import until

HIT, MISS = (f.ether(f.IPV4, f.ipv4(protocol, bytes(20))) for protocol in (f.UDP, f.TCP))
UDP = JobSpec("udp", "Ethernet0", match=Match(ip_proto=(17,)), result_detail=ResultDetail.FLOWS, duration_sec=600)
OTHER = JobSpec("udp", "Ethernet0", match=Match(ip_proto=(6,)))
CHANGES = ("add_filter", "replace_filter", "delete_filter", "add_qdisc", "delete_qdisc")


class Wire:
    """Sends one frame that matches and one that does not after every call, and counts."""

    def __init__(self, a: Agent) -> None:
        self.a, self.sent = a, 0

    def send(self) -> None:
        self.a.switch.send("Ethernet0", [HIT, MISS])
        self.sent += 1


def dying(a: Agent, wire: Wire, limit: int | None, *specs: JobSpec) -> Calls:
    """Passes over the rows until the agent is killed after its ``limit``-th change."""
    with crashing(limit, wire.send) as calls, pytest.MonkeyPatch.context() as patch:
        for name in CHANGES:
            real = getattr(Netlink, name)

            def call(*given: object, real: object = real, name: str = name) -> object:
                if calls.dead:
                    raise Crash(f"{name} after death")
                answer = real(*given)  # type: ignore[operator]
                wire.send()
                calls.made(name)
                return answer

            patch.setattr(Netlink, name, call)
        try:
            for _ in range(3):
                a.ask(*specs)
        except Crash:
            pass
    return calls


def is_whole(a: Agent, *jobs: str) -> None:
    """Exactly what these jobs need is there."""
    state = a.kernel.observe()
    assert sorted(x.own.job for x in state.filters if x.own) == sorted(["", *jobs] if jobs else [])
    assert sorted(state.programs) == sorted(jobs)
    assert len(a.pinned()) == len(JOB_NAMES) * len(jobs)
    assert sorted(s.own for s in state.slots.values()) == ([False] + [True] * len(jobs) if jobs else [])


def every_limit(calls: int) -> range:
    assert calls > 3, "else this proves nothing"
    return range(1, calls + 1)


def calls_of(*before: JobSpec, then: tuple[JobSpec, ...], build: int = 0) -> int:
    """How many changes it takes when nobody dies."""
    with agent() as a:
        a.ask(*before)
        a.restart(TG_BUILD=build)
        return dying(a, Wire(a), None, *then).count


def test_while_it_begins() -> None:
    for limit in every_limit(calls_of(then=(UDP,))):
        with agent() as a:
            wire = Wire(a)
            dying(a, wire, limit, UDP)
            a.restart()
            a.run()
            assert a.run().jobs["udp"].status is Status.RUNNING, limit
            is_whole(a, "udp")
            began, sent = a.counted("udp"), wire.sent
            wire.send()
            assert until(lambda: a.counted("udp") == began + wire.sent - sent), limit  # noqa: B023
            assert a.run().actions == {}


def test_while_another_builds_program_takes_its_place_no_packet_is_lost_or_counted_twice() -> None:
    for limit in every_limit(calls_of(UDP, then=(UDP,), build=1)):
        with agent() as a:
            a.ask(UDP)
            a.restart(TG_BUILD=1)
            wire = Wire(a)
            dying(a, wire, limit, UDP)
            a.restart(TG_BUILD=1)
            wire.send()
            assert a.run().jobs["udp"].status is Status.RUNNING, limit
            wire.send()
            assert until(lambda: a.counted("udp") == wire.sent), (limit, a.counted("udp"), wire.sent)  # noqa: B023
            is_whole(a, "udp")
            assert a.run().actions == {}


def test_while_the_question_changes_the_new_one_counts_only_what_it_asks() -> None:
    for limit in every_limit(calls_of(UDP, then=(OTHER,))):
        with agent() as a:
            a.ask(UDP)
            wire = Wire(a)
            dying(a, wire, limit, OTHER)
            a.restart()
            a.ask(OTHER)
            assert a.run().jobs["udp"].status is Status.RUNNING, limit
            is_whole(a, "udp")
            before = a.counted("udp")
            assert before <= wire.sent
            a.switch.send("Ethernet0", [HIT, MISS, HIT])
            assert until(lambda: a.counted("udp") == before + 1), limit  # noqa: B023
            assert a.run().actions == {}


def test_while_it_ends_nothing_stays() -> None:
    for limit in every_limit(calls_of(UDP, then=())):
        with agent() as a:
            a.ask(UDP)
            dying(a, Wire(a), limit)
            a.restart()
            a.ask()
            assert a.run().jobs["udp"].status is Status.STOPPED
            is_whole(a)
            assert a.kernel.observe().qdiscs == {}, limit
