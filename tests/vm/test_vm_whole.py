"""The whole agent on a kernel with ERSPAN: rows in Redis, frames at the far end, what is told and exported of them."""

from __future__ import annotations

import pytest

from tests.support.box import Box, wait_for
from tests.support.heard import Heard
from tests.support.net import run_in
from tests.vm.erspan import MIXED, Way, row


def exported(box: Box, name: str) -> list[object]:
    return [point.value for (metric, _), point in box.receiver.latest().items() if metric == name]


def arrives(box: Box, heard: Heard, sent: list[bytes]) -> None:
    wait_for(lambda: len(heard.frames) == len(sent), 20, lambda: f"{len(heard.frames)} of {len(sent)} arrived")
    wait_for(lambda: exported(box, "telegen.job.mirrored") == [len(sent)], 20, lambda: f"sent {len(sent)}")
    assert sorted(heard.frames) == sorted(sent)


def test_a_row_mirrors_until_it_is_deleted_through_the_death_of_an_agent() -> None:
    with Box() as box:
        way = Way(box.switch)
        try:
            way.far_end(2)
        except RuntimeError as answer:
            pytest.skip(f"machine: ip link add type erspan: {answer}")
        run_in(way.switch.namespace, "ip", "link", "add", "mine", "type", "erspan", "external")
        box.start()
        box.job("voice", **row(erspan_tos="32"))
        told = box.wait_status("voice", "running")
        assert (told["mirror_mode"], told.get("reason", "")) == ("erspan", "")
        name = told["interface"]
        assert way.links()[name]["ifalias"].startswith("telegen/")
        with Heard(way.switch.hosts, "mon0") as heard:
            for sent in (MIXED, MIXED * 2):
                way.switch.send("Ethernet0", MIXED)
                arrives(box, heard, sent)
                box.kill()
                box.start()
        result = box.result("voice")
        assert (result["mirrored"], result["mirror_failed"]) == (str(2 * len(MIXED)), "0")
        box.delete("voice")
        box.wait_status("voice", "stopped")
        wait_for(lambda: name not in way.links(), what="its netdev is gone")
        assert "mine" in way.links(), "another's is not"
        box.kill(15)
