"""The image that `make image` made, unpacked once; a switch, and an OTLP receiver on its loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sonic_telegen.demo.namespace import in_namespace
from sonic_telegen.demo.receiver import Receiver
from sonic_telegen.demo.switch import Switch
from tests.support.box import REPOSITORY
from tests.support.container import Image, unpacked


@pytest.fixture(scope="session")
def image() -> Iterator[Image]:
    found = sorted((REPOSITORY / "build" / "container").glob("telegen-sonic-*.tar.gz"))
    if not found:
        pytest.skip("machine: ls build/container: no image; run make image")
    with unpacked(found[0]) as made:
        yield made


@pytest.fixture
def switch() -> Iterator[Switch]:
    with Switch(("Ethernet0",)) as made:
        yield made


@pytest.fixture
def receiver(switch: Switch) -> Iterator[Receiver]:
    made = Receiver()
    in_namespace(switch.namespace, made.__enter__)
    try:
        yield made
    finally:
        made.__exit__()
