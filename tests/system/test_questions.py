"""Jobs that ask: what matches is counted exactly, flows and losses add up, and a job ends by itself for good."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from sonic_telegen.kernel import libbpf
from tests.support import hooks
from tests.support.box import Box, wait_for
from tests.support.hooks import program
from tests.support.net import tc
from tests.support.patience import allowed
from tests.support.questions import get, mixed, query, results, sock, web
from tests.system.test_rows import exported, filters

LASTING = int(allowed(3))  # seconds of a job that ends within the test


@pytest.fixture
def box() -> Iterator[Box]:
    with Box() as made:
        yield made


def start(box: Box) -> None:
    box.start(TELEGEN_LISTEN=f"unix:{sock(box)}")
    wait_for(lambda: box.about("listen"), what=box.log)


def counted(box: Box, job: str, packets: int) -> None:
    wait_for(lambda: box.told(job).get("packets") == str(packets), 20, lambda: f"{packets}: {box.told(job)}")


QUESTIONS: dict[str, tuple[dict[str, str], int]] = {
    "web": ({"ip_proto": "tcp", "l4_dport": "80,440-450"}, 40),
    "voice": ({"dscp": "46"}, 40),
    "tagged": ({"vlan": "100"}, 40),
    "one-host": ({"src_cidr": "10.1.0.7/32", "ip_proto": "udp"}, 3),
    "six": ({"src_cidr": "fe80::/10", "ip_proto": "udp", "l4_dport": "1000-1009"}, 10),
    "dns": ({"filter": "udp port 53 and src net 10.1.0.0/28"}, 16),
    "tagged-dns": ({"filter": "vlan 100 and udp dst port 53"}, 40),
}


def test_each_question_counts_what_matches_beside_a_stranger_and_every_counter_stays_exact(box: Box) -> None:
    with program() as stranger:
        pin = box.directory / "bpf" / "stranger"
        libbpf.obj_pin(stranger.prog_fd("stranger"), str(pin))
        tc(box.switch.namespace, "qdisc add dev Ethernet0 clsact")
        tc(box.switch.namespace, f"filter add dev Ethernet0 ingress prio 99 bpf da pinned {pin} classid :3")
        start(box)
        ask_all(box)
        assert hooks.counted(stranger, 3) == len(mixed()), "the stranger behind us saw every frame"
    assert len(filters(box)) == 2, "the interface program and the stranger are left"


def ask_all(box: Box) -> None:
    box.job("everything", port="Ethernet0")
    for job, (row, _) in QUESTIONS.items():
        box.job(job, port="Ethernet0", **row)
    for job in ("everything", *QUESTIONS):
        box.wait_status(job, "running")
    frames = mixed()
    box.switch.send("Ethernet0", frames)
    counted(box, "everything", len(frames))
    for job, (_, packets) in QUESTIONS.items():
        counted(box, job, packets)
        wait_for(lambda job=job, n=packets: exported(box, "telegen.job.packets", telegen__job=job) == n)  # type: ignore[misc]
    found = results(box, "voice")
    assert (found["classes"]["ipv4"]["packets"], sum(found["classes"]["ipv4"]["histogram"])) == (40, 40)
    for job in QUESTIONS:
        box.delete(job)
        wait_for(lambda job=job: box.told(job).get("reason") == "deleted")  # type: ignore[misc]


def test_flows_and_what_is_not_in_them_add_up_over_every_door(box: Box) -> None:
    start(box)
    box.job("who", port="Ethernet0", result_detail="flows", ip_proto="tcp", dscp="46")
    box.wait_status("who", "running")
    box.switch.send("Ethernet0", [web(n, 10 * n) for n in range(50)] * 2 + [query(n) for n in range(20)])
    counted(box, "who", 100)
    wait_for(lambda: (results(box, "who")["flows"] or {}).get("held", {}).get("packets") == 100)
    told = results(box, "who")
    assert (told["flows"]["count"], told["sampled"]["packets"], told["sample_rate"]) == (50, 100, 1)
    first = told["flows"]["top"][0]
    assert (first["source"], first["source_port"], first["destination_port"]) == ("10.1.0.49", 40049, 443)
    assert (first["protocol"], first["dscp"], first["packets"], first["tcp_flags"]) == ("tcp", 46, 2, "SA")
    assert told["burst"]["packets"] > 0
    wait_for(lambda: exported(box, "telegen.flow.packets", telegen__job="who") == 100)
    octets = sum(len(web(n, 10 * n)) * 2 for n in range(50))
    assert exported(box, "telegen.flow.bytes", telegen__job="who") == octets == int(box.told("who")["bytes"])
    assert exported(box, "telegen.flow.packets", source__address="10.1.0.49", source__port=40049) == 2  # type: ignore[arg-type]


def test_a_job_ends_by_itself_its_result_stays_and_it_never_runs_again(box: Box) -> None:
    start(box)
    box.job("short", port="Ethernet0", result_detail="flows", filter="udp", duration_sec=str(LASTING))
    box.wait_status("short", "running")
    box.switch.send("Ethernet0", [query(n % 5) for n in range(25)])
    counted(box, "short", 25)
    box.switch.send("Ethernet0", [query(6)])
    box.wait_status("short", "done", 20)
    wait_for(lambda: results(box, "short")["final"], what="the final result")
    found = results(box, "short")
    assert (found["flows"]["held"]["packets"], found["packets"]) == (26, 26)
    assert 0 < found["window_ms"] <= LASTING * 1000
    wait_for(lambda: filters(box) == [], what="the filters go")
    wait_for(lambda: list((box.pins / "jobs").glob("*")) == [], what="the program goes")
    wait_for(lambda: exported(box, "telegen.flow.packets", telegen__job="short") == 26, what="the last export")
    box.kill()
    start(box)
    box.job("other", port="Ethernet0", filter="udp")
    box.wait_status("other", "running")
    box.switch.send("Ethernet0", [query(1)] * 3)
    counted(box, "other", 3)
    assert box.told("short")["status"] == "done"
    assert results(box, "short") | {"export": 0} == found | {"export": 0}, "kept, whatever agent tells it"


def test_a_dead_agent_leaves_nothing_costly_running(box: Box) -> None:
    start(box)
    box.job("short", port="Ethernet0", result_detail="flows", duration_sec=str(LASTING))
    box.wait_status("short", "running")
    box.switch.send("Ethernet0", [query(1)] * 4)
    counted(box, "short", 4)
    box.kill(signal.SIGKILL)
    time.sleep(LASTING)  # nobody is there to end it: the deadline itself is what is tested
    assert len(filters(box)) == 2
    box.switch.send("Ethernet0", [query(2)] * 7)
    start(box)
    told = box.wait_status("short", "done")
    assert told["packets"] == "4", "after its deadline the program only lets frames pass"
    found = results(box, "short")
    assert (found["flows"]["count"], found["flows"]["held"]["packets"]) == (1, 4)


def test_sampling_thins_flows_and_never_the_counters(box: Box) -> None:
    start(box)
    box.job("thin", port="Ethernet0", result_detail="flows", sample_rate="10")
    box.wait_status("thin", "running")
    box.switch.send("Ethernet0", [query(n % 7) for n in range(1000)])
    counted(box, "thin", 1000)
    # Slots are read after the table, which is read on a beat: what was sampled is told later than the frames.
    wait_for(lambda: (results(box, "thin")["sampled"] or {"packets": 0})["packets"] >= 98, what="a result of them all")
    wait_for(lambda: 980 <= exported(box, "telegen.flow.packets", telegen__sample_rate=10) <= 1020)  # type: ignore[arg-type]
    found = results(box, "thin")
    assert 98 <= found["sampled"]["packets"] <= 102, "one in ten of each CPU"
    assert (found["packets"], found["sample_rate"]) == (1000, 10)
    assert found["flows"]["held"]["packets"] == 10 * found["sampled"]["packets"], "scaled, and marked so"


def test_nine_jobs_on_a_hook_are_eight_that_run_and_one_that_waits_its_turn(box: Box) -> None:
    start(box)
    for n in range(9):
        box.job(f"j{n}", port="Ethernet0", filter="udp")
        box.wait_status(f"j{n}", "running" if n < 8 else "pending")
    assert box.told("j8")["reason"] == "no_program_place"
    box.switch.send("Ethernet0", [query(1)])
    box.delete("j3")
    box.wait_status("j8", "running")
    box.switch.send("Ethernet0", [query(1)] * 2)
    for n in (0, 1, 2, 4, 5, 6, 7):
        counted(box, f"j{n}", 3)
    counted(box, "j8", 2)


def test_what_no_filter_can_mean_is_rejected_in_libpcap_s_words(box: Box) -> None:
    start(box)
    rows: dict[str, tuple[dict[str, str], str]] = {
        "syntax": ({"filter": "tcp port and"}, r"filter.*syntax error"),
        "long": ({"filter": "udp or " * 1500 + "tcp"}, r"filter.*1024"),
        "reversed": ({"ip_proto": "tcp", "l4_dport": "90-80"}, r"l4_dport"),
        "portless": ({"l4_dport": "80"}, r"l4_dport.*ip_proto"),
        "families": ({"src_cidr": "10.0.0.0/8", "dst_cidr": "fe80::/10"}, r"dst_cidr|src_cidr"),
        "zero": ({"sample_rate": "0"}, r"sample_rate"),
    }
    for job, (row, _) in rows.items():
        box.job(job, port="Ethernet0", **row)
    for job, (_, words) in rows.items():
        told: Any = box.wait_status(job, "rejected")
        assert re.search(words, told["message"]), told
        assert told["reason"] == "invalid_value"
    assert get(box, "/jobs").status == 200
    assert filters(box) == []
