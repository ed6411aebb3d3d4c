"""``show telegen`` beside a running agent: counts as sent, and the doctor finds each cause that is put there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.box import REPOSITORY, Box, wait_for
from tests.support.net import FRAME, run_in
from tests.support.patience import allowed

ARP = b"\xff" * 6 + b"\x02\0\0\0\0\1" + b"\x08\x06" + bytes(46)


@pytest.fixture
def box() -> Iterator[Box]:
    with Box() as made:
        yield made


def telegen(box: Box, *words: str, inside: bool = True) -> tuple[int, str]:
    """Exit status and output of ``telegen show``, in the agent's network namespace or outside of it."""
    where = ["nsenter", f"--net=/run/netns/{box.switch.namespace}"] if inside else []
    done = subprocess.run(
        [*where, sys.executable, "-m", "sonic_telegen.cli", "show", *words],
        env={**os.environ, **box.environment, "SONIC_CLI_CACHE_DIR": str(box.directory / "cache")},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=allowed(60),
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


def shown(box: Box, *words: str) -> Any:
    status, output = telegen(box, *words, "--json")
    assert status == 0, output
    return json.loads(output)


def doctor(box: Box, port: str = "Ethernet0", inside: bool = True) -> tuple[int, dict[str, tuple[str, str]]]:
    """Exit status, and by check what is not ok."""
    status, output = telegen(box, "doctor", port, "--json", inside=inside)
    found = {each["check"]: (each["mark"], each["finding"]) for each in json.loads(output) if each["mark"] != "ok"}
    return status, found


@pytest.fixture
def counting(box: Box) -> Box:
    """Runs a job on Ethernet0 that has counted, exported, and told both."""
    box.start()
    box.job("a", port="Ethernet0", direction="both")
    box.wait_status("a", "running")
    box.switch.send("Ethernet0", [FRAME] * 100 + [ARP] * 50)
    box.switch.send_out("Ethernet0", [FRAME] * 30)
    wait_for(lambda: box.told("a").get("packets") == "180")
    wait_for(lambda: box.about("otlp_last_success"), 15)
    return box


def test_what_is_shown_is_what_was_sent(counting: Box) -> None:
    hooks = {hook["direction"]: hook for hook in shown(counting, "interfaces", "Ethernet0")}
    assert {way: hook["packets"] for way, hook in hooks.items()} == {"ingress": 150, "egress": 30}
    assert hooks["ingress"]["classes"]["other"] == {
        "packets": 50,
        "bytes": 50 * len(ARP),
        "histogram": [50] + [0] * 9,
    }
    (job,) = shown(counting, "jobs")
    assert (job["job_id"], job["status"], job["packets"], job["bytes"]) == ("a", "running", 180, 180 * len(FRAME))
    (ingress,) = shown(counting, "histogram", "Ethernet0", "-d", "ingress")
    assert ingress["histogram"] == [150] + [0] * 9
    assert shown(counting, "global")["mirror_mode"] == {"value": "direct", "origin": "TELEGEN_MIRROR_MODE"}
    agent = shown(counting)
    assert (agent["running"], agent["pid"], agent["jobs_running"]) == (True, counting.pid, 1)
    assert agent["started_at"] < agent["updated_at"]


@pytest.fixture
def traffic(counting: Box) -> Iterator[None]:
    """IPv4 frames into Ethernet0 for as long as the test takes."""
    done = threading.Event()

    def send() -> None:
        while not done.wait(0.01):
            counting.switch.send("Ethernet0", [FRAME])

    sender = threading.Thread(target=send)
    sender.start()
    yield
    done.set()
    sender.join()


@pytest.mark.usefixtures("traffic")
def test_a_rate_is_what_passed_between_two_readings(counting: Box) -> None:
    rates = {rate["direction"]: rate for rate in shown(counting, "interfaces", "--rate")}
    moving = rates["ingress"]["classes"]["ipv4"]
    assert moving["packets_per_second"] == rates["ingress"]["packets_per_second"] > 0
    assert moving["bits_per_second"] == pytest.approx(8 * len(FRAME) * moving["packets_per_second"])
    assert rates["egress"]["packets_per_second"] == rates["ingress"]["classes"]["other"]["packets_per_second"] == 0


@pytest.mark.usefixtures("traffic")
def test_a_watch_follows_the_traffic(counting: Box) -> None:
    def rates() -> dict[str, float | None]:
        status, output = telegen(counting, "watch", "--count", "4", "--json")
        snapshots = [json.loads(line) for line in output.splitlines()]
        assert (status, [each["jobs"][0]["job_id"] for each in snapshots]) == (0, ["a"] * 4)
        return {hook["direction"]: hook["packets_per_second"] for hook in snapshots[-1]["interfaces"]}

    found: dict[str, float | None] = {}
    wait_for(lambda: found.update(rates()) or None not in found.values(), 60, "two readings while it is watched")
    assert (found["egress"], bool(found["ingress"])) == (0, True)


def test_the_doctor_has_nothing_to_say_where_all_is_well(counting: Box) -> None:
    assert doctor(counting) == (0, {})


def test_the_doctor_finds_a_port_that_is_down(counting: Box) -> None:
    run_in(counting.switch.namespace, "ip", "link", "set", "Ethernet0", "down")
    assert doctor(counting) == (1, {"link": ("fail", "Ethernet0 is administratively down")})


def test_the_doctor_finds_a_port_without_a_link(counting: Box) -> None:
    run_in(counting.switch.hosts, "ip", "link", "set", counting.switch.peer("Ethernet0"), "down")
    wait_for(lambda: doctor(counting) == (1, {"link": ("fail", "Ethernet0 is up but has no link")}))


def test_the_doctor_finds_a_netdev_that_is_absent(counting: Box) -> None:
    counting.config.hset("PORT|Ethernet0", "lanes", "1")
    counting.switch.remove_port("Ethernet0")
    counting.wait_status("a", "pending")
    wait_for(lambda: not counting.interface("Ethernet0"))
    status, found = doctor(counting)
    assert status == 1
    assert found["netdev"] == ("fail", "Ethernet0 is configured, but the kernel has no such netdev")
    assert found["job"][1].startswith("a is pending (netdev_absent): no netdev Ethernet0 yet")


def test_the_doctor_finds_a_collector_that_stopped(counting: Box) -> None:
    counting.receiver.__exit__()
    wait_for(lambda: counting.about("otlp_last_error"), 20)
    status, found = doctor(counting)
    assert (status, list(found)) == (1, ["collector"])
    assert " does not answer (Connection refused) and the agent's exports fail: " in found["collector"][1]


def test_the_doctor_finds_an_agent_that_stopped(counting: Box) -> None:
    counting.kill()
    wait_for(lambda: "agent" in doctor(counting)[1], 30)  # its beat is a second: after seven it is not late but gone
    status, found = doctor(counting)
    assert status == 1
    assert found["agent"][1].startswith("it does not run: it last told ")
    assert found["filter"] == ("warn", "the program was seen on egress when the agent last told")
    _, output = telegen(counting)
    assert output.startswith("Agent     not running: last told ")


def test_the_doctor_blames_nobody_from_another_namespace(counting: Box) -> None:
    status, found = doctor(counting, inside=False)
    assert status == 0
    assert found["netdev"][0] == "warn"
    assert found["netdev"][1].startswith("Ethernet0: it is not seen from here, but the agent counts on it")
    assert found["collector"][0] == "warn"
    assert "the agent's last export succeeded" in found["collector"][1]


def test_the_doctor_finds_that_no_job_covers_the_port(counting: Box) -> None:
    status, found = doctor(counting, "Ethernet4")
    assert (status, found) == (1, {"job": ("fail", "no job covers Ethernet4")})
