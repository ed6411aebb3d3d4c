"""The agent as a process: signals, version, what it says when the machine does not let it work."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from signal import SIGHUP, SIGTERM

import pytest

from sonic_telegen.demo.receiver import Mode
from tests.support.box import REPOSITORY, Box, wait_for
from tests.support.net import FRAME, tc
from tests.support.patience import allowed
from tests.system.test_rows import counted, filters


@pytest.fixture
def box() -> Iterator[Box]:
    with Box() as made:
        yield made


def command(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sonic_telegen", *arguments],
        capture_output=True,
        text=True,
        timeout=allowed(60),
        cwd=REPOSITORY,
        env={**os.environ, **env},
        check=False,
    )


def test_version_help_and_wrong_options() -> None:
    assert command("--version").stdout.startswith("sonic-telegen 0.1.0 (")
    assert "TELEGEN_PIN_DIR" in command("--help").stdout
    assert command("detach").returncode == 2
    wrong = command(TELEGEN_MAX_JOBS="lots")
    assert wrong.returncode == 2
    assert "TELEGEN_MAX_JOBS='lots': use a whole number from 1 to 512" in wrong.stderr


@pytest.mark.parametrize("part", ["worker.Worker", "telemetry.collector.Collector"])
def test_when_one_part_dies_all_die(box: Box, part: str) -> None:
    module, _, name = part.rpartition(".")
    script = f"""
import sys
import sonic_telegen.{module} as module
def run(self):
    raise RuntimeError("a bug in {name}")
