"""rotel into ClickHouse's own engine by the tables and with the environment of contrib/fleet; the queries answer."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sonic_telegen.settings import OtlpSettings
from sonic_telegen.telemetry.otlp import Exporter
from sonic_telegen.telemetry.resource import resource
from sonic_telegen.telemetry.series import HistogramPoint
from tests.support.box import REPOSITORY, wait_for
from tests.support.fleetfiles import FLEET, flags, replaced
from tests.support.pretend import Pretend
from tests.support.rotel import free_port

QUERIES = [one.strip() for one in re.split(r";\s*(?:\n|$)", (FLEET / "clickhouse.sql").read_text()) if one.strip()]
HOSTS = ("leaf1", "leaf2")
BEATS = 3


class Engine:
    """ClickHouse in a process of its own."""

    def __init__(self, folder: Path) -> None:
        python = REPOSITORY / "build" / "fleet" / "bin" / "python"
        self._process = subprocess.Popen(
            [str(python), "-m", "tests.fleet.clickhouse_engine", str(folder)],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        self.url = f"http://127.0.0.1:{self._process.stdout.readline().strip()}"

    def ask(self, query: str) -> list[dict[str, Any]]:
        """Its rows; AssertionError with what the engine says if it refuses."""
        request = urllib.request.Request(self.url, query.encode(), method="POST")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return [json.loads(line) for line in answer.read().splitlines()]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{query}: {error.read().decode()}") from None

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(20)
        if self._process.stdout:
            self._process.stdout.close()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Two switches have exported three times each."""
    with closing(Engine(tmp_path_factory.mktemp("clickhouse"))) as engine:
        for statement in (FLEET / "clickhouse-tables.sql").read_text().split(";\n"):
            if statement.strip():
                engine.ask(statement)
        port, process = gateway(engine)
        try:
            export(port)
            wait_for(lambda: engine.ask(COUNT)[0]["count()"] == len(HOSTS) * BEATS, 30, "rows")
            yield engine
        finally:
            process.terminate()
            process.wait(10)


COUNT = "SELECT count() FROM telegen.otel_metrics_sum WHERE MetricName = 'telegen.agent.passes'"
BEGAN = time.time_ns() - 10**11


def gateway(engine: Engine) -> tuple[int, subprocess.Popen[bytes]]:
    spec = importlib.util.find_spec("rotel")
    assert spec and spec.origin, "rotel is not installed"
    port = free_port()
    here = {
        "ROTEL_OTLP_GRPC_ENDPOINT": f"127.0.0.1:{free_port()}",
        "ROTEL_OTLP_HTTP_ENDPOINT": f"127.0.0.1:{port}",
        "ROTEL_METRICS_BATCH_TIMEOUT": "200ms",
        "ROTEL_CLICKHOUSE_EXPORTER_ENDPOINT": engine.url,
        "ROTEL_CLICKHOUSE_EXPORTER_COMPRESSION": "none",  # the engine here reads what is posted as it is
    }
    lines = replaced(flags((FLEET / "clickhouse.env").read_text()), here)
    process = subprocess.Popen(
        [str(Path(spec.origin).parent / "rotel-agent"), "start"],
        env={**os.environ, **dict(line.split("=", 1) for line in lines)},
        stdout=subprocess.DEVNULL,
    )
    return port, process


def export(port: int) -> None:
    settings = OtlpSettings(endpoint=f"http://127.0.0.1:{port}", protocol="http/protobuf")
    switches = [(Exporter(settings, resource(settings, "1", host)), Pretend(["Ethernet0"], 2, BEGAN)) for host in HOSTS]
    up = [exporter for exporter, _ in switches]
    wait_for(lambda: answers(up[0]), 20, "rotel")
    for beat in range(1, BEATS + 1):
        for exporter, switch in switches:
            exporter.export(switch.metrics(beat, time.time_ns()))
    for exporter in up:
        exporter.close()


def answers(exporter: Exporter) -> bool:
    try:
        exporter.export(())
    except Exception:
        return False
    return True


def test_what_was_exported_is_in_the_tables_value_for_value(engine: Engine) -> None:
    sent = {
        (metric.name, point.time_ns, frozenset((name, str(value)) for name, value in point.attributes)): point.sum
        for metric in Pretend(["Ethernet0"], 2, BEGAN).metrics(BEATS, 1)
        for point in metric.points
        if isinstance(point, HistogramPoint)
    }
    found = engine.ask(
        "SELECT MetricName, Attributes, argMax(Sum, TimeUnix) AS sum FROM telegen.otel_metrics_histogram"
        " WHERE ResourceAttributes['host.name'] = 'leaf1' GROUP BY MetricName, Attributes"
    )
    told = {(one["MetricName"], 1, frozenset(one["Attributes"].items())): int(one["sum"]) for one in found}
    assert told == sent


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: re.sub(r"\n.*", "", query.removeprefix("-- "), flags=re.S))
def test_a_query_of_the_collection_answers(engine: Engine, query: str) -> None:
    soon = query.replace("- INTERVAL 2 MINUTE", "+ INTERVAL 1 MINUTE")  # who fell silent: everybody, at once
    rows = engine.ask(re.sub(r"\b(?=otel_metrics_)", "telegen.", soon))
    assert rows
    assert {row["host"] for row in rows} == set(HOSTS)


def test_bits_a_second_are_what_the_sums_grew_by(engine: Engine) -> None:
    query = next(one for one in QUERIES if "bps" in one)
    rows = engine.ask(re.sub(r"\b(?=otel_metrics_)", "telegen.", query))
    switch = Pretend(["Ethernet0"], 2, BEGAN)
    sums = [
        sum(p.sum for m in switch.metrics(beat, 1) for p in m.points if isinstance(p, HistogramPoint))
        for beat in (1, BEATS)
    ]
    grown = sum(row["bps"] for row in rows if row["host"] == "leaf1") * 60 / 8
    assert round(grown) == sums[1] - sums[0]
