"""The container on a kernel with ERSPAN, by the variables that its documentation gives."""

from __future__ import annotations

import pytest

from sonic_telegen.demo.switch import Switch
from tests.support.box import wait_for
from tests.support.container import Container
from tests.support.curl import answered, ask, listens
from tests.support.heard import Heard
from tests.support.machine import MEMCG, kernel_release
from tests.support.objects import bpffs
from tests.support.rootimage import INSTALLED, this_root
from tests.vm.erspan import FAR, MIXED, NEAR, Way

CAPS = ("net_admin", "bpf", "perfmon")
GIVEN = {
    "TELEGEN_MIRROR_MODE": "erspan",
    "TELEGEN_ERSPAN_REMOTE": FAR,
    "TELEGEN_ERSPAN_LOCAL": NEAR,
    "TELEGEN_ERSPAN_DEV": "Ethernet0",
    "TELEGEN_ERSPAN_KEY": "10",
}


def test_variables_alone_mirror_to_the_far_end() -> None:
    with Switch(("Ethernet0", "Ethernet4")) as switch, bpffs() as pins:
        way = Way(switch)
        try:
            way.far_end(2)
        except RuntimeError as answer:
            pytest.skip(f"machine: ip link add type erspan: {answer}")
        volumes = [*INSTALLED, f"{pins}:/sys/fs/bpf"]
        with Container(this_root(), switch.namespace, caps=CAPS, volumes=volumes, **GIVEN) as run:
            wait_for(lambda: listens(switch), 30, run.log)
            job = ask(switch, "POST", "/jobs/start", {"port": "Ethernet0", "direction": "ingress"})[1]["job_id"]
            name = answered(switch, job, "running", run)["interface"]
            assert name in way.links()
            with Heard(switch.hosts, "mon0") as heard:
                switch.send("Ethernet0", MIXED)
                wait_for(lambda: len(heard.frames) == len(MIXED), 20, lambda: f"{len(heard.frames)} arrived")
                assert sorted(heard.frames) == sorted(MIXED)
            assert ask(switch, "POST", f"/jobs/{job}/stop")[0] == 200
            wait_for(lambda: name not in way.links(), 20, "its netdev is gone")


def test_without_its_ulimit_a_kernel_before_5_11_is_told_to_need_it() -> None:
    with Switch(("Ethernet0",)) as switch, bpffs() as pins:
        volumes = [*INSTALLED, f"{pins}:/sys/fs/bpf"]
        with Container(this_root(), switch.namespace, caps=CAPS, volumes=volumes, memlock="65536") as run:
            wait_for(lambda: listens(switch), 30, run.log)
            job = ask(switch, "POST", "/jobs/start", {"port": "Ethernet0"})[1]["job_id"]
            needed = kernel_release() < MEMCG
            found = answered(switch, job, "failed" if needed else "running", run)
            assert ("--ulimit memlock=-1" in found["message"]) == needed
