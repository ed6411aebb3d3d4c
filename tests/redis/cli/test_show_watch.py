"""``show telegen watch``: snapshots where nothing can be painted, a picture on a terminal, which is left as it was."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sonic_telegen.cli import times
from sonic_telegen.demo.redisd import RedisServer
from sonic_telegen.swsscommon.interface import DBInterface
from sonic_telegen.swsscommon.swsscommon import SonicDBConfig
from tests.support.redis import RawRedis
from tests.support.sonic_cli import Door, standalone
from tests.support.told import AT, RUNNING, hook, put, tell

ROOT = Path(__file__).parents[3]
COMMAND = ("-m", "sonic_telegen.cli", "show", "watch")
ENTER, LEAVE = b"\x1b[?1049h\x1b[?25l", b"\x1b[?25h\x1b[?1049l"


@pytest.fixture
def fixed_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(times, "now", lambda: float(AT))


@pytest.mark.usefixtures("fixed_time")
def test_a_snapshot_of_jobs_and_rates(show: Door, state_rows: RawRedis, config_rows: RawRedis) -> None:
    put(config_rows, "TELEGEN_JOB|uplink", {"port": "Ethernet0", "direction": "both"})
    tell(state_rows, jobs=[RUNNING], hooks=[hook("Ethernet0", packets=[5])])
    assert show("watch", "--count", "1") == (
        "2026-09-21T14:13:20Z  agent running, told 2 s ago  jobs 2 of 3 running\n"
        "\n"
        "JOB_ID    PORT       DIRECTION    STATUS    REASON    PACKETS    BYTES\n"
        "--------  ---------  -----------  --------  --------  ---------  ----------\n"
        "uplink    Ethernet0  both         running   N/A       1,234,567  98,765,432\n"
        "\n"
        "    IFACE      DIR    PPS    BPS    IPV4    IPV6    ICMP6    OTHER\n"
        "---------  -------  -----  -----  ------  ------  -------  -------\n"
        "Ethernet0  ingress    N/A    N/A     N/A     N/A      N/A      N/A\n"
    )


@pytest.mark.usefixtures("fixed_time")
def test_rates_are_those_of_the_last_two_readings_and_stay_until_the_next(
    show: Door, state_rows: RawRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = iter([(AT - 5, 100), (AT - 4.9, 103), (AT - 3, 300)])
    tell(state_rows, at=AT - 15, hooks=[hook("Ethernet0", packets=[0])])

    def next_reading(seconds: float) -> None:
        for at, packets in readings:
            tell(state_rows, at=at, hooks=[hook("Ethernet0", packets=[packets])])
            return

    monkeypatch.setattr("time.sleep", next_reading)
    lines = [json.loads(line) for line in show("watch", "--count", "5", "--json").splitlines()]
    assert [line["interfaces"][0]["packets_per_second"] for line in lines] == [None, 10.0, 10.0, 100.0, 100.0]
    assert lines[0]["time"] == "2026-09-21T14:13:20Z"
    assert (lines[0]["agent"]["running"], lines[0]["agent"]["pid"], lines[0]["jobs"]) == (True, 4242, [])


@pytest.mark.usefixtures("fixed_time")
def test_an_agent_that_stopped_has_no_rates(show: Door, state_rows: RawRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(state_rows, at=AT - 400, hooks=[hook("Ethernet0", packets=[0])])
    monkeypatch.setattr(
        "time.sleep", lambda seconds: tell(state_rows, at=AT - 300, hooks=[hook("Ethernet0", packets=[9])])
    )
    told = show("watch", "--count", "2")
    assert told.count("  agent not running  ") == 2
    assert told.count("N/A\n\n2026-09-21T14:13:20Z  agent") == 1
    assert "The agent is not running: it last told 5 min ago, and what is shown is of that time" in told
    assert told.splitlines()[-1].split() == ["Ethernet0", "ingress", *["N/A"] * 6]


def test_a_count_that_is_none_is_refused(show: Door) -> None:
    for count in ("0", "-1", "x"):
        assert "--count" in show("watch", "--count", count, fails=True)


class Terminal:
    """``telegen show watch`` on a terminal of its own."""

    def __init__(self, *words: str, term: str = "xterm", size: tuple[int, int] = (24, 80), **env: str) -> None:
        self.master, self.slave = pty.openpty()
        termios.tcsetwinsize(self.slave, size)
        self.before = termios.tcgetattr(self.slave)
        self.seen = b""
        plain = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            ["setsid", "--ctty", "env", "--default-signal=INT", sys.executable, *COMMAND, *words],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            cwd=ROOT,
            env={**plain, "TERM": term, "LC_ALL": "C.UTF-8", **env},
        )

    def wait(self, text: bytes, times: int = 1) -> None:
        """Until the text was seen so many times."""
        deadline = time.monotonic() + 60
        while self.seen.count(text) < times:
            assert time.monotonic() < deadline, self.seen
            if select.select([self.master], [], [], 0.1)[0]:
                self.seen += os.read(self.master, 65536)

    def press(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def end(self) -> tuple[int, bytes]:
        """Exit status and all that was printed; the terminal must be as it was."""
        code = self.process.wait(60)
        while select.select([self.master], [], [], 0)[0]:
            self.seen += os.read(self.master, 65536)
        assert termios.tcgetattr(self.slave) == self.before
        return code, self.seen

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def told(state_rows: RawRedis) -> Iterator[Any]:
    """An agent that has just told, on the machine's own clock."""
    tell(state_rows, at=time.time(), jobs=[RUNNING], hooks=[hook("Ethernet0", packets=[5])])
    opened: list[Terminal] = []

    def start(*words: str, **options: Any) -> Terminal:
        opened.append(Terminal(*words, **options))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()


