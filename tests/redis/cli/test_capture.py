"""``telegen capture`` as a process: against REST and capture files that are real, and an agent of the test's own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sonic_telegen.capture.captures import Captures, Wanted
from sonic_telegen.capture.folder import Folder
from sonic_telegen.capture.writer import Limits
from sonic_telegen.cli.standalone import tree
from sonic_telegen.demo.redisd import RedisServer
from sonic_telegen.model.status import JobStatus, Reason, Status
from tests.redis.conftest import CONFIG_DB, STATE_DB
from tests.support.box import wait_for
from tests.support.pcapng import Capture, parse, read
from tests.support.redis import RawRedis
from tests.support.rest import Served
from tests.support.ringing import FakeRing, frame
from tests.support.told import AGENT, tell

ROOT = Path(__file__).parents[3]


class Switch:
    """Begins a capture for each job that is written, and ends it when the row is gone, as the agent does."""

    def __init__(self, server: RedisServer, folder: Path) -> None:
        self._server, self.verdict = server, JobStatus("", Status.RUNNING)
        self.ring, self.rows = FakeRing(), list[dict[bytes, bytes]]()
        self.captures = Captures(Folder(folder), Limits(1 << 24, 0))
        self.rest = Served(server.config, folder.parent, capture=self.captures.file)
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._look), threading.Thread(target=self.captures.run)]

    def __enter__(self) -> Switch:
        self.rest.__enter__()
        with RawRedis(self._server.socket, STATE_DB) as state:
            listen = f"unix:{self.rest.socket},127.0.0.1:{self.rest.port}"
            tell(state, time.time(), replace(AGENT, listen=listen))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.captures.stop()
        for thread in self._threads:
            thread.join(20)
        self.rest.__exit__(None, None, None)

    def _look(self) -> None:
        known, ours = set[str](), set[str]()
        with RawRedis(self._server.socket, CONFIG_DB) as config, RawRedis(self._server.socket, STATE_DB) as state:
            while not self._over.wait(0.01):
                jobs = {name.decode().partition("|")[2] for name in config("KEYS", "TELEGEN_JOB|capture-*")}
                for job in jobs - known:
                    self.rows.append(config.row(f"TELEGEN_JOB|{job}"))
                    ours |= {job} if b"result_detail" in self.rows[-1] else set()
                    tell(state, time.time(), replace(AGENT, listen=f"unix:{self.rest.socket}"), [self._told(job)])
                if jobs != known and self.verdict.status == Status.RUNNING:
                    self.captures.update({job: Wanted(job, 0, lambda: self.ring) for job in jobs & ours})
                known = jobs

    def _told(self, job: str) -> JobStatus:
        return replace(self.verdict, job=job)


@pytest.fixture
def switch(redis_server: RedisServer, config_rows: RawRedis, tmp_path: Path) -> Iterator[Switch]:
    with Switch(redis_server, tmp_path / "captures") as found:
        yield found


def start(*arguments: str, **pipes: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "sonic_telegen.cli", "capture", *arguments],
        cwd=ROOT,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        stdout=pipes.get("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
    )


def ended(process: subprocess.Popen[bytes]) -> tuple[int, Capture | None, str]:
    output, errors = process.communicate(timeout=60)
    return process.returncode, parse(output) if output else None, errors.decode()


def gone(config: RawRedis) -> bool:
    return not config("KEYS", "TELEGEN_JOB|*")


def test_frames_are_streamed_until_so_many_came(switch: Switch, config_rows: RawRedis) -> None:
    switch.ring.come(*(frame(n) for n in range(5)))
    code, found, errors = ended(start("Ethernet0", "tcp", "port", "443", "-w", "-", "-c", "3", "-s", "256"))
    assert (code, errors) == (0, "3 frames captured, 0 lost\n")
    assert found is not None
    assert [p.data for p in found.packets] == [frame(n).data for n in range(3)]
    assert found.statistics[0][1:3] == (5, 0)
    assert switch.rows == [
        {
            b"port": b"Ethernet0",
            b"direction": b"both",
            b"filter": b"tcp port 443",
            b"snaplen": b"256",
            b"duration_sec": b"3600",
            b"result_detail": b"packets",
            b"otlp_export": b"false",
            b"owner": b"cli",
        }
    ]
    assert gone(config_rows)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_all_that_was_captured(switch: Switch, config_rows: RawRedis, number: int) -> None:
    process = start("Ethernet0")
    assert process.stdout is not None
    switch.ring.come(frame(1))
    got = b""
    while frame(1).data not in got:
        got += os.read(process.stdout.fileno(), 65536)
    switch.ring.come(frame(2))
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    found = parse(got + output)
    assert (process.returncode, errors) == (0, b"2 frames captured, 0 lost\n")
    assert ([p.data for p in found.packets], found.statistics[0][1:3]) == ([frame(1).data, frame(2).data], (2, 0))
    assert gone(config_rows)


def test_a_reader_that_goes_ends_it_although_nothing_is_captured(switch: Switch, config_rows: RawRedis) -> None:
    process = start("Ethernet0")
    assert process.stdout is not None
    assert os.read(process.stdout.fileno(), 65536)
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr is not None
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
    wait_for(lambda: gone(config_rows), what="the row's end")


def test_a_job_that_ends_by_itself_ends_the_command(switch: Switch, config_rows: RawRedis, tmp_path: Path) -> None:
    target = tmp_path / "mine.pcapng"
    process = start("Ethernet0", "-w", str(target))
    wait_for(lambda: target.exists() and target.stat().st_size, 30, "the capture")
    switch.ring.come(frame(7))
    switch.captures.update({})
    code, _, errors = ended(process)
    assert (code, errors) == (0, "1 frames captured, 0 lost\n")
    assert [p.data for p in read(target).packets] == [frame(7).data]
    assert target.stat().st_mode & 0o777 == 0o600
    assert gone(config_rows)


def test_what_keeps_the_job_from_running_is_told(switch: Switch, config_rows: RawRedis) -> None:
    switch.verdict = JobStatus("", Status.FAILED, Reason.NO_MEMORY, "load: no memory for maps")
    code, found, errors = ended(start("Ethernet0"))
    assert (code, found) == (2, None)
    assert errors.endswith("Error: nothing is captured: failed: no_memory: load: no memory for maps\n")
    assert gone(config_rows)


def test_a_file_that_cannot_be_written_begins_nothing(switch: Switch, config_rows: RawRedis, tmp_path: Path) -> None:
    code, _, errors = ended(start("Ethernet0", "-w", str(tmp_path / "no" / "where")))
    assert (code, switch.rows) == (2, [])
    assert "cannot be written: No such file or directory" in errors


def test_a_full_disk_ends_it_with_a_message(switch: Switch, config_rows: RawRedis) -> None:
    switch.ring.come(frame(1))
    with Path("/dev/full").open("wb") as full:
        code, _, errors = ended(start("Ethernet0", stdout=full.fileno()))
    assert (code, "No space left on device" in errors, "Traceback" in errors) == (1, True, False)
    assert gone(config_rows)


def test_what_a_killed_command_left_is_removed_when_its_time_is_over(
    switch: Switch, config_rows: RawRedis, state_rows: RawRedis
) -> None:
    switch.ring.come(frame(1))
    for job, owner in (("capture-1", "cli"), ("capture-2", "cli"), ("capture-3", "rest")):
        config_rows("HSET", f"TELEGEN_JOB|{job}", "port", "Ethernet0", "owner", owner)
    wait_for(lambda: len(state_rows("KEYS", "TELEGEN_JOB_TABLE|capture-*")) == 3, what="the jobs are told")
    for job in ("capture-1", "capture-3"):
        state_rows("HSET", f"TELEGEN_JOB_TABLE|{job}", "status", "done")
    assert ended(start("Ethernet0", "-c", "1"))[0] == 0
    assert sorted(config_rows("KEYS", "TELEGEN_JOB|*")) == [b"TELEGEN_JOB|capture-2", b"TELEGEN_JOB|capture-3"]


@pytest.mark.parametrize(
    ("listen", "says"),
    [
        pytest.param("", "listens nowhere, not on this machine; set TELEGEN_LISTEN=unix:", id="nowhere"),
        pytest.param("192.0.2.1:8443", "listens 192.0.2.1:8443, not on this machine", id="elsewhere"),
        pytest.param("unix:/no/such/socket", "REST cannot be asked: [Errno 2]", id="gone"),
    ],
)
def test_without_rest_on_this_machine_the_remedy_is_told(
    config_rows: RawRedis, state_rows: RawRedis, listen: str, says: str
) -> None:
    tell(state_rows, time.time(), replace(AGENT, listen=listen))
    code, _, errors = ended(start("Ethernet0"))
    assert (code, says in errors, "Traceback" in errors) == (2, True, False), errors
    assert gone(config_rows)


def test_without_an_agent_nothing_is_begun(config_rows: RawRedis) -> None:
    code, _, errors = ended(start("Ethernet0"))
    assert (code, "The agent is not running" in errors, gone(config_rows)) == (2, True, True)


def test_the_command_is_offered() -> None:
    assert not tree().commands["capture"].hidden
