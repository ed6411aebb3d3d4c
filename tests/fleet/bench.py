"""How many switches one collector carries: exports made by the agent's code, sent to the chain of contrib/fleet.

Each switch sends one export a round, as fast as the site collector takes them, and the round is over when Prometheus
has the last value of each: nothing counts that did not arrive. CPU time is that of each program alone, so it does not
depend on what else the machine does; beside it what an agent needs to make and send such an export.
``make bench-fleet ARGS='--switches 50 --ports 32 --rounds 6'``
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from sonic_telegen.demo.switch import Switch
from sonic_telegen.settings import OtlpSettings
from sonic_telegen.telemetry.otlp import Exporter
from sonic_telegen.telemetry.resource import resource
from sonic_telegen.telemetry.series import HistogramPoint
from tests.fleet.chain import SITE_GRPC, SITE_HTTP, Chain
from tests.fleet.programs import programs
from tests.support.box import wait_for
from tests.support.pretend import Pretend

INTERVAL_SEC = 10  # the agent's default
STAGES = {
    "site": "rotel: OTLP in, batches, OTLP out over TLS",
    "gateway": "vmagent: OTLP in, remote write out over TLS",
}
STAGES["prometheus"] = "Prometheus: remote write in, stored"


@dataclass
class Stage:
    """One program: ms of CPU an export, switches that a core carries at an export every ``INTERVAL_SEC``, RSS in MB."""

    cpu_ms: float
    switches_a_core: int
    rss_mb: float


@dataclass
class Result:
    """``agent_ms`` is an agent's own CPU time for one export; ``bytes`` its size on the wire, uncompressed."""

    switches: int
    exports: int
    points: int
    series: int
    bytes: int
    agent_ms: float
    seconds: float
    stages: dict[str, Stage]


class Fleet:
    """Switches that are only their exports, one after the other on the same connection each."""

    def __init__(self, switches: int, ports: int, flows: int, protocol: str) -> None:
        netdevs = [f"Ethernet{4 * n}" for n in range(ports)]
        began = time.time_ns() - 10**11
        port = SITE_GRPC if protocol == "grpc" else SITE_HTTP
        settings = OtlpSettings(endpoint=f"http://127.0.0.1:{port}", protocol=protocol, timeout_sec=20.0)
        hosts = [f"leaf{n}" for n in range(switches)]
        self._exporters = [Exporter(settings, resource(settings, "0.1.0", host)) for host in hosts]
        self._switches = [Pretend(netdevs, flows, began) for _ in hosts]
        self.cpu_seconds = 0.0
        first = Pretend(netdevs, flows, began).metrics(1, time.time_ns())
        self.points = sum(len(metric.points) for metric in first)
        self.series = sum(
            len(p.buckets) + 2 if isinstance(p, HistogramPoint) else 1 for metric in first for p in metric.points
        )

    def send(self, beat: int) -> None:
        """One export of each; only making and sending them is counted, not making up what was read."""
        for exporter, switch in zip(self._exporters, self._switches, strict=True):
            metrics = switch.metrics(beat, time.time_ns())
            began = time.process_time()
            exporter.export(metrics)
            self.cpu_seconds += time.process_time() - began

    def bytes(self) -> int:
        """Of one export."""
        return sum(batch.request.ByteSize() for batch in self._exporters[0]._requests._kept)

    def close(self) -> None:
        """End the connections."""
        for exporter in self._exporters:
            exporter.close()


def measure(switches: int, ports: int, flows: int, rounds: int, protocol: str) -> Result:
    """One round that is not counted, in which all series begin, then ``rounds``."""
    with ExitStack() as stack:
        switch = stack.enter_context(Switch(("Ethernet0",)))
        chain = stack.enter_context(Chain(switch.namespace, programs()))
        fleet = chain.inside(lambda: Fleet(switches, ports, flows, protocol))  # gRPC's threads stay there
        stack.callback(fleet.close)
        _round(chain, fleet, 1, switches)
        fleet.cpu_seconds = 0.0
        before, began = {name: _cpu(pid) for name, pid in chain.pids.items()}, time.monotonic()
        for beat in range(2, rounds + 2):
            _round(chain, fleet, beat, switches)
        seconds, exports = time.monotonic() - began, switches * rounds
        stages = {}
        for name, pid in chain.pids.items():
            each = (_cpu(pid) - before[name]) / exports
            stages[name] = Stage(each * 1000, int(INTERVAL_SEC / each), _rss(pid))
        told = chain.query('count({__name__=~".+", host_name=~"leaf.+"})')
        assert int(told[0]["value"][1]) == switches * fleet.series, (told, switches * fleet.series)
        agent = fleet.cpu_seconds / exports * 1000
        return Result(switches, exports, fleet.points, fleet.series, fleet.bytes(), agent, seconds, stages)


def _round(chain: Chain, fleet: Fleet, beat: int, switches: int) -> None:
    chain.inside(lambda: fleet.send(beat))

    def arrived() -> bool:
        time.sleep(0.5)  # asking costs Prometheus too
        found = chain.query(f"count(telegen_agent_passes_total == {beat})")
        return bool(found) and int(found[0]["value"][1]) == switches

    wait_for(arrived, 120, chain.logs)


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def show(found: Result, protocol: str) -> None:
    """A table."""
    print(
        f"{found.switches} switches, {found.exports} exports over {protocol} in {found.seconds:.1f} s; each"
        f" {found.points} points, {found.series} series in Prometheus, {found.bytes / 1000:.0f} kB"
    )
    print(f"  {'':48}{'CPU ms':>8}{'of an agent':>13}{'switches a core':>17}{'RSS MB':>8}")
    print(f"  {'the agent itself: encode, send':48}{found.agent_ms:8.2f}{1:13.2f}")
    for name in STAGES:
        stage = found.stages[name]
        ratio = stage.cpu_ms / found.agent_ms
        print(f"  {STAGES[name]:48}{stage.cpu_ms:8.2f}{ratio:13.2f}{stage.switches_a_core:17}{stage.rss_mb:8.0f}")
    print(f"  at an export every {INTERVAL_SEC} s; every series of every switch was found in Prometheus")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--switches", type=int, default=50)
    parser.add_argument("--ports", type=int, default=32)
    parser.add_argument("--flows", type=int, default=0, help="flows that a second job of each switch exports")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--protocol", choices=("grpc", "http/protobuf"), default="grpc")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = measure(given.switches, given.ports, given.flows, given.rounds, given.protocol)
    if given.json:
        print(json.dumps(asdict(found), indent=2))
    else:
        show(found, given.protocol)
    return 0


if __name__ == "__main__":
    sys.exit(main())
