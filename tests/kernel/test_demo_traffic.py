"""The demo's traffic writes down what the kernel took: its notes are compared with the netdevs' own counters."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from sonic_telegen.demo import leftovers
from sonic_telegen.demo.bpffs import mounted
from sonic_telegen.demo.frames import mix
from sonic_telegen.demo.namespace import RUN, create_namespace, remove_namespace
from sonic_telegen.demo.switch import Switch
from sonic_telegen.demo.tally import Count, total
from sonic_telegen.demo.traffic import Traffic
from sonic_telegen.model.sample import CLASSES
from tests.support.net import named_namespaces, run_in, until

PORTS = ("Ethernet0", "Ethernet4")


def netdev_counts(switch: Switch, port: str) -> dict[str, Count]:
    """What the port's own statistics say it received and sent, VLAN tags included."""
    (link,) = json.loads(run_in(switch.namespace, "ip", "-json", "-s", "link", "show", "dev", port))
    stats = link["stats64"]
    return {
        "ingress": Count(stats["rx"]["packets"], stats["rx"]["bytes"]),
        "egress": Count(stats["tx"]["packets"], stats["tx"]["bytes"]),
    }


def test_notes_equal_the_netdevs_own_counters() -> None:
    with Switch(PORTS) as switch:
        traffic = Traffic(switch, rate=2000, seed=1)
        traffic.start()
        assert until(lambda: total(traffic.sent().values()).packets > 4000, 20)
        traffic.stop()
        sent = traffic.sent()
        assert traffic.error is None
        assert {series.cls for series, count in sent.items() if count.packets} == set(CLASSES)
        for port in PORTS:
            noted = {
                way: total(count for series, count in sent.items() if series[:2] == (port, way))
                for way in ("ingress", "egress")
            }
            assert until(lambda port=port, noted=noted: netdev_counts(switch, port) == noted), port  # type: ignore[misc]


def test_every_frame_of_the_mix_can_be_sent() -> None:
    with Switch(PORTS[:1]) as switch:
        for frame, _ in mix():
            assert switch.send(PORTS[0], [frame.octets]) == 1, frame.name
            assert switch.send_out(PORTS[0], [frame.octets]) == 1, frame.name


def test_a_port_that_vanishes_ends_the_traffic_with_an_error() -> None:
    with Switch(PORTS) as switch:
        traffic = Traffic(switch, rate=2000)
        traffic.start()
        assert until(lambda: total(traffic.sent().values()).packets > 100)
        switch.remove_port("Ethernet4")
        assert until(lambda: traffic.error is not None)
        traffic.stop()


def test_sweep_takes_what_a_killed_demo_left_and_spares_the_living() -> None:
    with ExitStack() as stack:
        maker = stack.enter_context(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))
        name = f"{leftovers.PREFIX}{maker.pid}"
        stack.callback(remove_namespace, name)
        create_namespace(name)
        directory = Path(tempfile.mkdtemp(prefix=f"{name}-"))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        stack.enter_context(mounted(directory / leftovers.BPFFS))
        (directory / leftovers.BPFFS / "telegen-sonic").mkdir()

        leftovers.sweep()
        assert sorted(leftovers.of(name)) == sorted(f"left behind: {path}" for path in (RUN / name, directory))
        assert (directory / leftovers.BPFFS / "telegen-sonic").exists()
        maker.kill()
        maker.wait()
        leftovers.sweep()
        assert leftovers.of(name) == []
        assert name not in named_namespaces()
        assert not directory.exists()
        assert str(directory) not in Path("/proc/self/mounts").read_text()


@pytest.mark.parametrize(("other", "owned"), [("0", False), ("-hosts", True)])
def test_leftovers_belong_to_one_demo(other: str, owned: bool) -> None:
    """Demo 12 does not own what demo 120 made, but owns its second namespace."""
    name = f"{leftovers.PREFIX}{os.getpid()}"
    create_namespace(f"{name}{other}")
    try:
        assert (leftovers.of(name) != []) is owned
    finally:
        remove_namespace(f"{name}{other}")
