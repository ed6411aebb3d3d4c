"""A whole agent that is asked to mirror: where it cannot, it says what to do and everything else goes on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.box import Box, wait_for
from tests.support.net import FRAME, run_in

ENDS = {"erspan_remote": "192.0.2.10", "erspan_local": "192.0.2.1"}


@pytest.fixture
def box() -> Iterator[Box]:
    with Box() as made:
        yield made


def without_erspan(box: Box) -> bool:
    try:
        run_in(box.switch.namespace, "ip", "link", "add", "tgtry", "type", "erspan", "external")
    except RuntimeError as problem:
        return "Unknown device type" in str(problem) or "not supported" in str(problem)
    run_in(box.switch.namespace, "ip", "link", "del", "tgtry")
    return False


def test_a_kernel_without_erspan_is_told_and_the_other_jobs_go_on(box: Box) -> None:
    if not without_erspan(box):
        pytest.skip("machine: ip link add type erspan: it was made, so this kernel lacks no module")
    box.start()
    box.job("mirrored", port="Ethernet0", mirror_mode="erspan", **ENDS)
    box.job("plain", port="Ethernet0")
    told = box.wait_status("mirrored", "degraded")
    assert (told["reason"], told["mirror_mode"], told["visibility"]) == ("erspan_unavailable", "placeholder", "none")
    assert "load the kernel module ip_gre" in told["message"]
    box.wait_status("plain", "running")
    box.switch.send("Ethernet0", [FRAME] * 7)
    wait_for(lambda: box.told("plain")["packets"] == "7", 20)
    assert box.told("mirrored")["packets"] == "0"


def test_both_ends_may_come_from_different_places_and_what_lacks_is_named(box: Box) -> None:
    box.config.hset("TELEGEN|GLOBAL", mapping={"erspan_remote": "192.0.2.10", "mirror_mode": "erspan"})
    box.start()
    box.job("half", port="Ethernet0")
    box.job("same", port="Ethernet0", erspan_local="192.0.2.10")
    box.job("odd", port="Ethernet0", erspan_local="192.0.2.1", erspan_tos="45")
    for job, says in {"half": "erspan_local is not set", "same": "both 192.0.2.10", "odd": "set 44 or inherit"}.items():
        told = box.wait_status(job, "degraded")
        assert told["reason"] == "erspan_unavailable"
        assert says in told["message"]


def test_a_strangers_netdev_stays_and_the_name_is_a_conflict(box: Box) -> None:
    box.start()
    box.job("a", port="Ethernet0", mirror_mode="erspan", erspan_name="Ethernet4", **ENDS)
    told = box.wait_status("a", "degraded")
    assert (told["reason"], told["interface"]) == ("conflict", "Ethernet4")
    assert "set another erspan_name" in told["message"]
