"""Rules for every test: what a tier needs, what may be skipped, and that a run leaves nothing of its own behind.

===========  ======================================================================================
tests/unit   no root, no kernel feature, no Redis: pure code, files under tmp_path, yanglint
tests/redis  a private redis-server (sonic_telegen.demo.redisd)
tests/kernel root: BPF, tc and network namespaces of the test's own
tests/system root: the agent as a process, Redis, kernel and OTLP receivers together
tests/container  root: the image of `make image`, unpacked and run in namespaces (`make test-container`)
tests/vm     root: what must hold on every kernel; runs here, and with `make test-vm` on three others in QEMU
tests/matrix root: starts part of tests/vm on those three, as `.ci/run` does; each test there is one here
tests/fleet  root: the agent, collectors, Prometheus and Ansible together (`make fleet-test`, not part of `make test`)
===========  ======================================================================================

A skip must say that this machine cannot run the test, and how that was found out: ``machine: <probe>: <answer>``. Any
other skip is allowed on a laptop, and a failure where the environment says ``CI=true``.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

NEEDS_ROOT = ("kernel", "system", "vm", "matrix", "fleet")
MACHINE = re.compile(r"(?:Skipped: )?machine: [^:]+: .+", re.DOTALL)
PLACES = (Path("/run/netns"), Path("/sys/fs/bpf"), Path(tempfile.gettempdir()))
IN_CI = os.environ.get("CI", "").lower() in ("true", "1")


def tier(path: Path) -> str:
    """The folder under ``tests`` that the file lies in."""
    parts = path.relative_to(Path(__file__).parent).parts
    return parts[0] if len(parts) > 1 else ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.geteuid() == 0:
        return
    for item in items:
        if tier(item.path) in NEEDS_ROOT:
            item.add_marker(pytest.mark.skip(reason="needs root"))


@pytest.fixture(autouse=True)
def same_cpus() -> Iterator[None]:
    """A test may keep itself on one CPU; the next begins with all."""
    before = os.sched_getaffinity(0)
    yield
    os.sched_setaffinity(0, before)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if IN_CI:
        forbid_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if IN_CI:
        forbid_skip(report)
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A guest's run takes hours and may be cut off before pytest tells why a test failed: there it is told at once."""
    if "TELEGEN_TEST_SLOWER" in os.environ and report.failed:
        print(f"\n{report.longreprtext}", flush=True)


def forbid_skip(report: Any) -> None:
    """Turn a skip that this machine could have run into a failure; an expected failure is no skip."""
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not MACHINE.fullmatch(reason):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {reason!r}; a skip must read 'machine: <probe>: <answer>'"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Namespaces, pins and temporary files whose name carries this process's id are this run's own; none may stay."""
    mine = re.compile(rf"(?<!\d){os.getpid()}(?!\d)")
    left = [str(path) for place in PLACES if place.is_dir() for path in place.iterdir() if mine.search(path.name)]
    if left:
        print(f"\nleft behind by this run: {' '.join(sorted(left))}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
