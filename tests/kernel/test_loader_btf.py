"""The ladder's second rung: an object that relocates, on a kernel that shows no types, with a file of types."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sonic_telegen.kernel.loader import load
from tests.support.objects import ROOT, bpffs
from tests.support.pinned import NoFilters, totals
from tests.support.relocating import relocating

LOAD = """
import sys
from sonic_telegen.kernel import libbpf
from tests.support.pinned import *
found = load(sys.argv[1], sys.argv[2], NoFilters(), btf_path=sys.argv[3] if len(sys.argv) > 3 else None)
assert libbpf.prog_test_run(found.prog_fd, bytes(60)).retval == 0xffffffff
print(found.loader, totals(found.maps.sample()))
"""


@pytest.fixture
def pins() -> Iterator[Path]:
    with bpffs() as place:
        yield place / "telegen"


def without_kernel_btf(*arguments: str) -> subprocess.CompletedProcess[str]:
    hide = 'mount -t tmpfs none /sys/kernel/btf && exec "$@"'
    command = ["unshare", "--mount", "sh", "-ec", hide, "sh", sys.executable, "-c", LOAD, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_file_stands_in_for_the_kernels_types(pins: Path, tmp_path: Path) -> None:
    types = tmp_path / "vmlinux.btf"
    types.write_bytes(Path("/sys/kernel/btf/vmlinux").read_bytes())
    refused = without_kernel_btf(relocating(), str(pins))
    assert "sonic_telegen.errors.NotSupported: " in refused.stderr
    assert "set TELEGEN_BTF_PATH" in refused.stderr
    assert not any(pins.iterdir())
    assert without_kernel_btf(relocating(), str(pins), str(types)).stdout == "core-btf-file 1\n"


def test_the_kernels_own_types_come_first(pins: Path, tmp_path: Path) -> None:
    """A stale or broken TELEGEN_BTF_PATH must not stop a kernel that needs none."""
    (tmp_path / "broken.btf").write_text("no types")
    found = load(relocating(), pins, NoFilters(), btf_path=str(tmp_path / "broken.btf"))
    assert (found.loader, totals(found.maps.sample())) == ("core", 0)
    found.close()
