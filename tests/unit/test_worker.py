"""The worker's thread: it tells of every turn, and its first pass may be held back."""

from __future__ import annotations

import queue
import threading

from sonic_telegen.errors import StoreError
from sonic_telegen.model.asked import Asked
from sonic_telegen.model.job import JobSpec
from sonic_telegen.model.sample import Sample
from sonic_telegen.worker import Worker
from tests.unit.test_loop import Rig


def test_every_turn_of_the_worker_is_told_also_one_that_could_not_read() -> None:
    rig, turned = Rig(JobSpec("a", "Ethernet0")), queue.SimpleQueue[str]()
    fails = [StoreError("read", "CONFIG_DB", "down")]
    answer = rig.read

    def read() -> Asked:
        if fails:
            raise fails.pop()
        return answer()

    rig.read = read  # type: ignore[method-assign]
    worker = Worker(rig.loop, lambda result, sample: None, turned.put)
    thread = threading.Thread(target=worker.run)
    thread.start()
    assert "down" in turned.get(timeout=10)
    assert turned.get(timeout=10) == ""
    worker.counted(Sample(7))
    assert turned.get(timeout=10) == ""
    worker.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert turned.empty()


def test_the_first_pass_waits_as_long_as_it_is_held_and_no_other_does() -> None:
    rig, turned = Rig(JobSpec("a", "Ethernet0")), queue.SimpleQueue[str]()
    holds, seen = [0.0, 0.001, 0.001], []

    def hold() -> float:
        seen.append(worker.stats.passes)
        return holds.pop()

    worker = Worker(rig.loop, lambda result, sample: None, turned.put, hold)
    thread = threading.Thread(target=worker.run)
    thread.start()
    for _ in range(3):
        turned.get(timeout=10)
    worker.look_again()
    turned.get(timeout=10)
    worker.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert (seen, worker.stats.passes) == ([0, 0, 0], 2)
