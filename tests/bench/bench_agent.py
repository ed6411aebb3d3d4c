"""The whole agent on a whole switch: time from a row to a seen filter, start-up, memory, and what idling costs.

``python -m tests.bench.bench_agent [--quick] [--json]``. Beside the attach times stands the same work done by forking
``tc``, in the same run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.support.box import REPOSITORY, Box, wait_for

TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident_mib(pid: int) -> float:
    """Resident memory in MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def tc(box: Box, words: str) -> None:
    """Fork ``tc`` once in the switch's namespace."""
    subprocess.run(
        ["nsenter", f"--net=/run/netns/{box.switch.namespace}", "tc", *words.split()], check=True, capture_output=True
    )


@contextlib.contextmanager
def running_event(box: Box, job: str) -> Iterator[Callable[[], None]]:
    """Yields a wait for the event that the job was told running; a busy loop would take a core from the agent."""
    key = f"TELEGEN_JOB_TABLE|{job}"
    connection: Any = box.state
    events = connection.pubsub()
    events.psubscribe(f"__keyspace@6__:{key}")
    events.get_message(timeout=5)  # the confirmation

    def wait() -> None:
        while box.state.hget(key, "status") != "running":
            events.get_message(timeout=1)

    try:
        yield wait
    finally:
        events.close()


def one_job(rounds: int) -> dict[str, float]:
    """Row written to `running` told, one job on one port, and the same filter by two forks and one look by a third."""
    took, forked = [], []
    with Box(("Ethernet0",), OTEL_METRIC_EXPORT_INTERVAL="10000") as box:
        box.start(TELEGEN_LOG_LEVEL="notice")
        box.job("warm", port="Ethernet0")
        box.wait_status("warm", "running")
        box.delete("warm")
        for _ in range(rounds):
            with running_event(box, "one") as wait:
                began = time.perf_counter()
                box.job("one", port="Ethernet0")
                wait()
                took.append((time.perf_counter() - began) * 1000)
            box.delete("one")
            box.wait_status("one", "stopped")
        for _ in range(rounds):
            began = time.perf_counter()
            tc(box, "qdisc add dev Ethernet0 ingress")
            tc(box, f"filter add dev Ethernet0 ingress prio 3 handle 1 bpf da pinned {box.pins / 'prog'}")
            tc(box, "filter show dev Ethernet0 ingress")
            forked.append((time.perf_counter() - began) * 1000)
            tc(box, "qdisc del dev Ethernet0 ingress")
    took.sort()
    return {
        "row_to_running_median_ms": statistics.median(took),
        "row_to_running_p99_ms": took[int(len(took) * 0.99) - 1],
        "forked_tc_median_ms": statistics.median(forked),
    }


def many_jobs(ports: int) -> dict[str, float]:
    """Two jobs on each of many ports written at once, until all are told running; and three forks a port beside it."""
    names = [f"Ethernet{n * 4}" for n in range(ports)]
    with Box(names, OTEL_METRIC_EXPORT_INTERVAL="10000") as box:
        box.config.hset("TELEGEN|GLOBAL", "max_jobs", "512")
        box.start(TELEGEN_LOG_LEVEL="notice")
        before = resident_mib(box.pid)
        began = time.perf_counter()
        with box.config.pipeline(transaction=False) as pipe:
            for name in names:
                for way in ("ingress", "egress"):
                    pipe.hset(f"TELEGEN_JOB|{name}-{way}", mapping={"port": name, "direction": way})
            pipe.execute()
        wait_for(lambda: box.about("jobs_running") == str(ports * 2), 60)
        took = time.perf_counter() - began
        after = resident_mib(box.pid)
        with box.config.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.delete(f"TELEGEN_JOB|{name}-ingress", f"TELEGEN_JOB|{name}-egress")
            pipe.execute()
        wait_for(lambda: box.about("jobs_running") == "0", 60)
        wait_for(lambda: not box.state.exists(f"TELEGEN_INTERFACE_TABLE|{names[-1]}|egress"), 60)
        began = time.perf_counter()
        for name in names:
            tc(box, f"qdisc add dev {name} clsact")
            for way in ("ingress", "egress"):
                tc(box, f"filter add dev {name} {way} prio 3 handle 1 bpf da pinned {box.pins / 'prog'}")
        forked = time.perf_counter() - began
    return {
        "jobs": ports * 2,
        "all_running_s": took,
        "forked_tc_s": forked,
        "forked_over_agent": forked / took,
        "rss_before_mib": before,
        "rss_after_mib": after,
    }


