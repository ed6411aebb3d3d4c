"""Jobs about mirrored frames: on the port's ingress, with a program of their own, another question than direct ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sonic_telegen.model.action import LoadProgram
from sonic_telegen.model.erspan import ErspanAsked
from sonic_telegen.model.job import BOTH, Direction, JobSpec, MirrorMode
from sonic_telegen.model.status import Reason, Status, Visibility
from sonic_telegen.reconcile.plan import plan
from sonic_telegen.settings import Settings
from tests.unit.test_desired import settled, told, want, world_of
from tests.unit.test_loop import Rig

DECAP = Settings(mirror_mode=MirrorMode.DECAP)
JOB = JobSpec("a", "Ethernet0", mirror_mode=MirrorMode.DECAP)


def test_it_runs_on_the_port_with_a_program_of_its_own() -> None:
    world = world_of("Ethernet0")
    target = want(world, JOB)
    loads = [action for action in plan(target, world.observe()) if isinstance(action, LoadProgram)]
    assert [action.mode for action in loads] == [MirrorMode.DECAP]
    state = settled(world, want(world, JOB))
    state = settled(world, want(world, JOB))
    status = told(target, state)["a"]
    assert (status.status, status.interface, status.mirror_mode) == (Status.RUNNING, "Ethernet0", "decap")
    assert status.visibility is Visibility.MIRRORED
    assert {item.own.job for item in state.filters if item.own} == {"", "a"}


@pytest.mark.parametrize("directions", [BOTH, (Direction.EGRESS,)])
def test_another_direction_is_rejected_where_decap_is_inherited_too(directions: tuple[Direction, ...]) -> None:
    for spec, settings in ((JOB, Settings()), (replace(JOB, mirror_mode=None), DECAP)):
        target = want(world_of("Ethernet0"), replace(spec, directions=directions), settings=settings)
        status = told(target, world_of("Ethernet0").observe())["a"]
        assert (status.status, status.reason) == (Status.REJECTED, Reason.INVALID_VALUE)
        assert "mirror_mode='decap': use decap with direction ingress: it looks at what comes in" in status.message


def test_whose_frames_it_asks_about_makes_it_another_question() -> None:
    changes = [ErspanAsked(remote="192.0.2.1"), ErspanAsked(local="192.0.2.1"), ErspanAsked(key=0), ErspanAsked(key=1)]
    assert len({replace(JOB, erspan=asked).digest() for asked in (ErspanAsked(), *changes)}) == 5
    assert replace(JOB, erspan=ErspanAsked(ttl=3)).digest() == JOB.digest()
    tunnel = replace(JOB, mirror_mode=MirrorMode.ERSPAN)
    assert replace(tunnel, erspan=ErspanAsked(key=1)).digest() == tunnel.digest()


def test_what_global_says_of_a_tunnel_is_not_asked_of_the_packets() -> None:
    settings = replace(DECAP, erspan=replace(DECAP.erspan, remote="192.0.2.1"))
    assert settings.question(replace(JOB, mirror_mode=None)) == JOB


def test_a_change_of_mode_in_global_begins_anew() -> None:
    rig = Rig(replace(JOB, mirror_mode=None, sample_rate=2))
    rig.run()
    before = rig.world.programs["a"]
    assert before.mode is MirrorMode.DIRECT
    rig.settings = lambda row: DECAP
    result = rig.run()
    after = rig.world.programs["a"]
    assert (after.mode, result.jobs["a"].visibility) == (MirrorMode.DECAP, Visibility.MIRRORED)
    assert after.digest != before.digest
    mine = [account for key, account in rig.world.accounts.items() if key.job == "a"]
    assert [account.digest for account in mine] == [after.digest]
    assert result.asked.jobs["a"] == replace(JOB, sample_rate=2), "what else reads the rows knows this question"
    assert rig.run().actions == {}


def test_a_job_whose_mode_is_said_does_not_ask_global() -> None:
    assert DECAP.question(replace(JOB, mirror_mode=MirrorMode.DIRECT)).mirror_mode is MirrorMode.DIRECT
    assert Settings().question(replace(JOB, mirror_mode=None)).mirror_mode is None
