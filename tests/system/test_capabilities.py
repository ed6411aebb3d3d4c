"""An agent that lacks CAP_PERFMON, as in a container started with NET_ADMIN and BPF alone."""

from __future__ import annotations

from tests.support.box import Box, wait_for
from tests.support.machine import kernel_release

FRAMES = [bytes(12) + b"\x08\x00" + bytes(50)] * 20


def test_ports_are_counted_without_perfmon_and_what_needs_it_names_it() -> None:
    with Box(("Ethernet0",)) as box:
        box.start(without=("perfmon", "sys_admin"))
        box.job("ports", port="Ethernet0")
        box.job("ask", port="Ethernet0", filter="tcp port 179")
        box.wait_status("ports", "running")
        wait_for(lambda: box.told("ask").get("status") in ("failed", "running"), 10, lambda: str(box.told("ask")))
        told = box.told("ask")
        if told["status"] == "failed":
            assert told["reason"] == "permission"
            assert "lacking here: CAP_PERFMON" in told["message"]
            assert "--cap-add PERFMON" in told["message"]
        else:  # the verifier of 6.12 takes this one as it is compiled now
            assert kernel_release() == (6, 12)
        wait_for(lambda: "--cap-add PERFMON" in box.about("notice"), 10, lambda: box.about("notice"))
        box.switch.send("Ethernet0", FRAMES)
        wait_for(lambda: box.told("ports").get("packets") == "20", 10, lambda: str(box.told("ports")))
        assert box.told("ports")["bytes"] == str(20 * 64)
        assert box.told("ask")["packets"] == "0"


def test_the_usual_program_takes_the_place_of_the_other_in_place() -> None:
    with Box(("Ethernet0",)) as box:
        box.job("ports", port="Ethernet0")
        box.start(without=("perfmon", "sys_admin"))
        box.wait_status("ports", "running")
        box.switch.send("Ethernet0", FRAMES)
        wait_for(lambda: box.told("ports").get("packets") == "20", 10, lambda: str(box.told("ports")))
        box.kill()
        box.start()
        box.job("ask", port="Ethernet0", filter="tcp port 179")
        box.wait_status("ask", "running")
        box.switch.send("Ethernet0", FRAMES)
        wait_for(lambda: box.told("ports").get("packets") == "40", 10, lambda: str(box.told("ports")))
        assert box.about("notice").find("CAP_PERFMON") < 0
