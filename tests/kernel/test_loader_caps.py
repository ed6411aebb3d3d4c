"""The loader under exactly the capabilities it asks for, and what is said when one of them is missing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.objects import ROOT, bpffs, telegen_object

ALL = ("bpf", "net_admin", "perfmon")

# Load, count, adopt, migrate, repair: everything the agent does with BPF.
LIFE = """
import os, sys
from pathlib import Path
from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.capability import missing
from tests.support.pinned import *
pins, hooks = Path(sys.argv[1]), NoFilters()
key = AccountKey("a", "Ethernet0", IN)
assert missing() == (), missing()
with loaded(pins) as found:
    found.maps.assign_slot(5, 7, "Ethernet0", IN)
    found.maps.open_account(key, "1" * 16, 5)
    libbpf.prog_test_run(found.prog_fd, bytes(60))
    first = found.program
with loaded(pins) as found:
    assert found.program == first
    wire = Wire(pins, (5,))
    wire.attach(pins)
    wire.send()
with loaded(pins, hooks, None, TG_PAD=2) as found:
    (pins / "meta").unlink()
    assert len(found.repair()) == 1
    sample = found.maps.sample()
    print(totals(sample), by_slot(sample), by_account(sample)[key], len(hooks.swapped))
"""


@pytest.fixture
def pins() -> Iterator[Path]:
    with bpffs() as place:
        yield place / "telegen"


def with_caps(caps: tuple[str, ...], code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python as uid 0 with these capabilities and no other: what it may beyond them comes from owning its files."""
    bounding = ",".join(["-all", *(f"+{cap}" for cap in caps)])
    command = ["setpriv", f"--bounding-set={bounding}", "--inh-caps=-all", "--no-new-privs"]
    command += [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_three_capabilities_are_enough(pins: Path) -> None:
    for defines in ({}, {"TG_PAD": 2}):
        telegen_object(**defines)  # compiled here: the child may not write under build/
    done = with_caps(ALL, LIFE, str(pins))
    assert done.stdout == "2 {5: 1} 1 1\n", done.stderr


LOAD = """
import sys
from pathlib import Path
from tests.support.pinned import *
with loaded(Path(sys.argv[1])):
    pass
"""


@pytest.mark.parametrize(
    ("caps", "lacking"), [(("net_admin", "perfmon"), "CAP_BPF"), (("bpf", "net_admin"), "CAP_PERFMON")]
)
def test_a_missing_capability_is_named(pins: Path, caps: tuple[str, ...], lacking: str) -> None:
    telegen_object()
    done = with_caps(caps, LOAD, str(pins))
    if lacking == "CAP_PERFMON" and not done.returncode and "mitigations=off" in Path("/proc/cmdline").read_text():
        pytest.skip("machine: mitigations=off: this kernel's verifier does without CAP_PERFMON")  # since 6.8
    last = done.stderr.splitlines()[-1]
    assert last.startswith("sonic_telegen.errors.PermissionDenied: "), done.stderr
    assert f"(lacking here: {lacking})" in last
    assert not any(pins.iterdir()), "nothing was pinned"


def test_no_capability_at_all_names_all(pins: Path) -> None:
    telegen_object()
    last = with_caps((), LOAD, str(pins)).stderr.splitlines()[-1]
    assert "lacking here: CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON" in last


def test_a_directory_that_cannot_be_written_is_named(pins: Path) -> None:
    pins.mkdir(0o500)
    telegen_object()
    last = with_caps(ALL, LOAD, str(pins)).stderr.splitlines()[-1]
    assert last.startswith("sonic_telegen.errors.PermissionDenied: ")
    assert f"{pins} belongs to uid 0" in last
    pins.chmod(0o700)
