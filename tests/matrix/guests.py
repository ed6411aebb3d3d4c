"""The kernel matrix as one process beside the tests of this machine: which tests, started once, awaited at the end."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.vm.suite import LACKING, Run, recall

ROOT = Path(__file__).parents[2]
_WANTED = ("erspan*", "decap*", "agent", "verifier")
_FILES = [str(path.relative_to(ROOT)) for name in _WANTED for path in sorted(ROOT.glob(f"tests/vm/test_vm_{name}.py"))]
_AS_ROOT = re.compile(r"[-\[]root\]$")  # a switch has the packaged agent; `make test-vm` runs it as root too
# the tests that are running have the CPUs first; the suite dies with us, and its guests with it
_BESIDE = ("setpriv", "--pdeathsig", "TERM", "nice", "-n", "5")


@cache
def selected() -> dict[str, str]:
    """The guests' tests: name as ``Run.outcomes`` has it, to pytest's own."""
    collect = [sys.executable, "-m", "pytest", "--collect-only", "-q", *_FILES]
    listed = subprocess.run(collect, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    nodes = [line for line in listed.splitlines() if "::" in line and not _AS_ROOT.search(line)]
    return {f"{Path(file).stem}::{test}": f"{file}::{test}" for file, test in (node.split("::", 1) for node in nodes)}


class Guests:
    """All kernels, one after the other, from when this is made; ``out`` is the folder of their results."""

    def __init__(self) -> None:
        self.out = ROOT / "build" / "vm"
        self.out.mkdir(parents=True, exist_ok=True)
        self._said = self.out / "suite.log"
        command = [*_BESIDE, sys.executable, "-m", "tests.vm.suite", str(self.out), *selected().values()]
        with self._said.open("wb") as log:
            self._suite = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def ran(self, series: str) -> Run:
        """How it went on one kernel; waits for all. Skips where the machine has no QEMU or no kernel."""
        code = self._suite.wait()
        said = self._said.read_text()
        if code == LACKING:
            pytest.skip(f"machine: Debian's {series} in QEMU: {said.splitlines()[-1]}")
        found = recall(self.out / series)
        assert found is not None, f"the suite ended with {code}:\n{said[-3000:]}"
        return found

    def stop(self) -> None:
        """End what still runs."""
        self._suite.terminate()
        self._suite.wait()
