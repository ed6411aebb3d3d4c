"""What jobs take of the kernel's memory is what was reckoned; on small memory the rest are told why they wait."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sonic_telegen.kernel import jobabi, libbpf
from sonic_telegen.model import budget
from sonic_telegen.model.budget import PROGRAMS_PER_HOOK, allowed_bytes, program_bytes
from sonic_telegen.model.job import JobSpec, ResultDetail
from sonic_telegen.model.match import Match
from sonic_telegen.model.status import Reason, Status
from tests.support.expressions import LONG
from tests.support.jobbox import Agent, agent
from tests.support.pcap import need_libpcap

PORTS = [f"Ethernet{n * 4}" for n in range(64 // PROGRAMS_PER_HOOK)]
JOBS = [JobSpec(f"f{n:02}", PORTS[n % len(PORTS)], result_detail=ResultDetail.FLOWS) for n in range(64)]
NAMES = [job.id for job in JOBS]
ALLOWED = allowed_bytes(256 << 20)


def charged() -> dict[tuple[str, int], int]:
    """What the kernel says that each of this process's maps and programs takes."""
    seen = dict[tuple[str, int], int]()
    for entry in Path("/proc/self/fd").iterdir():
        fd = int(entry.name)
        try:
            kind = libbpf.kind(fd)
        except FileNotFoundError:  # the listing's own
            continue
        if kind in ("map", "prog"):
            info = libbpf.map_info(fd) if kind == "map" else libbpf.prog_info(fd)
            seen[kind, info.id] = libbpf.charged_bytes(fd)
    return seen


def settled(a: Agent) -> tuple[list[str], list[str]]:
    """Jobs that run, and those that wait for memory, when nothing changes any more; all others have ended."""
    for _ in range(8):
        result = a.run()
        if not result.actions:
            break
    assert result.actions == {}
    told = {job: (s.status, s.reason) for job, s in result.jobs.items() if job in a.asked.jobs}
    running = [job for job, verdict in told.items() if verdict == (Status.RUNNING, Reason.NONE)]
    waiting = [job for job, verdict in told.items() if verdict == (Status.PENDING, Reason.NO_MEMORY)]
    assert len(running) + len(waiting) == len(told)
    return sorted(running), sorted(waiting)


def held(a: Agent) -> dict[str, tuple[int, int]]:
    """By job: which program runs, and what it takes."""
    return {job: (p.prog_id, p.memory) for job, p in a.kernel.observe().programs.items()}


def test_64_flow_jobs_take_what_they_may_and_the_rest_are_told_why() -> None:
    with agent(*PORTS) as a:
        a.loaded.jobs.memory = ALLOWED
        a.run()
        a.loaded.jobs.ticks()  # the agent's clock is a program too
        before = charged()
        assert {outcome for _, outcome in a.ask(*JOBS).actions} == {"ok"}
        running, waiting = settled(a)
        assert (running, waiting) == (NAMES[: len(running)], NAMES[len(running) :])
        taken = sum(size for what, size in charged().items() if what not in before)
        assert taken <= ALLOWED < taken + program_bytes(JOBS[0])
        assert taken == sum(memory for _, memory in held(a).values())
        message = a.asked.told[waiting[0]].message
        assert message == (
            f"its maps need {program_bytes(JOBS[0]):,} bytes and all jobs may take {ALLOWED:,}; "
            "end a job with flows or capture"
        )


def test_when_one_ends_the_next_gets_its_place_and_nobody_loses_theirs() -> None:
    with agent(*PORTS) as a:
        a.loaded.jobs.memory = ALLOWED
        a.ask(*JOBS)
        running, waiting = settled(a)
        before = held(a)
        for _ in range(3):
            gone, comes = running[0], waiting[0]
            a.ask(*(job for job in JOBS if job.id in a.asked.jobs and job.id != gone))
            assert settled(a) == ([*running[1:], comes], waiting[1:])
            running, waiting = [*running[1:], comes], waiting[1:]
            now = held(a)
            assert now.keys() == set(running)
            assert sum(memory for _, memory in now.values()) <= ALLOWED
            assert all(now[job] == before[job] for job in running if job != comes)
            before = now


def test_a_question_that_takes_little_is_answered_where_a_flow_table_has_no_room() -> None:
    with agent(*PORTS) as a:
        a.loaded.jobs.memory = 2 * program_bytes(JOBS[0])
        little = JobSpec("little", PORTS[0], match=Match(ip_proto=(6,)))
        a.ask(*JOBS[:3], little)
        assert settled(a) == (["f00", "f01", "little"], ["f02"])


@pytest.mark.parametrize("detail", ResultDetail)
def test_no_job_takes_more_than_was_reckoned(detail: ResultDetail) -> None:
    need_libpcap()
    plain = JobSpec("plain", PORTS[0], match=Match(ip_proto=(6,), dscp=(3,), vlan=7), result_detail=detail)
    specs = [plain, *(replace(plain, id=f"long{n}", match=Match(filter=x)) for n, x in enumerate(LONG.values()))]
    with agent(*PORTS) as a:
        for spec in specs:
            assert a.ask(spec).jobs[spec.id].status is Status.RUNNING
            _, memory = held(a)[spec.id]
            assert 0 < memory <= program_bytes(spec), spec.match.filter
            if spec is plain and detail is not ResultDetail.SUMMARY:
                assert memory > program_bytes(spec) * 0.8
    assert jobabi.FLOWS == budget.FLOWS