def start_up() -> dict[str, float]:
    """Process start to `running` with the row there already; the second start adopts."""
    found = {}
    with Box(("Ethernet0",)) as box:
        box.job("a", port="Ethernet0")
        for name in ("first_attach_s", "adopt_s"):
            box.state.flushdb()
            with running_event(box, "a") as wait:
                began = time.perf_counter()
                box.start(wait=False, TELEGEN_LOG_LEVEL="notice")
                wait()
                found[name] = time.perf_counter() - began
            box.kill()
    return found


def idle(ports: int, seconds: float) -> dict[str, float]:
    """CPU of an agent that has programs on every port in both directions and nothing to do, at a 10 s export."""
    with Box([f"Ethernet{n * 4}" for n in range(ports)], OTEL_METRIC_EXPORT_INTERVAL="10000") as box:
        box.start(TELEGEN_LOG_LEVEL="notice")
        box.job("a", port="all", direction="both")
        box.wait_status("a", "running", 60)
        wait_for(lambda: box.about("otlp_last_success") != "", 30)
        for port in box.switch.ports:
            box.switch.send(port, [b"\xff" * 12 + b"\x08\x00\x45" + bytes(45)] * 3)
        wait_for(lambda: box.told("a")["packets"] == str(3 * ports), 30)
        began, used = time.perf_counter(), cpu_seconds(box.pid)
        time.sleep(seconds)
        share = (cpu_seconds(box.pid) - used) / (time.perf_counter() - began)
        return {"netdevs": ports, "cpu_percent": share * 100, "rss_mib": resident_mib(box.pid)}


def imports() -> dict[str, float]:
    """Resident MiB of fresh processes after each step of importing the agent."""
    steps = {
        "python": "pass",
        "+ redis": "import sonic_telegen.db.store",
        "+ pyroute2": "import sonic_telegen.db.store, sonic_telegen.kernel.apply",
        "+ agent": "import sonic_telegen.agent",
        "+ OTLP/gRPC exporter": "import sonic_telegen.agent, opentelemetry.exporter.otlp.proto.grpc.metric_exporter",
        "+ OTLP/HTTP exporter": "import sonic_telegen.agent, opentelemetry.exporter.otlp.proto.http.metric_exporter",
    }
    tail = "; import os; print(int(open('/proc/self/statm').read().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 2**20)"
    return {
        name: float(
            subprocess.run(
                [sys.executable, "-c", code + tail], capture_output=True, text=True, check=True, cwd=REPOSITORY
            ).stdout
        )
        for name, code in steps.items()
    }


def main() -> int:
    """Run everything and print figures beside their targets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, shorter idling")
    given = parser.parse_args()
    found: dict[str, Any] = {
        "one job": one_job(30 if given.quick else 200),
        "512 jobs on 256 netdevs": many_jobs(256),
        "start-up": start_up(),
        "idle, 64 netdevs": idle(64, 20 if given.quick else 120),
        "idle, 512 netdevs": idle(512, 20 if given.quick else 120),
        "RSS by import (MiB)": imports(),
    }
    if given.json:
        print(json.dumps(found, indent=2))
        return 0
    targets = {
        "row_to_running_p99_ms": "target 20",
        "all_running_s": "target 2",
        "first_attach_s": "target 1",
        "cpu_percent": "target 0.5 at 64, 2 at 512 netdevs",
    }
    for title, figures in found.items():
        print(title)
        for name, value in figures.items():
            print(f"  {name:28} {value:10.2f}  {targets.get(name, '')}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
