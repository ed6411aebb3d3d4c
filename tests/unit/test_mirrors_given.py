"""What orchagent was given is told from what the row says now: it never looks at a row again."""

from __future__ import annotations

from dataclasses import replace

from sonic_telegen.model.job import JobSpec
from sonic_telegen.model.mirror import DeleteSession
from sonic_telegen.model.status import Reason, Status
from tests.support.mirrors import A, Switch, verdict


def served(port: str = "Ethernet4") -> Switch:
    switch = Switch(jobs={"a": JobSpec("a", port)})
    assert verdict(switch.settle()) == (Status.RUNNING, Reason.NONE)
    return switch


def moved(switch: Switch) -> None:
    """Somebody writes the job and its row at once."""
    switch.jobs = {"a": JobSpec("a", "Ethernet0")}
    switch.rows[A] = {**switch.rows[A], "src_port": "Ethernet0"}


def test_a_row_that_was_changed_together_with_its_job_is_deleted_and_written_again() -> None:
    switch = served()
    moved(switch)
    assert switch.step().actions == (DeleteSession(A, {**switch.notes[A].row, "src_port": "Ethernet0"}),)
    switch.settle()
    assert switch.mirrored == {("Ethernet0", "ingress"): A}


def test_so_is_one_that_was_adopted_or_noted_by_an_earlier_version() -> None:
    for lose in (dict.clear, lambda notes: notes.update({A: replace(notes[A], row={})})):
        switch = served()
        lose(switch.notes)
        assert switch.step().actions == ()
        moved(switch)
        assert len(switch.step().actions) == 1
