"""What only whole processes show: the receiver's command, and that a hanging endpoint does not hold the exit."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from sonic_telegen.demo.receiver import Mode, Receiver
from sonic_telegen.settings import OtlpSettings
from sonic_telegen.telemetry.endpoint import GRPC, HTTP
from sonic_telegen.telemetry.otlp import Exporter
from sonic_telegen.telemetry.series import AgentStats, series
from tests.support.samples import START_NS, reading


def test_the_receiver_s_command_prints_a_line_a_request_and_ends_on_sigterm() -> None:
    metrics = series(reading(1), frozenset(["j1"]), AgentStats(START_NS))
    command = [sys.executable, "-m", "sonic_telegen.demo.receiver", "--grpc", "0", "--http", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        ports = json.loads(process.stdout.readline())
        for protocol, via in ((GRPC, "grpc"), (HTTP, "http")):
            exporter = Exporter(OtlpSettings(endpoint=f"localhost:{ports[via]}", protocol=protocol), {})
            exporter.export(metrics)
            exporter.close()
            line = json.loads(process.stdout.readline())
            assert (line["via"], line["points"]) == (via, sum(len(m.points) for m in metrics))
        process.terminate()
        assert process.wait(5) == 0
        assert process.stderr.read() == ""


@pytest.mark.parametrize("protocol", [GRPC, HTTP])
@pytest.mark.parametrize("mode", [Mode.HANG, Mode.UNAVAILABLE])
def test_the_process_ends_within_a_second_of_stop(protocol: str, mode: Mode) -> None:
    script = """
import sys, threading
from sonic_telegen.settings import OtlpSettings
from sonic_telegen.telemetry.collector import Collector
from sonic_telegen.telemetry.series import AgentStats, series
from tests.support.samples import START_NS, reading
settings = OtlpSettings(endpoint=sys.argv[1], protocol=sys.argv[2], interval_sec=0.05, timeout_sec=30.0)
collector = Collector(
    settings, lambda s: {}, lambda: reading(1), lambda s: series(s, frozenset(["j1"]), AgentStats(START_NS))
)
thread = threading.Thread(target=collector.run)
thread.start()
sys.stdin.readline()
collector.stop()
thread.join()
"""
    with Receiver() as receiver:
        receiver.mode = mode
        port = receiver.grpc_port if protocol == GRPC else receiver.http_port
        command = [sys.executable, "-c", script, f"localhost:{port}", protocol]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdin
            assert process.stderr
            assert receiver.wait(lambda r: r.attempts >= 1)
            began = time.monotonic()
            process.stdin.write("end\n")
            process.stdin.flush()
            assert process.wait(10) == 0
            assert time.monotonic() - began < 1.5
            assert "Traceback" not in process.stderr.read()
