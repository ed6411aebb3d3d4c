"""What jobs' own programs keep is read beat by beat, once more at the end, and told a while after it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from sonic_telegen.capturing import Capturing
from sonic_telegen.kernel import jobread
from sonic_telegen.model.job import JobSpec, ResultDetail
from sonic_telegen.model.match import Match
from sonic_telegen.model.sample import JobSample
from sonic_telegen.model.status import Reason, Status
from sonic_telegen.reconcile.loop import PassResult
from tests.support import frames as f
from tests.support.jobbox import Agent, agent
from tests.support.net import until
from tests.support.pcapng import read

HIT = f.ether(f.IPV4, f.ipv4(f.UDP, bytes(20)))
MISS = f.ether(f.IPV4, f.ipv4(f.TCP, bytes(20)))
FLOWS = JobSpec("flows", "Ethernet0", result_detail=ResultDetail.FLOWS)
EXPRESSION = JobSpec("udp", "Ethernet0", match=Match(filter="udp and not vlan"), result_detail=ResultDetail.PACKETS)


def send(a: Agent, *specs: JobSpec, frames: list[bytes]) -> None:
    """These jobs run, and the frames are counted."""
    assert {s.status for s in a.ask(*specs).jobs.values()} == {Status.RUNNING}
    before = a.counted(specs[0].id)
    a.switch.send("Ethernet0", frames)
    assert until(lambda: a.counted(specs[0].id) == before + len(frames))


def test_each_beat_has_the_flows_so_far_and_the_burst_since_the_beat_before() -> None:
    with agent() as a:
        send(a, FLOWS, frames=[HIT] * 7 + [MISS] * 3)
        samples = list[JobSample]()
        for more in (0, 5, 0):
            a.switch.send("Ethernet0", [HIT] * more)
            assert until(lambda: a.kernel.sample([]).job("flows").packets == 10 + (5 if samples else 0))
            samples.append(a.kernel.sample().jobs["flows"])
        assert [s.sampled.packets for s in samples] == [10, 15, 15]
        assert [sum(r.packets for r in s.top) for s in samples] == [10, 15, 15]
        assert (samples[1].burst is not None, samples[2].burst) == (True, None)
        assert {s.maps for s in samples} == {a.kernel.observe().programs["flows"].maps}


def test_the_last_reading_is_the_pass_s_and_is_told_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    with agent() as a:
        send(a, FLOWS, frames=[HIT] * 7)
        a.kernel.sample()
        a.switch.send("Ethernet0", [MISS] * 2)
        ended = a.ask()
        assert ended.sample is not None
        assert ended.sample.jobs["flows"].held.packets == 9
        a.run()
        assert a.kernel.observe().programs == {}
        assert a.kernel.sample().jobs == ended.sample.jobs
        monkeypatch.setattr(jobread, "FINAL_SEC", 0.0)
        assert a.kernel.sample().jobs == {}


def test_the_same_question_asked_again_begins_at_zero() -> None:
    with agent() as a:
        send(a, FLOWS, frames=[HIT] * 7)
        first = a.kernel.sample().jobs["flows"]
        a.ask()
        a.run()
        send(a, FLOWS, frames=[HIT] * 2)
        second = a.kernel.sample().jobs["flows"]
        assert (second.held.packets, second.evicted.packets, second.flows) == (2, 0, 1)
        assert (second.digest, second.maps) != (first.digest, first.maps)


@contextmanager
def capturing(a: Agent, folder: Path) -> Iterator[Capturing]:
    """The captures of an agent, in their thread."""
    made, begun = Capturing(folder), threading.Event()

    async def run() -> None:
        asyncio.get_running_loop().call_soon(begun.set)
        await made.run()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert begun.wait(5)
    try:
        yield made
    finally:
        made.stop()
        if made.under_way:
            thread.join(10)
            assert not thread.is_alive()


def follow(a: Agent, made: Capturing, *specs: JobSpec) -> PassResult:
    """One pass over these jobs, and what comes after it in the agent."""
    result = a.ask(*specs)
    made.follow(result, a.loaded.jobs)
    return result


def test_an_expression_chooses_what_is_captured_and_an_agent_that_dies_loses_none(tmp_path: Path) -> None:
    with agent() as a:
        with capturing(a, tmp_path) as made:
            assert follow(a, made, EXPRESSION).jobs["udp"].status is Status.RUNNING
            a.switch.send("Ethernet0", [HIT, MISS] * 10)
            assert until(lambda: made.counted(a.kernel.sample()).jobs["udp"].captured == 10)
        a.die()
        a.switch.send("Ethernet0", [MISS, HIT] * 10)
        a.start()
        with capturing(a, tmp_path) as made:
            follow(a, made, EXPRESSION)
            a.switch.send("Ethernet0", [HIT])
            assert until(lambda: a.counted("udp") == 21)
            ended = follow(a, made)
            assert ended.sample is not None
            assert until(lambda: (found := made.file("udp")) is not None and found.over)
            told = made.counted(ended.sample).jobs["udp"]
            assert (told.captured, told.capture_lost, told.sampled.packets) == (21, 0, 21)
        assert [p.data for p in read(tmp_path / "udp.pcapng").packets] == [HIT] * 21


def test_a_capture_that_cannot_be_written_is_told_and_the_job_counts_on(tmp_path: Path) -> None:
    (tmp_path / "udp.pcapng").mkdir()
    with agent() as a, capturing(a, tmp_path) as made:
        result = follow(a, made, EXPRESSION)
        assert result.jobs["udp"].status is Status.RUNNING
        told = made.told(result.jobs)["udp"]
        assert (told.status, told.reason) == (Status.DEGRADED, Reason.CAPTURE_ENDED)
        assert "udp.pcapng" in told.message
        a.switch.send("Ethernet0", [HIT] * 3)
        assert until(lambda: a.counted("udp") == 3)


def test_an_agent_without_captures_has_no_thread_for_them(tmp_path: Path) -> None:
    with agent() as a, capturing(a, tmp_path) as made:
        follow(a, made, FLOWS, replace(FLOWS, id="more"))
        assert not made.under_way
