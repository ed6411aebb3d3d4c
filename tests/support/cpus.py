"""Work on two CPUs at once: threads that are each kept on one, begun together."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import pytest

from tests.support.patience import allowed


def two_cpus() -> tuple[int, int]:
    """Two CPUs that we may use; a test without them says nothing."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        pytest.skip(f"machine: sched_getaffinity: {cpus}, two CPUs are needed")
    return cpus[0], cpus[-1]


def at_once(*work: Callable[[], object]) -> None:
    """Run each of two on a CPU of its own, from the same moment on, to their ends; an exception of either is raised."""
    ready, failed = threading.Barrier(len(work)), list[BaseException]()

    def run(cpu: int, one: Callable[[], object]) -> None:
        try:
            os.sched_setaffinity(0, {cpu})  # of this thread
            ready.wait(allowed(10))
            one()
        except BaseException as problem:
            failed.append(problem)

    threads = [threading.Thread(target=run, args=pair) for pair in zip(two_cpus(), work, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for problem in failed:
        raise problem


# NOIMPORT