module.{name}.run = run
from sonic_telegen.__main__ import main
sys.exit(main(["run"]))
"""
    where = ["nsenter", f"--net=/run/netns/{box.switch.namespace}", sys.executable, "-c", script]
    done = subprocess.run(
        where,
        env={**os.environ, **box.environment},
        timeout=allowed(60),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "a part of the agent died" in done.stderr
    assert f"a bug in {name}" in done.stderr


def test_sigterm_stops_in_under_two_seconds_and_counting_goes_on(box: Box) -> None:
    box.start()
    box.job("a", port="Ethernet0")
    box.wait_status("a", "running")
    began = time.monotonic()
    assert box.kill(SIGTERM) == 0
    assert time.monotonic() - began < allowed(2)
    assert len(filters(box)) == 1
    box.switch.send("Ethernet0", [FRAME] * 9)
    box.start()
    wait_for(lambda: box.told("a")["packets"] == "9")


@pytest.mark.parametrize("mode", [Mode.HANG, Mode.UNAVAILABLE, Mode.ERROR])
def test_a_sick_collector_delays_neither_pass_nor_stop_and_is_told(box: Box, mode: Mode) -> None:
    box.receiver.mode = mode
    box.start()
    box.job("a", port="Ethernet0")
    box.wait_status("a", "running", 5)
    wait_for(lambda: box.receiver.attempts > 0)
    began = time.monotonic()
    box.job("b", port="Ethernet4")
    box.wait_status("b", "running", 1)
    wait_for(lambda: int(box.about("otlp_failures") or 0) > 0, 15, "the failure is told")
    assert box.about("otlp_last_error")
    box.receiver.mode = Mode.OK
    wait_for(lambda: box.about("otlp_last_success") != "", 15)
    box.receiver.mode = mode
    box.switch.send("Ethernet0", [FRAME])
    began = time.monotonic()
    assert box.kill(SIGTERM) == 0
    assert time.monotonic() - began < allowed(2)


def test_sighup_reads_everything_again(box: Box) -> None:
    box.start()
    passes = box.receiver.received
    assert passes is not None
    box.agent.send_signal(SIGHUP)  # type: ignore[union-attr]
    wait_for(lambda: "SIGHUP" in box.log())
    box.job("a", port="Ethernet0")
    box.wait_status("a", "running")


def test_detach_all_removes_what_is_ours_alone(box: Box) -> None:
    space = box.switch.namespace
    tc(space, "qdisc add dev Ethernet4 clsact")
    tc(space, "filter add dev Ethernet4 ingress prio 1 protocol ip u32 match u32 0 0 classid 1:1")
    box.start()
    box.job("a", port="all", direction="both")
    box.wait_status("a", "running")
    box.kill(SIGTERM)
    done = subprocess.run(
        box.command("detach", "--all"),
        env={**os.environ, **box.environment},
        timeout=allowed(60),
        cwd=REPOSITORY,
        check=False,
    )
    assert done.returncode == 0
    assert filters(box) == filters(box, "Ethernet4") == []
    assert "clsact" not in tc(space, "qdisc show dev Ethernet0")
    assert "u32" in tc(space, "filter show dev Ethernet4 ingress")
    assert not box.pins.exists()


def test_a_second_agent_on_the_same_pins_is_refused_and_so_is_detach(box: Box) -> None:
    box.start()
    for words in ("run", "detach --all"):
        done = subprocess.run(
            box.command(*words.split()),
            env={**os.environ, **box.environment},
            timeout=allowed(60),
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert f"held by the agent with pid {box.pid}" in done.stderr
    box.kill()
    box.start()


def test_without_cap_bpf_the_job_fails_and_names_the_capability(box: Box) -> None:
    box.start(without=("bpf", "sys_admin"))  # the latter contains the former
    box.job("a", port="Ethernet0")
    row = box.wait_status("a", "failed", 20)
    assert row["reason"] == "permission"
    assert "CAP_BPF" in row["message"]


def test_a_pin_directory_that_is_no_bpffs_says_how_to_mount_it(box: Box) -> None:
    box.start(TELEGEN_PIN_DIR=str(box.directory / "pins"))
    box.job("a", port="Ethernet0")
    assert "mount" in box.wait_status("a", "failed")["message"]


def test_a_pin_directory_of_somebody_else_is_refused(box: Box) -> None:
    box.pins.mkdir()
    os.chown(box.pins, 65534, 65534)
    box.start()
    box.job("a", port="Ethernet0")
    row = box.wait_status("a", "failed")
    assert (row["reason"], str(box.pins) in row["message"]) == ("permission", True)
    os.chown(box.pins, 0, 0)
    box.config.hset("TELEGEN|GLOBAL", "max_jobs", "9")  # any event: the next pass tries again
    box.wait_status("a", "running")


def test_an_agent_without_jobs_loads_nothing(box: Box) -> None:
    box.start()
    box.job("a", port="Ethernet0", mirror_mode="placeholder")
    assert box.wait_status("a", "degraded")["reason"] == "placeholder"
    assert not box.pins.exists()
    assert counted(box) == -1


def test_the_logger_row_and_the_device_row_are_followed_at_run_time(box: Box) -> None:
    box.start(TELEGEN_LOG_LEVEL="error")
    assert "starting" not in box.log()
    box.config.hset("LOGGER|sonic-telegen", "LOGLEVEL", "INFO")
    box.config.hset("DEVICE_METADATA|localhost", mapping={"platform": "x86_64-kvm", "hwsku": "Force10-S6000"})
    box.job("a", port="Ethernet0")
    box.wait_status("a", "running")
    wait_for(lambda: " info pass " in box.log())

    def described() -> bool:
        seen = [r.resource for r in box.receiver.requests]
        return bool(seen) and seen[-1].get("sonic.hwsku") == "Force10-S6000"

    wait_for(described)
    assert box.receiver.requests[-1].resource["service.name"] == "telegen-sonic"


def test_systemd_hears_ready_with_the_first_pass_alive_with_every_one_and_then_the_end(box: Box) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(box.directory / "notify"))
        systemd.settimeout(60)
        box.start(NOTIFY_SOCKET=str(box.directory / "notify"))
        assert b"READY=1" in systemd.recv(4096).split(b"\n")
        box.config.hset("TELEGEN_JOB|up", mapping={"port": "Ethernet0"})
        assert systemd.recv(4096) == b"WATCHDOG=1"
        assert box.kill(SIGTERM) == 0
        systemd.settimeout(0)
        told = []
        with contextlib.suppress(BlockingIOError):
            while True:
                told.append(systemd.recv(4096))
        assert b"STOPPING=1" in told
