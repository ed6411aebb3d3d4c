"""Real packets pass while the layout changes and the process that changes it is killed: counted = sent, exactly."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sonic_telegen.kernel.loader import load
from sonic_telegen.model.kernel import AccountKey
from sonic_telegen.model.sample import Sample
from tests.support.net import until
from tests.support.objects import ROOT, bpffs, telegen_object
from tests.support.patience import times
from tests.support.pinned import IN, OUT, by_account, by_slot, totals
from tests.support.stream_filter import HOOKS, Filters, Sender, veth_pair

KILLS = times(10)
ACCOUNTS = {5: AccountKey("a", "right", IN), 6: AccountKey("b", "left", OUT)}


@pytest.fixture
def pins() -> Iterator[Path]:
    with bpffs() as place:
        yield place / "telegen"


@pytest.fixture
def namespace() -> Iterator[str]:
    with veth_pair() as name:
        yield name


def begin(pins: Path, namespace: str) -> Filters:
    """Load the first layout, assign both hooks, open their accounts, then attach: nothing was sent yet."""
    filters = Filters(namespace)
    loaded = load(telegen_object(TG_PAD=0), pins, filters)
    for slot, (name, _) in HOOKS.items():
        loaded.maps.assign_slot(slot, slot, name, IN if slot == 5 else OUT)
        loaded.maps.open_account(ACCOUNTS[slot], "1" * 16, slot)
    filters.swap(loaded.prog_fd, {})
    loaded.close()
    return filters


def check(pins: Path, filters: Filters, sent: int, **defines: int) -> None:
    loaded = load(telegen_object(**defines), pins, filters)
    try:
        found: list[Sample] = []

        def arrived() -> bool:
            found[:] = [loaded.maps.sample()]
            return totals(found[0]) >= 2 * sent  # the last ones may be in the receiver's backlog

        until(arrived)
        assert totals(found[0]) == 2 * sent
        assert by_slot(found[0]) == {5: sent, 6: sent}
        assert by_account(found[0]) == {ACCOUNTS[5]: sent, ACCOUNTS[6]: sent}
        assert found[0].interfaces[0].classes[0].bytes == 60 * sent
    finally:
        loaded.close()


def test_there_and_back_under_load(pins: Path, namespace: str) -> None:
    filters = begin(pins, namespace)
    sender = Sender(namespace)
    try:
        for turn in range(10):
            load(telegen_object(TG_PAD=1 + turn % 2), pins, filters).close()
    finally:
        sent = sender.stop()
    assert sent > 1000
    check(pins, filters, sent, TG_PAD=2)


def migrating(pins: Path, namespace: str, pad: int) -> subprocess.Popen[str]:
    """A process that is about to migrate."""
    command = [
        sys.executable,
        "-m",
        "tests.support.stream_filter",
        str(telegen_object(TG_PAD=pad)),
        str(pins),
        namespace,
    ]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_killed_at_random_moments_under_load(pins: Path, namespace: str) -> None:
    """SIGKILL somewhere in the migration, KILLS times in its very middle; each next process goes on from there."""
    rng, filters = random.Random(), begin(pins, namespace)
    sender = Sender(namespace)
    states: list[str] = []
    try:
        with migrating(pins, namespace, 1) as process:
            began = time.monotonic()
            assert process.stdout is not None
            assert process.stdout.readline() == "done\n"
            whole = time.monotonic() - began
        while states.count("half") < KILLS:
            assert len(states) < 10 * KILLS, f"no kill hits a migration of {whole:.3f} s: {states}"
            with migrating(pins, namespace, 1 + len(states) % 2) as process:
                time.sleep(rng.uniform(0, whole))  # the moment itself is what is random here
                process.kill()
                assert process.stdout is not None
                finished = "done" in process.stdout.read()
            begun = (pins / "next").exists()
            states.append("finished" if finished else "half" if begun else "before or after")
    finally:
        sent = sender.stop()
    assert sent > 1000
    check(pins, filters, sent, TG_PAD=2)
