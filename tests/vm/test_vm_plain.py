"""Without CAP_PERFMON the build that asks for none counts the same, on every kernel."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sonic_telegen.demo.frames import mix
from tests.support.objects import PLAIN_OBJECT
from tests.support.punt_frames import EXAMPLES
from tests.vm.scene import WITHOUT_PERFMON, Scene, scene
from tests.vm.test_vm_agent import ROW, expected, settled


@pytest.fixture
def stage() -> Iterator[Scene]:
    with scene(WITHOUT_PERFMON) as made:
        yield made


def test_every_class_and_protocol_is_counted_exactly_without_perfmon(stage: Scene) -> None:
    frames = [frame for frame, weight in mix() for _ in range(weight)]
    control = [frame.ljust(60, b"\0") for frame in EXAMPLES.values()]
    every = ("all", "ingress")
    with stage.actor(PLAIN_OBJECT) as actor:
        assert actor.ask(watch=ROW)["jobs"]["watch"] == ["running", "", ""]
        stage.switch.send("Ethernet0", [frame.octets for frame in frames])
        found = settled(actor, len(frames))
        assert found["hooks"]["Ethernet0 ingress"] == expected(frames)
        assert actor.ask(watch=ROW, every=every)["jobs"]["every"] == ["running", "", ""]
        stage.switch.send("Ethernet0", control)
        settled(actor, len(frames) + len(control))
        punts = actor.ask(watch=ROW, every=every)["punts"]["Ethernet0 ingress"]
    assert punts == {name: [1, max(60, len(frame))] for name, frame in EXAMPLES.items()}