def test_q_ends_it_and_the_last_picture_stays(told: Any) -> None:
    terminal = told()
    terminal.wait(b"q ends", 2)
    terminal.press(b"xq")
    code, seen = terminal.end()
    assert code == 0
    assert seen.startswith(ENTER + b"\x1b[H")
    painted, _, left = seen.partition(LEAVE)
    assert painted.count(b"\x1b[J") >= 2
    assert b"uplink" in painted
    assert b"uplink" in left
    assert b"\x1b" not in left
    assert b"q ends" not in left


@pytest.mark.parametrize(
    ("harm", "status"), [(lambda t: t.press(b"\x03"), 0), (lambda t: t.process.send_signal(signal.SIGTERM), 143)]
)
def test_whatever_ends_it_the_terminal_is_as_it_was(told: Any, harm: Any, status: int) -> None:
    terminal = told()
    terminal.wait(b"q ends")
    harm(terminal)
    code, seen = terminal.end()
    assert code == status
    assert seen.count(ENTER) == seen.count(LEAVE) == 1
    assert b"Traceback" not in seen


def test_redis_that_goes_away_ends_it_with_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DBInterface, "CONNECT_RETRY_WAIT_TIME", 0.0)
    with RedisServer() as server:
        SonicDBConfig.reset()
        SonicDBConfig.load_sonic_db_config(str(server.config))
        monkeypatch.setattr("time.sleep", lambda seconds: server.stop())
        told = standalone().show.refuses("watch")
    assert told.startswith("STATE_DB cannot be reached: ")


def test_a_small_terminal_gets_what_fits(told: Any) -> None:
    terminal = told("--count", "1", size=(5, 30))
    code, seen = terminal.end()
    painted = seen.partition(LEAVE)[0].removeprefix(ENTER + b"\x1b[H").removesuffix(b"\x1b[J")
    lines = [line.removesuffix(b"\x1b[K").decode() for line in painted.split(b"\r\n")]
    assert code == 0
    assert len(lines) == 5
    assert max(map(len, lines)) <= 30
    assert lines[-1] == "(7 more lines)"


def test_a_dumb_terminal_gets_plain_snapshots_and_still_ends_on_q(told: Any) -> None:
    terminal = told(term="dumb")
    terminal.wait(b"uplink", 2)
    terminal.press(b"q")
    code, seen = terminal.end()
    assert code == 0
    assert b"\x1b" not in seen


def test_a_reader_that_has_seen_enough_gets_no_traceback(state_rows: RawRedis) -> None:
    tell(state_rows, at=time.time())
    command = f"{sys.executable} -m sonic_telegen.cli show watch --json | head -n 1"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert json.loads(done.stdout)["agent"]["pid"] == 4242
    assert done.stderr == ""
