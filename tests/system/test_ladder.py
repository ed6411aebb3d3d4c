"""An agent whose object is lost compiles its programs on the box: it counts, says how that came about, stays small."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.box import REPOSITORY, Box, wait_for
from tests.support.net import FRAME
from tests.support.patience import SLOWER, allowed
from tests.support.rungs import BIG

LOST = "/nonexistent/telegen.bpf.o"
TOLD = f"the object did not load (open BPF object on {LOST}: No such file or directory): compiled here from "


@pytest.fixture
def box() -> Iterator[Box]:
    with Box(receiver=False) as made:
        yield made


def show(box: Box, *words: str) -> str:
    """What ``telegen show`` prints in the agent's namespace."""
    where = ["nsenter", f"--net=/run/netns/{box.switch.namespace}"]
    return subprocess.run(
        [*where, sys.executable, "-m", "sonic_telegen.cli", "show", *words],
        env={**os.environ, **box.environment},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=allowed(60),
        check=False,
    ).stdout


def peak(box: Box) -> int:
    """KiB of memory that the agent had at most."""
    status = Path(f"/proc/{box.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))


def count(box: Box, frames: int) -> None:
    """Send, and wait until the job has counted so many in all."""
    sent = int(box.told("a").get("packets") or 0)
    box.switch.send("Ethernet0", [FRAME] * frames)
    wait_for(lambda: int(box.told("a").get("packets") or 0) == sent + frames, 10, lambda: str(box.told("a")))


def test_the_last_rung_counts_on_and_is_told_everywhere(box: Box) -> None:
    box.job("a", port="Ethernet0", direction="ingress")
    box.start()
    box.wait_status("a", "running")
    count(box, 5)
    assert (box.about("loader"), box.about("loader_reason")) == ("core", "")
    usual = peak(box)
    box.kill()
    box.start(TELEGEN_BPF_OBJ=LOST)
    wait_for(lambda: box.about("loader") == "bcc", 30, box.log)
    assert box.about("loader_reason").startswith(TOLD)
    assert box.wait_status("a", "running")["packets"] == "5"
    count(box, 7)
    box.job("flows", port="Ethernet0", direction="ingress", result_detail="flows")
    box.wait_status("flows", "running")
    assert not BIG.search(Path(f"/proc/{box.pid}/maps").read_text()), "the compiler is in the agent"
    assert peak(box) < usual + (15_000 if SLOWER == 1 else 30_000), "KiB; the compiler takes 118,000"
    shown = show(box)
    assert "loader bcc, attached by" in shown
    assert re.search(f"^Loader +{re.escape(TOLD)}", shown, re.MULTILINE)
    assert f"the programs were loaded as bcc: {TOLD}" in show(box, "doctor", "Ethernet0")
    box.kill()
    box.start()
    wait_for(lambda: box.about("loader") == "core", 20, box.log)
    count(box, 3)
    assert box.told("a")["packets"] == "15"
