"""What Redis refuses of a mirror session is told of its job, as long as that has a row."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sonic_telegen.model.job import JobSpec
from sonic_telegen.model.mirror import DeleteSession, SessionAction
from sonic_telegen.model.status import Reason, Status
from tests.support.mirrors import ASIC, HERE, A
from tests.unit.test_loop import Rig

ROW = {"src_port": "Ethernet4"}


class Refusing(Rig):
    """Redis takes no change of a session."""

    def change_session(self, action: SessionAction) -> str:
        super().change_session(action)
        return "READONLY"


@pytest.mark.parametrize("spec", [JobSpec("a", "Ethernet0"), JobSpec("a", "Ethernet4", enabled=False)])
def test_a_delete_that_is_refused_is_told_of_its_job(spec: JobSpec) -> None:
    rig = Refusing()
    rig.settings = lambda row: ASIC
    rig.asked = replace(HERE, jobs={"a": spec}, mirrors=replace(HERE.mirrors, rows={A: ROW}))
    found = rig.run()
    assert rig.sessions == [DeleteSession(A, ROW)]
    assert found.actions == {("DeleteSession", "failed"): 1}
    told = found.jobs["a"]
    assert (told.status, told.reason, told.message) == (Status.FAILED, Reason.CONFLICT, "READONLY")
