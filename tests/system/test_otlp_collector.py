"""The collector: an endpoint that is down, slow, hangs or answers errors delays neither a reading nor the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from sonic_telegen.demo.receiver import Mode, Receiver
from sonic_telegen.errors import KernelError
from sonic_telegen.log import NOTICE
from sonic_telegen.model.sample import Sample
from sonic_telegen.settings import OtlpSettings
from sonic_telegen.telemetry.collector import Collector, resident_bytes
from sonic_telegen.telemetry.endpoint import GRPC, HTTP
from sonic_telegen.telemetry.series import AgentStats, Metric, series
from tests.support.net import until
from tests.support.samples import START_NS, reading

BOTH = pytest.mark.parametrize("protocol", [GRPC, HTTP])
BEAT = 0.05


class Maps:
    """Counters that grow with every reading; ``broken`` makes the next ones fail."""

    def __init__(self) -> None:
        self.readings: list[float] = []
        self.broken = False

    def read(self) -> Sample:
        if self.broken:
            raise KernelError("read", "if_stats_percpu", 5, "Input/output error")
        self.readings.append(time.monotonic())
        return reading(len(self.readings))


class Running:
    """A collector in its thread, reading ``maps``; ``samples`` is what on_sample was told."""

    def __init__(self, settings: OtlpSettings) -> None:
        self.maps = Maps()
        self.samples: list[Sample] = []
        self.failed: list[BaseException] = []
        self.collector = Collector(
            settings, lambda s: {"service.name": s.service_name}, self.maps.read, self.measure, self.samples.append
        )
        self.thread = threading.Thread(target=self._run)

    def measure(self, sample: Sample) -> tuple[Metric, ...]:
        return series(sample, frozenset(["j1"]), AgentStats(START_NS, export_failures=self.collector.export.failures))

    def _run(self) -> None:
        try:
            self.collector.run()
        except BaseException as error:
            self.failed.append(error)

    def __enter__(self) -> Running:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.collector.stop()
        self.thread.join(5)
        assert not self.thread.is_alive()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running
    assert running.received.violations == []


def settings_for(receiver: Receiver, protocol: str = GRPC, **more: object) -> OtlpSettings:
    port = receiver.grpc_port if protocol == GRPC else receiver.http_port
    merged = {"interval_sec": BEAT, "timeout_sec": 5.0, **more}
    return OtlpSettings(endpoint=f"localhost:{port}", protocol=protocol, **merged)  # type: ignore[arg-type]


def packets(receiver: Receiver) -> int:
    """Sum of bpf.packets over all series, as last received."""
    return sum(
        v.value for (name, _), v in receiver.latest().items() if name == "bpf.packets" and isinstance(v.value, int)
    )


def packets_of(sample: Sample) -> int:
    return sum(c.packets for hook in sample.interfaces for c in hook.classes)


@BOTH
def test_readings_arrive_and_the_last_one_too(receiver: Receiver, protocol: str) -> None:
    with Running(settings_for(receiver, protocol, interval_sec=60.0)) as running:
        assert receiver.wait(lambda r: len(r.requests) == 1)
        assert until(lambda: running.collector.export.last_success_ns > 0)
        first = running.samples[0]
        assert running.collector.latest is first
        assert packets(receiver) == packets_of(first)
    assert len(running.samples) == 2, "what was counted since the last beat is read at the end"
    assert packets(receiver) == packets_of(running.samples[1])
    assert running.collector.export.endpoint.startswith("http://localhost:")
    assert running.failed == []


@BOTH
@pytest.mark.parametrize("mode", [Mode.HANG, Mode.UNAVAILABLE, Mode.ERROR, Mode.EXHAUSTED, Mode.SLOW, Mode.PARTIAL])
def test_a_bad_endpoint_delays_neither_readings_nor_the_end(receiver: Receiver, protocol: str, mode: Mode) -> None:
    receiver.mode = mode
    with Running(settings_for(receiver, protocol)) as running:
        assert receiver.wait(lambda r: r.attempts >= 1)
        had = len(running.maps.readings)
        assert until(lambda: len(running.maps.readings) >= had + 20)
        gaps = [b - a for a, b in zip(running.maps.readings[had:], running.maps.readings[had + 1 :], strict=False)]
        assert sorted(gaps)[len(gaps) // 2] < 3 * BEAT
        assert max(gaps) < 1.0
        began = time.monotonic()
        running.collector.stop()
        assert time.monotonic() - began < 1.0
        running.thread.join(1.0)
        assert not running.thread.is_alive()


@BOTH
def test_down_is_told_and_the_sums_are_whole_when_it_is_back(protocol: str) -> None:
    with Receiver() as early:
        settings = settings_for(early, protocol, timeout_sec=0.5)
        with Running(settings) as running:
            assert until(lambda: running.collector.export.last_success_ns > 0)
            before = early.latest()
            early.__exit__()
            assert until(lambda: running.collector.export.failures >= 2)
            assert "refused" in running.collector.export.last_error
            read_while_down = len(running.maps.readings)
            port = int(settings.endpoint.partition(":")[2])
            with Receiver(*((port, None) if protocol == GRPC else (None, port))) as late:
                assert late.wait(lambda r: len(r.requests) >= 2)
                assert until(lambda: running.collector.export.last_error == "")
                after = late.latest()
                running.collector.stop()
                running.thread.join(5)
                assert packets(late) == packets_of(running.samples[-1])
    assert len(running.samples) > read_while_down
    for key, value in before.items():
        if key[0].startswith(("bpf.", "telegen.job.")):
            assert after[key].start_ns == value.start_ns, "an outage is no reset"
            assert after[key].time_ns > value.time_ns
    failures = after["telegen.agent.export.failures", frozenset()].value
    assert isinstance(failures, int)
    assert failures >= 2


def test_the_mailbox_holds_one_reading(receiver: Receiver) -> None:
    receiver.mode = Mode.HANG
    with Running(settings_for(receiver)) as running:
        assert receiver.wait(lambda r: r.attempts == 1)
        assert until(lambda: len(running.maps.readings) >= 15)
        receiver.mode = Mode.OK
        assert receiver.wait(lambda r: len(r.requests) >= 2)
        newest = max(value.time_ns for value in receiver.latest().values())
    skipped = [s for s in running.samples if s.time_ns < newest]
    assert len(skipped) >= 10
    assert len(receiver.requests) < len(running.samples) - 5, "missed readings are not sent one by one"


def test_a_reading_that_fails_is_counted_and_the_next_one_is_whole(receiver: Receiver) -> None:
    with Running(settings_for(receiver)) as running:
        assert until(lambda: running.collector.latest is not None)
        running.maps.broken = True
        assert until(lambda: running.collector.map_read_failures >= 3)
        kept = running.collector.latest
        assert kept is running.samples[-1]
        assert "if_stats_percpu: Input/output error" in running.collector.read_error
        running.maps.broken = False
        assert until(lambda: running.collector.latest is not kept)
        assert running.collector.read_error == ""
    assert running.failed == []


def test_an_error_that_nobody_foresaw_ends_run_loudly(receiver: Receiver) -> None:
    running = Running(settings_for(receiver))
    running.collector._read = lambda: reading(1 // 0)
    with running:
        running.thread.join(5)
        assert isinstance(running.failed[0], ZeroDivisionError)


def test_trigger_reads_now(receiver: Receiver) -> None:
    with Running(settings_for(receiver, interval_sec=60.0)) as running:
        assert until(lambda: len(running.samples) == 1)
        running.collector.trigger()
        assert until(lambda: len(running.samples) == 2)
        assert receiver.wait(lambda r: packets(r) == packets_of(running.samples[1]))


@BOTH
def test_reconfigure_moves_to_another_endpoint_while_the_old_one_hangs(receiver: Receiver, protocol: str) -> None:
    receiver.mode = Mode.HANG
    other = HTTP if protocol == GRPC else GRPC
    with Receiver() as second, Running(settings_for(receiver, protocol, interval_sec=60.0)) as running:
        assert receiver.wait(lambda r: r.attempts == 1)
        began = time.monotonic()
        there = settings_for(second, other, interval_sec=60.0)
        running.collector.reconfigure(there)
        assert time.monotonic() - began < 0.5
        assert second.wait(lambda r: len(r.requests) == 1), "the new endpoint is told at once"
        assert packets(second) == packets_of(running.samples[1])
        assert running.collector.export.endpoint.removesuffix("/v1/metrics") == f"http://{there.endpoint}"
        receiver.mode = Mode.ERROR
    assert running.collector.export.last_error == "", "what the old endpoint answers no longer counts"


@BOTH
def test_a_new_exporter_to_the_same_receiver_overtakes_nothing(receiver: Receiver, protocol: str) -> None:
    receiver.mode, receiver.delay = Mode.SLOW, 0.5
    settings = settings_for(receiver, protocol, interval_sec=60.0)
    with Running(settings) as running:
        assert receiver.wait(lambda r: r.attempts == 1)
        for name in ("first", "second", "third"):
            running.collector.reconfigure(replace(settings, service_name=name))
        assert until(lambda: len(running.samples) >= 2)
        assert receiver.attempts == 1, "the first export is still on its way"
        receiver.mode = Mode.OK
        assert receiver.wait(lambda r: len(r.requests) >= 2)
        told = [request.resource["service.name"] for request in receiver.requests]
        assert told == [settings.service_name, "third"]
        assert packets(receiver) == packets_of(running.samples[-1])


@BOTH
def test_a_receiver_that_hangs_holds_its_next_exporter_for_the_timeout_only(receiver: Receiver, protocol: str) -> None:
    receiver.mode = Mode.HANG
    settings = settings_for(receiver, protocol, interval_sec=60.0, timeout_sec=0.5)
    with Running(settings) as running:
        assert receiver.wait(lambda r: r.attempts == 1)
        running.collector.reconfigure(settings, reload=True)
        assert receiver.wait(lambda r: r.attempts >= 2)


def test_a_malformed_endpoint_stops_exporting_only_and_is_told(receiver: Receiver) -> None:
    good = settings_for(receiver)
    with Running(replace(good, endpoint="localhost:port")) as running:
        assert until(lambda: len(running.samples) >= 3)
        state = running.collector.export
        assert "otlp_endpoint='localhost:port'" in state.config_error
        assert state.endpoint == "localhost:port"
        running.collector.reconfigure(good)
        assert receiver.wait(lambda r: len(r.requests) >= 1)
        assert running.collector.export.config_error == ""
        running.collector.reconfigure(replace(good, endpoint="https://localhost:1", certificate="/absent.pem"))
        assert until(lambda: "otlp_certificate='/absent.pem'" in running.collector.export.config_error)
        had = len(running.samples)
        assert until(lambda: len(running.samples) > had)


def test_a_new_interval_holds_at_once_and_keeps_the_exporter(receiver: Receiver) -> None:
    slow = settings_for(receiver, interval_sec=60.0)
    with Running(slow) as running:
        assert until(lambda: running.collector.export.last_success_ns > 0)
        kept = running.collector._sender
        running.collector.reconfigure(replace(slow, interval_sec=BEAT))
        assert until(lambda: len(running.samples) >= 5)
        assert running.collector._sender is kept
        running.collector.reconfigure(replace(slow, interval_sec=BEAT), reload=True)
        assert running.collector._sender is not kept


def test_stop_before_run_and_twice(receiver: Receiver) -> None:
    running = Running(settings_for(receiver))
    running.collector.stop()
    running.collector.run()
    assert running.samples == []
    running.collector.stop()


def test_one_line_when_it_breaks_and_one_when_it_works_again(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(NOTICE, "telegen"), Running(settings_for(receiver)) as running:
        assert until(lambda: running.collector.export.last_success_ns > 0)
        receiver.mode = Mode.ERROR
        assert until(lambda: running.collector.export.failures >= 5)
        receiver.mode = Mode.OK
        assert until(lambda: running.collector.export.last_error == "")
    assert [r.getMessage() for r in caplog.records] == [
        "exporting",
        "export failed; the next one carries the same sums",
        "exporting",
    ]


def test_resident_bytes_is_this_process() -> None:
    size = resident_bytes()
    assert 10_000_000 < size < 2_000_000_000
