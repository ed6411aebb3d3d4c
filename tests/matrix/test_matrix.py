"""ERSPAN, loading and the verifier's work on Debian's 5.10, 6.1 and 6.12: each test of the guests is one here.

JUnit, log, dmesg and console of a guest are in ``build/vm/<series>`` afterwards. Where there is no QEMU, or no kernel
can be fetched, the tests are skipped with that as the machine's answer.
"""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.vm.fetch_kernels import SUITES
from tests.vm.host import Lacking
from tests.vm.suite import Run, explanation, run_on

ROOT = Path(__file__).parents[2]
WANTED = ("erspan*", "decap*", "agent", "verifier")
FILES = [str(path.relative_to(ROOT)) for name in WANTED for path in sorted(ROOT.glob(f"tests/vm/test_vm_{name}.py"))]
AS_ROOT = re.compile(r"[-\[]root\]$")  # a switch has the packaged agent; `make test-vm` runs it as root too

pytestmark = pytest.mark.timeout(2400)  # the first test of a kernel waits for all; the guest has a limit of its own


def out(series: str) -> Path:
    return ROOT / "build" / "vm" / series


@cache
def selected() -> dict[str, str]:
    """The guests' tests: name as ``Run.outcomes`` has it, to pytest's own."""
    collect = [sys.executable, "-m", "pytest", "--collect-only", "-q", *FILES]
    listed = subprocess.run(collect, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    nodes = [line for line in listed.splitlines() if "::" in line and not AS_ROOT.search(line)]
    return {f"{Path(file).stem}::{test}": f"{file}::{test}" for file, test in (node.split("::", 1) for node in nodes)}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", selected())


@pytest.fixture(scope="module", params=SUITES)
def series(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def ran(series: str) -> Run:
    try:
        return run_on(series, out(series), list(selected().values()))
    except Lacking as answer:
        pytest.skip(f"machine: Debian's {series} in QEMU: {answer}")


def test_passed_there(ran: Run, series: str, name: str) -> None:
    assert ran.outcomes.get(name, "absent") == "passed", explanation(out(series) / "junit.xml", name)


def test_all_ran_to_the_end_and_the_kernel_complained_of_nothing(ran: Run) -> None:
    assert ran.complaints == ()
    assert sorted(ran.outcomes) == sorted(selected())
    assert ran.good or "failed" in ran.outcomes.values(), f"exit code {ran.code}"
