"""One switch with one agent, and the whole chain behind it; a second switch that is only its exports."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import pytest

from sonic_telegen.settings import OtlpSettings
from sonic_telegen.telemetry.otlp import Exporter
from sonic_telegen.telemetry.resource import resource
from tests.fleet.chain import OTLP, SITE_GRPC, SITE_HTTP, Chain
from tests.fleet.programs import Programs, programs
from tests.support.box import Box, wait_for
from tests.support.pretend import Pretend
from tests.support.punt_frames import EXAMPLES
from tests.vm.host import HostError

PORTS = ("Ethernet0", "Ethernet4")
BEATS = 5


class Fleet(NamedTuple):
    """What a test looks at; ``sent`` are frames by port."""

    box: Box
    chain: Chain
    sent: dict[str, int]


@pytest.fixture(scope="session")
def binaries() -> Programs:
    try:
        return programs()
    except HostError as error:
        pytest.skip(f"machine: fetching Debian's prometheus and victoria-metrics: {error}")


@pytest.fixture(scope="module")
def fleet(binaries: Programs) -> Iterator[Fleet]:
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{SITE_GRPC}",
        "OTEL_RESOURCE_ATTRIBUTES": "host.name=leaf1",
    }
    with Box(PORTS, receiver=False, **settings) as box, Chain(box.switch.namespace, binaries) as chain:
        box.start()
        box.job("every", port="all", direction="both")
        box.job("asks", port="Ethernet0", filter="ip", result_detail="flows")
        box.wait_status("every", "running")
        box.wait_status("asks", "running")
        sent = dict.fromkeys(PORTS, 0)
        frames = [frame.ljust(60, b"\0") for frame in EXAMPLES.values()]
        counted = {"host_name": "leaf1", "network_interface_name": "Ethernet4", "network_io_direction": "receive"}
        with contextlib.closing(leaf2(chain)) as exporter:
            for beat in range(1, BEATS + 1):  # the agent exports each second, and a rate needs more than one value
                for number, port in enumerate(PORTS, start=1):
                    sent[port] += box.switch.send(port, frames * (number * 10))
                metrics = _LEAF2.metrics(beat, time.time_ns())
                chain.inside(partial(exporter.export, metrics))
                wait_for(lambda: _sum(chain, "bpf_packets_total", counted) >= sent["Ethernet4"], 20, chain.logs)
        with contextlib.closing(leaf3()) as exporter:
            metrics = _LEAF3.metrics(1, time.time_ns())
            chain.inside(partial(exporter.export, metrics))
        wait_for(lambda: chain.query('telegen_agent_passes_total{host_name="leaf3"}'), 20, chain.logs)
        yield Fleet(box, chain, sent)


_LEAF2 = Pretend(["Ethernet0", "PortChannel1"], 3, time.time_ns() - 10**11)


_LEAF3 = Pretend([f"Ethernet{4 * n}" for n in range(300)], 0, time.time_ns() - 10**11)


def leaf3() -> Exporter:
    """A switch whose one export is more than fits into a batch: through the site's collector."""
    settings = OtlpSettings(endpoint=f"http://127.0.0.1:{SITE_HTTP}", protocol="http/protobuf")
    return Exporter(settings, resource(settings, "1.2.3", "leaf3"))


def leaf2(chain: Chain) -> Exporter:
    """A switch that needs no site collector: over TLS to the gateway."""
    settings = OtlpSettings(
        endpoint=OTLP, protocol="http/protobuf", certificate=str(chain.authority.ca), compression="gzip"
    )
    return Exporter(settings, resource(settings, "1.2.3", "leaf2"))


def _sum(chain: Chain, name: str, labels: dict[str, str]) -> float:
    selector = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return sum(float(one["value"][1]) for one in chain.query(f"{name}{{{selector}}}"))
