"""A netdev of ours that somebody changed: the tunnel leads where the job asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sonic_telegen.model.kernel import Link
from sonic_telegen.model.status import Status
from tests.unit.test_loop import Rig
from tests.unit.test_plan_tunnels import job, rig_of, tunnels


def changed(rig: Rig, **fields: Any) -> Link:
    (made,) = tunnels(rig)
    rig.world.links[made.ifindex] = replace(made, **fields)
    return rig.world.links[made.ifindex]


@pytest.mark.parametrize("end", [{"remote": "203.0.113.9"}, {"local": "203.0.113.9"}, {"remote": "", "local": ""}])
def test_a_tunnel_that_leads_elsewhere_is_made_anew(end: dict[str, str]) -> None:
    rig = rig_of(job())
    rig.run()
    changed(rig, **end)
    told = rig.run().jobs["a"]

    (made,) = tunnels(rig)
    assert (made.name, made.remote, made.local, made.up) == ("erspan0", "192.0.2.10", "192.0.2.1", True)
    assert (told.status, rig.world.programs["a"].mirror, rig.world.loads) == (Status.RUNNING, made.ifindex, 1)
    assert rig.run().actions == {}
