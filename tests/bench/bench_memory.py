"""Resident memory of real agents, by what they are asked for, beside their libraries alone in the same run.

Each agent serves 256 netdevs: idle, with 64 jobs and with 512 jobs, all in both directions, counters that move, and
100 exports in each state. Python's own byte code is compiled before, as the package does when it is installed.
``python -m tests.bench.bench_memory [--json] [--exports N]`` (four minutes)
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from sonic_telegen.demo.receiver import Receiver
from sonic_telegen.telemetry.endpoint import GRPC, HTTP
from sonic_telegen.telemetry.request import MAX_POINTS
from tests.support.box import REPOSITORY, Box, wait_for
from tests.support.net import FRAME

PORTS = [f"Ethernet{n * 4}" for n in range(256)]
LISTEN = "127.0.0.1:8080"
TARGETS_MB = {"HTTP": 45, "HTTP, REST": 60, "gRPC, REST": 70}  # with 64 jobs
_AGENTS: dict[str, tuple[str, str]] = {
    "HTTP": (HTTP, ""),
    "HTTP, REST": (HTTP, LISTEN),
    "gRPC": (GRPC, ""),
    "gRPC, REST": (GRPC, LISTEN),
}
_STATES = {"idle": (0, 10), "64 jobs": (64, 2058), "512 jobs": (512, 12298)}  # jobs, points of one export
_PLAIN = "asyncio, redis, pyroute2"
_EXPORTER = "opentelemetry.exporter.otlp.proto.{}.metric_exporter"
_LIBRARIES = {
    "HTTP": f"{_PLAIN}, {_EXPORTER.format('http')}",
    "HTTP, REST": f"{_PLAIN}, {_EXPORTER.format('http')}, aiohttp.web",
    "gRPC": f"{_PLAIN}, {_EXPORTER.format('grpc')}",
    "gRPC, REST": f"{_PLAIN}, {_EXPORTER.format('grpc')}, aiohttp.web",
}


def memory_mb(pid: int | str) -> dict[str, float]:
    """RSS, PSS and anonymous memory of a process in MB."""
    with open(f"/proc/{pid}/smaps_rollup") as rollup:  # noqa: PTH123  a process that ends meanwhile is an error
        sizes = dict(line.split(":", 1) for line in rollup if ":" in line and line.rstrip().endswith("kB"))
    return {name: int(sizes[name].split()[0]) * 1024 / 1e6 for name in ("Rss", "Pss", "Anonymous")}


def libraries(name: str) -> dict[str, float]:
    """A process that imports what the agent is built on, in the plain way, and does nothing."""
    script = f"import {_LIBRARIES[name]}; print(); input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        process.stdout.readline()
        found = memory_mb(process.pid)
        process.stdin.write(b"\n")
    return found


def agent(name: str, exports: int) -> dict[str, dict[str, float]]:
    """Memory of one agent in each state, after its exports."""
    protocol, listen = _AGENTS[name]
    found = {}
    with Box(PORTS) as box:
        port = box.receiver.grpc_port if protocol == GRPC else box.receiver.http_port
        box.config.hset("TELEGEN|GLOBAL", "max_jobs", "512")
        box.start(
            TELEGEN_LOG_LEVEL="notice",
            TELEGEN_LISTEN=listen,
            OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}",
        )
        for state, (jobs, points) in _STATES.items():
            for number in range(jobs):
                box.job(f"j{number}", port=PORTS[number % len(PORTS)], direction="both")
            wait_for(partial(running, box, jobs), 60)
            for _ in range(exports):
                for busy in PORTS[:jobs]:
                    box.switch.send(busy, [FRAME])
                    box.switch.send_out(busy, [FRAME])
                wanted = box.receiver.attempts - (-points // MAX_POINTS)
                assert box.receiver.wait(partial(received, wanted), 30)
            found[state] = memory_mb(box.pid)
    return found


def running(box: Box, jobs: int) -> bool:
    """All jobs are told running."""
    return box.about("jobs_running") == str(jobs)


def received(wanted: int, receiver: Receiver) -> bool:
    """So many requests came in all."""
    return receiver.attempts >= wanted


def child(*arguments: str) -> str:
    """Standard output of this module run with ``arguments``."""
    command = [sys.executable, "-m", "tests.bench.bench_memory", *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=REPOSITORY).stdout


def main() -> int:
    """Print memory by agent and state, and the ratio to the libraries alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--exports", type=int, default=100)
    parser.add_argument("--one", choices=_AGENTS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps({"libraries": libraries(given.one), **agent(given.one, given.exports)}))
        return 0
    with tempfile.TemporaryDirectory(prefix="telegen-bench-") as compiled, ThreadPoolExecutor() as pool:
        os.environ |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": compiled}
        everything = f"import sonic_telegen.agent, sonic_telegen.rest.facade, {', '.join(_LIBRARIES.values())}"
        subprocess.run([sys.executable, "-c", everything], check=True, cwd=REPOSITORY)
        texts = pool.map(lambda name: child("--one", name, "--exports", str(given.exports)), _AGENTS)
        found = {name: json.loads(text) for name, text in zip(_AGENTS, texts, strict=True)}
    if given.json:
        print(json.dumps(found, indent=2))
        return 0
    print(f"memory in MB, {given.exports} exports in each state: RSS (PSS, anonymous)")
    for name, states in found.items():
        target = f"target {TARGETS_MB[name]} with 64 jobs" if name in TARGETS_MB else ""
        ratio = states["64 jobs"]["Rss"] / states["libraries"]["Rss"]
        print(f"  {name:12} 64 jobs over its libraries alone {ratio:.2f}; {target}")
        for state, sizes in states.items():
            print(f"    {state:12}{sizes['Rss']:7.1f} ({sizes['Pss']:.1f}, {sizes['Anonymous']:.1f})")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
