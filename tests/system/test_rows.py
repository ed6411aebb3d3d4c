"""From a row to exact counts in the kernel, STATE_DB and at the OTLP receiver, with strangers beside us."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from sonic_telegen.db.codec import parse_job
from sonic_telegen.journal import Journal
from tests.support.box import Box, wait_for
from tests.support.net import FRAME, tc, tc_json
from tests.support.patience import allowed

ARP = b"\xff" * 6 + b"\x02\0\0\0\0\1" + b"\x08\x06" + bytes(46)


@pytest.fixture
def box() -> Iterator[Box]:
    with Box() as made:
        yield made


def counted(box: Box, port: str = "Ethernet0", direction: str = "ingress", proto: str = "ipv4") -> int:
    """Packets of a hook and class as STATE_DB tells them; -1 while it does not."""
    return int(box.interface(port, direction).get(f"{proto}_packets", "-1"))


def filters(box: Box, port: str = "Ethernet0", hook: str = "ingress") -> list[str]:
    """Names of the bpf filters on a hook as iproute2 sees them."""
    found = tc_json(box.switch.namespace, f"filter show dev {port} {hook}")
    return [f["options"]["bpf_name"] for f in found if f.get("kind") == "bpf" and "options" in f]


def exported(box: Box, metric: str, **attributes: str) -> int:
    """Sum of the last values of the series of a metric that carry these attributes."""
    wanted = {name.replace("__", "."): value for name, value in attributes.items()}
    total = 0
    for (name, labels), value in box.receiver.latest().items():
        if name == metric and wanted.items() <= dict(labels).items():
            assert isinstance(value.value, int)
            total += value.value
    return total


def test_a_row_counts_exactly_in_the_kernel_in_redis_and_over_otlp(box: Box) -> None:
    box.start()
    box.job("a", port="Ethernet0", direction="both")
    row = box.wait_status("a", "running")
    assert (row["visibility"], row["interface"], row["mirror_mode"], row["reason"]) == (
        "cpu-path",
        "Ethernet0",
        "direct",
        "",
    )

    box.switch.send("Ethernet0", [FRAME] * 100 + [ARP] * 50)
    box.switch.send_out("Ethernet0", [FRAME] * 30)

    wait_for(lambda: box.told("a").get("packets") == "180", what=f"{box.told('a')}")
    assert box.told("a")["bytes"] == str(180 * 60)
    assert counted(box) == 100
    assert counted(box, proto="other") == 50
    assert counted(box, direction="egress") == 30
    name = {"network__interface__name": "Ethernet0"}
    wait_for(lambda: exported(box, "bpf.packets", **name) == 180)
    assert exported(box, "telegen.job.packets", telegen__job="a") == 180
    assert exported(box, "telegen.job.bytes", telegen__job="a") == 180 * 60
    assert exported(box, "bpf.packets", proto="other", network__io__direction="receive", **name) == 50


def test_the_settings_in_force_are_told_with_their_origin(box: Box) -> None:
    box.start()
    box.config.hset("TELEGEN|GLOBAL", "max_jobs", "7")
    wait_for(lambda: box.settings("max_jobs") == ("7", "TELEGEN|GLOBAL"), what="the row is in force")

    assert box.settings("mirror_mode") == ("direct", "TELEGEN_MIRROR_MODE")
    assert box.settings("export_interval") == ("1", "OTEL_METRIC_EXPORT_INTERVAL")
    assert box.settings("erspan_ttl") == ("64", "default")
    box.config.hset("TELEGEN|GLOBAL", "max_jobs", "many")
    wait_for(lambda: "max_jobs" in box.about("config_error"), what="the wrong value is told")
    assert box.settings("max_jobs") == ("7", "TELEGEN|GLOBAL"), "the last good settings stay in force"


def test_two_jobs_on_a_port_share_one_program(box: Box) -> None:
    box.start()
    box.job("a", port="Ethernet0")
    box.wait_status("a", "running")
    box.switch.send("Ethernet0", [FRAME] * 10)
    box.job("b", port="Ethernet0")
    box.wait_status("b", "running")
    box.switch.send("Ethernet0", [FRAME] * 5)

    wait_for(lambda: (box.told("a")["packets"], box.told("b")["packets"]) == ("15", "5"))
    assert len(filters(box)) == 1

    box.delete("a")
    assert box.wait_status("a", "stopped")["packets"] == "15"
    box.switch.send("Ethernet0", [FRAME] * 2)
    wait_for(lambda: box.told("b")["packets"] == "7")
    assert box.told("a")["packets"] == "15"


def test_the_last_job_leaves_the_port_as_it_was(box: Box) -> None:
    before = tc(box.switch.namespace, "qdisc show dev Ethernet0")
    box.start()
    box.job("a", port="Ethernet0", direction="both")
    box.wait_status("a", "running")
    box.switch.send("Ethernet0", [FRAME] * 3)
    box.delete("a")

    assert box.wait_status("a", "stopped")["packets"] == "3"
    assert tc(box.switch.namespace, "qdisc show dev Ethernet0") == before
    wait_for(lambda: not box.interface("Ethernet0"))


def test_strangers_on_the_same_hook_stay_byte_for_byte(box: Box) -> None:
    space = box.switch.namespace
    tc(space, "qdisc add dev Ethernet0 clsact")
    tc(space, "filter add dev Ethernet0 ingress prio 1 protocol ip u32 match u32 0 0 classid 1:1")
    tc(space, "filter add dev Ethernet0 ingress prio 9 protocol all u32 match u32 0 0 classid 1:1")
    before = tc(space, "filter show dev Ethernet0 ingress")
    box.start()
    box.job("a", port="Ethernet0")
    box.wait_status("a", "running")
    box.switch.send("Ethernet0", [ARP] * 20)
    wait_for(lambda: counted(box, proto="other") == 20)

    box.delete("a")
    box.wait_status("a", "stopped")
    assert tc(space, "filter show dev Ethernet0 ingress") == before
    assert "clsact" in tc(space, "qdisc show dev Ethernet0")


def test_an_ingress_qdisc_of_somebody_else_is_joined_and_egress_is_degraded(box: Box) -> None:
    tc(box.switch.namespace, "qdisc add dev Ethernet0 handle ffff: ingress")
    box.start()
    box.job("a", port="Ethernet0", direction="both")
    row = box.wait_status("a", "degraded")
    assert row["reason"] == "ingress_qdisc"
    box.switch.send("Ethernet0", [FRAME] * 4)
    box.switch.send_out("Ethernet0", [FRAME] * 7)
    wait_for(lambda: counted(box) == 4)
    assert not box.interface("Ethernet0", "egress")
    box.delete("a")
    box.wait_status("a", "stopped")
    assert "ingress" in tc(box.switch.namespace, "qdisc show dev Ethernet0")


def test_a_deleted_filter_and_a_deleted_qdisc_are_put_back_within_a_second(box: Box) -> None:
    box.start()
    box.job("a", port="Ethernet0", direction="both")
    box.wait_status("a", "running")
    box.switch.send("Ethernet0", [FRAME] * 5)
    space = box.switch.namespace
    for harm in ("filter del dev Ethernet0 ingress", "qdisc del dev Ethernet0 clsact"):
        tc(space, harm)
        wait_for(lambda: len(filters(box)) == 1, 1.0, f"back after: tc {harm}")
        wait_for(lambda: len(filters(box, hook="egress")) == 1, 1.0)
    box.switch.send("Ethernet0", [FRAME] * 5)
    wait_for(lambda: counted(box) == 10, what="the counts go on")
    assert box.wait_status("a", "running")["packets"] == "10"


def test_an_absent_port_is_pending_and_attached_when_it_appears(box: Box) -> None:
    box.start()
    box.job("a", port="Ethernet8")
    assert box.wait_status("a", "pending")["reason"] == "netdev_absent"
    box.switch.add_port("Ethernet8")
    box.wait_status("a", "running", 3)  # the resync comes after 60 s: only the event can do it
    box.switch.send("Ethernet8", [FRAME] * 3)
    wait_for(lambda: counted(box, "Ethernet8") == 3)


def test_a_port_that_comes_back_counts_from_zero_and_the_job_goes_on(box: Box) -> None:
    box.start()
    box.job("a", port="Ethernet4")
    box.wait_status("a", "running")
    box.switch.send("Ethernet4", [FRAME] * 6)
    wait_for(lambda: counted(box, "Ethernet4") == 6)
    first = box.interface("Ethernet4")["ifindex"]
    box.switch.remove_port("Ethernet4")
    box.wait_status("a", "pending", 3)
    box.switch.add_port("Ethernet4")
    box.wait_status("a", "running", 3)
    box.switch.send("Ethernet4", [FRAME] * 2)

    wait_for(lambda: counted(box, "Ethernet4") == 2)
    assert box.interface("Ethernet4")["ifindex"] != first
    wait_for(lambda: box.told("a")["packets"] == "8")
    wait_for(lambda: exported(box, "telegen.job.packets", telegen__job="a") == 8)
    wait_for(lambda: exported(box, "bpf.packets", ifindex=box.interface("Ethernet4")["ifindex"]) in (0, 2))


def test_all_takes_every_port_and_later_ones_too(box: Box) -> None:
    box.start()
    box.job("a", port="all")
    box.wait_status("a", "running")
    box.switch.add_port("Ethernet8")
    wait_for(lambda: len(filters(box, "Ethernet8")) == 1)
    for port in ("Ethernet0", "Ethernet4", "Ethernet8"):
        box.switch.send(port, [FRAME] * 2)
    wait_for(lambda: box.told("a")["packets"] == "6")


def test_a_job_ends_by_itself_and_never_runs_again(box: Box) -> None:
    box.start()
    box.job("a", port="Ethernet0", duration_sec=str(int(allowed(1))))
    box.wait_status("a", "running")
    box.switch.send("Ethernet0", [FRAME] * 3)
    row = box.wait_status("a", "done", 5)
    assert (row["reason"], row["packets"]) == ("expired", "3")
    assert filters(box) == []
    box.kill()
    box.state.flushdb()
    box.start()
    assert box.wait_status("a", "done")["reason"] == "expired"
    box.job("a", port="Ethernet0", duration_sec="60")
    box.wait_status("a", "running")


def test_a_row_of_rest_is_removed_an_hour_after_its_end_and_no_other(box: Box) -> None:
    (box.directory / "state").mkdir()
    journal, two_hours_ago = Journal(box.directory / "state"), time.time_ns() - 7200 * 10**9
    for job, owner in (("a", "rest"), ("b", "cli")):
        box.job(job, port="Ethernet0", duration_sec="60", owner=owner)
        spec = parse_job(job, {"port": "Ethernet0", "duration_sec": "60", "owner": owner})
        journal.note_start(job, spec.digest(), two_hours_ago)
    box.start()
    wait_for(lambda: not box.config.exists("TELEGEN_JOB|a"), what="the row of REST is removed")
    wait_for(lambda: box.told("a").get("reason") == "deleted")
    assert box.told("a")["status"] == box.told("b")["status"] == "done"
    assert box.config.exists("TELEGEN_JOB|b")
