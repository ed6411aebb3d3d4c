"""`make run` as a newcomer uses it: what was sent is what is told, and whatever happens nothing is left behind."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sonic_telegen.demo import leftovers
from sonic_telegen.demo.namespace import RUN
from sonic_telegen.model.sample import CLASSES
from tests.support.net import until

REPOSITORY = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "sonic_telegen.demo"]
MARK = "DEMO_TEST_MARK"
END_SEC = 60.0


class Run:
    """One demo process; ``pid`` is its own, and ``output`` grows as it speaks."""

    def __init__(self, *arguments: str, prefix: tuple[str, ...] = (), tty: int | None = None, **env: str) -> None:
        self.mark = f"{MARK}={secrets.token_hex(8)}"
        name, _, value = self.mark.partition("=")
        self.output = ""
        self.process = subprocess.Popen(
            [*prefix, *COMMAND, *arguments],
            cwd=REPOSITORY,
            env={**os.environ, name: value, **env},
            stdin=subprocess.DEVNULL if tty is None else tty,
            stdout=subprocess.PIPE if tty is None else tty,
            stderr=subprocess.STDOUT if tty is None else tty,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        if self.process.stdout is not None:
            for line in self.process.stdout:
                self.output += line.decode(errors="replace")

    @property
    def name(self) -> str:
        return f"{leftovers.PREFIX}{self.process.pid}"

    def processes(self) -> dict[int, str]:
        """Command lines of all living processes that came out of this demo, itself included."""
        found = {}
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if self.mark.encode() in (path / "environ").read_bytes().split(b"\0"):
                    found[int(path.name)] = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return found

    def agent(self) -> int:
        """Process id of the agent, 0 while there is none."""
        return next((pid for pid, line in self.processes().items() if line.endswith("-m sonic_telegen ")), 0)

    def redis_answers(self) -> bool:
        """Whether its Redis has its socket (what Redis makes of its title may cover the mark in its environment)."""
        return any(Path(tempfile.gettempdir()).glob(f"{self.name}-*/redis/redis.sock"))

    def end(self) -> int:
        """Wait for the end and return the exit status; the output is complete then."""
        code = self.process.wait(END_SEC)
        self._reader.join(5)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def left(self) -> list[str]:
        """Processes, namespaces, mounts and files that should be gone."""
        mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if self.name in line]
        return [*leftovers.of(self.name), *map(str, self.processes().values()), *mounts]


@contextlib.contextmanager
def demo(*arguments: str, **options: str) -> Iterator[Run]:
    """A demo that is running; killed at the end if a test forgot it."""
    run = Run(*arguments, **options)  # type: ignore[arg-type]
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.process.kill()
            run.end()


def spoken(run: Run, word: str) -> Callable[[], bool]:
    return lambda: word in run.output or run.process.poll() is not None


@pytest.mark.parametrize("arguments", [(), ("--otlp", "http", "--ports", "3")], ids=["grpc", "http, three ports"])
def test_all_that_is_sent_is_counted_and_received(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [*COMMAND, "--duration", "3", "--json", "--rate", "400", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=END_SEC,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    *series, job = told["series"]
    assert told["equal"] is True
    assert told["problems"] == []
    ports = 3 if arguments else 2
    assert {(s["port"], s["direction"], s["class"]) for s in series} == {
        (f"Ethernet{4 * n}", way, cls) for n in range(ports) for way in ("ingress", "egress") for cls in CLASSES
    }
    for each in told["series"]:
        assert each["sent"] == each["counted"] == each["received"], each
        assert each["sent"]["packets"] > 0, each
    assert job["sent"]["packets"] == sum(s["sent"]["packets"] for s in series) > 1000
    assert told["job"]["status"] == "running"
    assert told["agent"]["otlp_last_success"] != ""


def test_the_curl_line_that_it_prints_shows_the_job() -> None:
    with demo() as run:
        assert until(spoken(run, "job running"), END_SEC), run.output
        (line,) = re.findall(r"^ *(curl .*)$", run.output, re.MULTILINE)

        def shown() -> str:
            return subprocess.run(line.split(), capture_output=True, check=False, text=True, timeout=END_SEC).stdout

        assert until(lambda: shown() != "", END_SEC), run.output
        jobs = json.loads(shown())["jobs"]
        run.process.send_signal(signal.SIGINT)
        assert run.end() == 0, run.output
    assert [(job["job_id"], job["status"]) for job in jobs] == [("demo", "running")]
    assert run.left() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_a_comparison(number: signal.Signals) -> None:
    with demo() as run:
        assert until(spoken(run, "job running"), END_SEC), run.output
        run.process.send_signal(number)
        assert run.end() == 0, run.output
    assert "equal: all that was sent was counted and received" in run.output
    assert run.left() == []


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(lambda run: (RUN / run.name).exists(), id="first namespace"),
        pytest.param(lambda run: run.redis_answers(), id="redis started"),
        pytest.param(lambda run: run.agent() != 0, id="agent started"),
    ],
)
def test_a_signal_while_it_is_built_leaves_nothing(moment: Callable[[Run], bool]) -> None:
    with demo() as run:
        assert until(lambda: moment(run), END_SEC), run.output
        run.process.send_signal(signal.SIGINT)
        assert run.end() == 130, run.output
    assert "nothing to compare" in run.output
    assert run.left() == []


def test_ctrl_c_in_a_terminal_reaches_the_demo_alone() -> None:
    """The terminal signals the whole foreground group; agent and Redis must still be there for the comparison."""
    master, slave = pty.openpty()
    screen = bytearray()

    def read() -> None:
        with contextlib.suppress(OSError):  # EIO: the last process that held the terminal is gone
            while chunk := os.read(master, 65536):
                screen.extend(chunk)

    try:
        run = Run(prefix=("setsid", "--ctty"), tty=slave, TERM="xterm", COLUMNS="120", LINES="50")
        os.close(slave)
        reader = threading.Thread(target=read)
        reader.start()
        assert until(lambda: b"running" in screen and "█".encode() in screen, END_SEC), bytes(screen)
        os.write(master, b"\x03")
        code = run.end()
        reader.join(5)
    finally:
        os.close(master)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.decode())
    assert code == 0, text
    assert "equal: all that was sent was counted and received" in text
    assert "per second" in text
    assert run.left() == []


def test_an_agent_that_cannot_start_is_told_with_its_log() -> None:
    with demo("--duration", "1", TELEGEN_LOG_LEVEL="loud") as run:
        assert run.end() == 3, run.output
    assert "the agent's log ends:" in run.output
    assert "TELEGEN_LOG_LEVEL" in run.output
    assert "Traceback" not in run.output
    assert run.left() == []


def test_an_agent_that_dies_is_told() -> None:
    with demo() as run:
        assert until(spoken(run, "job running"), END_SEC), run.output
        os.kill(run.agent(), signal.SIGKILL)
        assert run.end() == 3, run.output
    assert "the agent ended with exit status -9" in run.output
    assert run.left() == []


def test_a_killed_demo_takes_its_processes_along_and_the_next_one_sweeps_the_rest() -> None:
    with demo() as run:
        assert until(spoken(run, "job running"), END_SEC), run.output
        run.process.kill()
        run.end()
        assert until(lambda: run.processes() == {}), run.processes()
        assert run.left() != []
        with demo("--duration", "1") as following:
            assert following.end() == 0, following.output
    assert run.left() == []
    assert following.left() == []
