"""Programs that a job does not get: no place, no memory, refused by the verifier; and nobody else suffers."""

from __future__ import annotations

from dataclasses import replace

from sonic_telegen.errors import Busy, VerifierRejected
from sonic_telegen.model.action import Action, LoadProgram
from sonic_telegen.model.budget import program_bytes
from sonic_telegen.model.job import BOTH, JobSpec
from sonic_telegen.model.kernel import Link, Qdisc, QdiscKind
from sonic_telegen.model.match import Match
from sonic_telegen.model.status import Reason, Status
from tests.unit.test_loop import Rig
from tests.unit.test_plan_programs import VOICE, ask, flows, names


def test_eight_programs_have_a_place_on_a_hook_and_who_runs_keeps_it() -> None:
    rig = Rig(*(flows(f"z{n}") for n in range(8)))
    rig.run()
    ask(rig, flows("a", directions=BOTH), *(flows(f"z{n}") for n in range(8)), JobSpec("plain", "Ethernet0"))
    result = rig.run()
    assert {job: s.status for job, s in result.jobs.items()} == {
        "a": Status.DEGRADED,  # egress has a place
        "plain": Status.RUNNING,
        **{f"z{n}": Status.RUNNING for n in range(8)},
    }
    assert (result.jobs["a"].reason, result.jobs["a"].message) == (
        Reason.NO_PROGRAM_PLACE,
        "Ethernet0 ingress: 8 jobs have programs of their own there, which is the most; end one",
    )
    ask(rig, flows("a"), *(flows(f"z{n}") for n in range(1, 8)))
    rig.run()
    assert rig.run().jobs["a"].status is Status.RUNNING


def test_maps_that_would_be_too_much_are_refused_and_none_that_run_are_taken() -> None:
    rig = Rig(*(flows(f"f{n:02}", f"Ethernet{4 + n % 2 * 4}") for n in range(64)))
    rig.world.links = {n: Link(n, f"Ethernet{4 * n}") for n in range(1, 3)}
    rig.world.job_memory = 3 * program_bytes(flows("x")) + 1
    jobs = rig.run().jobs.values()
    assert [j.status for j in jobs] == [Status.RUNNING] * 3 + [Status.PENDING] * 61
    assert {j.reason for j in jobs} == {Reason.NONE, Reason.NO_MEMORY}
    assert sum(p.memory for p in rig.world.programs.values()) <= rig.world.job_memory
    ask(rig, flows("e", "Ethernet4"), *(flows(f"f{n:02}", f"Ethernet{4 + n % 2 * 4}") for n in range(3)))
    told = rig.run().jobs
    assert (told["e"].status, told["f00"].status) == (Status.PENDING, Status.RUNNING)


def test_a_program_that_the_verifier_refuses_fails_its_job_alone_and_is_not_tried_again() -> None:
    rig = Rig(VOICE, flows("other"), JobSpec("plain", "Ethernet0"))
    real, tries = rig.world.apply, list[str]()

    def apply(action: Action) -> None:
        if isinstance(action, LoadProgram) and action.spec.id == "voice":
            tries.append("voice")
            raise VerifierRejected("load", "telegen_job", 22, "R1 !read_ok")
        real(action)

    rig.world.apply = apply  # type: ignore[method-assign]
    first, second = rig.run(), rig.run()
    assert (tries, second.wake_sec) == (["voice"], 60)
    assert any("R1 !read_ok" in text for text in first.failures)
    for result in (first, second):
        told = result.jobs["voice"]
        assert (told.status, told.reason) == (Status.FAILED, Reason.VERIFIER)
        assert {result.jobs[job].status for job in ("other", "plain")} == {Status.RUNNING}
    assert names(rig) == ["", "other"]
    ask(rig, replace(VOICE, match=Match(vlan=7)))
    rig.run()
    assert len(tries) == 2


def test_what_an_older_build_loaded_goes_on_where_this_builds_is_refused() -> None:
    rig = Rig(VOICE)
    rig.run()
    rig.world.programs["voice"] = replace(rig.world.programs["voice"], build="older")

    def refuse(action: Action) -> None:
        raise VerifierRejected("load", "telegen_job", 22, "R1 !read_ok")

    rig.world.apply = refuse  # type: ignore[method-assign]
    before = list(rig.world.filters)
    told = rig.run().jobs["voice"]
    assert (told.status, told.reason) == (Status.DEGRADED, Reason.VERIFIER)
    assert (rig.world.filters, rig.run().actions) == (before, {})


def test_a_load_that_may_work_later_is_tried_again_with_backoff() -> None:
    rig = Rig(VOICE)
    rig.world.qdiscs[1] = Qdisc(1, QdiscKind.CLSACT)
    real = rig.world.apply

    def busy(action: Action) -> None:
        if isinstance(action, LoadProgram):
            raise Busy("load", "telegen_job", 16)
        real(action)

    rig.world.apply = busy  # type: ignore[method-assign]
    assert [rig.run().wake_sec for _ in range(3)] == [1, 2, 4]
    assert rig.asked.told["voice"].status is Status.FAILED
    rig.world.apply = real  # type: ignore[method-assign]
    assert rig.run().jobs["voice"].status is Status.RUNNING


def test_a_row_read_for_the_first_time_starts_no_clock_before_its_program_counts() -> None:
    spec = replace(VOICE, duration_sec=60)
    rig = Rig(spec, JobSpec("plain", "Ethernet0"))
    real = rig.world.apply

    def no_load(action: Action) -> None:
        if isinstance(action, LoadProgram):
            raise Busy("load", "telegen_job", 16)
        real(action)

    rig.world.apply = no_load  # type: ignore[method-assign]
    rig.run()
    assert rig.memory.starts == {}
    rig.world.apply = real  # type: ignore[method-assign]
    rig.run()
    assert list(rig.memory.starts) == [("voice", spec.digest())]
