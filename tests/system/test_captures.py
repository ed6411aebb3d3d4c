"""Captures of a live agent: what was sent is in the file, what is not is counted, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.box import REPOSITORY, Box, wait_for
from tests.support.patience import allowed
from tests.support.pcapng import parse
from tests.support.questions import download, query, results, sock, web
from tests.system.test_rows import filters


@pytest.fixture
def box() -> Iterator[Box]:
    with Box() as made:
        start(made)
        yield made


def start(box: Box) -> None:
    box.start(TELEGEN_LISTEN=f"unix:{sock(box)}")
    wait_for(lambda: box.about("listen"), what=box.log)


def captured(box: Box, job: str, frames: int) -> None:
    wait_for(
        lambda: (results(box, job)["capture"] or {}).get("captured") == frames, what=lambda: str(results(box, job))
    )


def tshark(raw: bytes, folder: Path) -> list[list[str]]:
    """Interface, original length, captured length, TCP destination port of every frame, as tshark understands them."""
    path = folder / "download.pcapng"
    path.write_bytes(raw)
    words = ("frame.interface_name", "frame.len", "frame.cap_len", "tcp.dstport", "udp.srcport")
    fields = [word for name in words for word in ("-e", name)]
    done = subprocess.run(
        ["tshark", "-n", "-r", str(path), "-T", "fields", *fields],
        capture_output=True,
        text=True,
        check=True,
        timeout=allowed(60),
    )
    return [line.split("\t") for line in done.stdout.splitlines()]


def test_tshark_opens_a_capture_with_the_frames_that_were_sent(box: Box, tmp_path: Path) -> None:
    box.job("web", port="all", direction="both", result_detail="packets", ip_proto="tcp", l4_dport="443", snaplen="96")
    box.wait_status("web", "running")
    sent = [web(n, 5 * n) for n in range(60)]
    box.switch.send("Ethernet0", [*sent, *(query(n) for n in range(60))])
    box.switch.send_out("Ethernet4", sent[:10])
    captured(box, "web", 70)
    box.delete("web")
    box.wait_status("web", "stopped")
    told = results(box, "web")
    assert told["capture"] == {"captured": 70, "capture_lost": 0}
    found = tshark(download(box, "web"), tmp_path)
    expected = [["Ethernet0", one] for one in sent] + [["Ethernet4", one] for one in sent[:10]]
    assert sorted(found) == sorted([port, str(len(one)), str(min(96, len(one))), "443", ""] for port, one in expected)


@contextmanager
def command(box: Box, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """``telegen capture`` as an operator types it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sonic_telegen.cli", "capture", *arguments],
        env={**os.environ, "TELEGEN_DB_CONFIG": str(box.redis.config)},
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=allowed(20))


def jobs(box: Box) -> list[str]:
    found: list[str] = list(box.config.scan_iter("TELEGEN_JOB|capture-*"))
    return found


def test_the_command_streams_what_matches_until_it_has_enough(box: Box) -> None:
    with command(box, "Ethernet0", "udp", "port", "53", "-w", "-", "-c", "25") as process:
        wait_for(lambda: jobs(box), what="the job")
        box.wait_status(jobs(box)[0].partition("|")[2], "running")
        box.switch.send("Ethernet0", [frame for n in range(25) for frame in (web(n), query(n))])
        output, errors = process.communicate(timeout=allowed(60))
    assert process.returncode == 0, errors
    assert [p.data for p in parse(output).packets] == [query(n) for n in range(25)]
    assert jobs(box) == []
    wait_for(lambda: filters(box) == [], what="the filters go")


def test_ctrl_c_ends_the_command_and_its_job_and_leaves_a_whole_file(box: Box) -> None:
    with command(box, "Ethernet0", "-w", "-", "-s", "64") as process:
        wait_for(lambda: jobs(box), what="the job")
        job = jobs(box)[0].partition("|")[2]
        box.wait_status(job, "running")
        box.switch.send("Ethernet0", [query(n) for n in range(10)])
        captured(box, job, 10)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=allowed(60))
    found = parse(output)
    assert [p.data for p in found.packets] == [query(n)[:64] for n in range(10)], errors
    assert found.statistics[0][1:3] == (10, 0)
    assert jobs(box) == []


def test_ctrl_c_before_the_first_answer_leaves_what_was_captured_by_then(box: Box) -> None:
    with command(box, "Ethernet0", "-w", "-", "-s", "64") as process:
        wait_for(lambda: jobs(box), what="the job")
        process.send_signal(signal.SIGSTOP)  # as on a busy switch, where it is not its turn
        job = jobs(box)[0].partition("|")[2]
        box.wait_status(job, "running")
        box.switch.send("Ethernet0", [query(n) for n in range(3)])
        captured(box, job, 3)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGCONT)
        output, errors = process.communicate(timeout=allowed(60))
    assert [p.data for p in parse(output).packets] == [query(n)[:64] for n in range(3)], errors
    assert process.returncode == 0
    assert jobs(box) == []


def test_a_capture_goes_on_through_a_killed_agent(box: Box) -> None:
    box.job("kept", port="Ethernet0", result_detail="packets", filter="udp")
    box.wait_status("kept", "running")
    box.switch.send("Ethernet0", [query(n) for n in range(5)])
    captured(box, "kept", 5)
    box.kill()
    box.switch.send("Ethernet0", [query(n) for n in range(5, 12)])
    start(box)
    box.switch.send("Ethernet0", [query(n) for n in range(12, 15)])
    captured(box, "kept", 15)
    box.delete("kept")
    box.wait_status("kept", "stopped")
    assert [p.data for p in parse(download(box, "kept")).packets] == [query(n) for n in range(15)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB: less than captures leave free of any."""
    path = tmp_path / "small"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "telegen-test", str(path)], check=True)
    yield path
    subprocess.run(["umount", str(path)], check=True)


def test_a_full_disk_ends_the_capture_and_not_the_job_and_every_frame_is_counted(small_disk: Path) -> None:
    with Box(TELEGEN_STATE_DIR=str(small_disk)) as box:
        start(box)
        box.job("kept", port="Ethernet0", result_detail="packets")
        box.wait_status("kept", "running")
        box.switch.send("Ethernet0", [query(n) for n in range(20)])
        wait_for(lambda: box.told("kept").get("packets") == "20")
        told = box.wait_status("kept", "degraded", 20)
        assert (told["reason"], "disk" in told["message"]) == ("capture_ended", True)
        wait_for(lambda: results(box, "kept")["capture"] == {"captured": 0, "capture_lost": 20}, 20)
        found = parse(download(box, "kept"))
        assert (found.packets, found.statistics[0][1:3]) == ([], (20, 20))
        box.kill(signal.SIGTERM)
