"""64 flow jobs at once where there is little memory: nobody is killed, some run, the others are told why they wait."""

from __future__ import annotations

import pytest

from sonic_telegen.model.budget import FLOWS, PROGRAMS_PER_HOOK, allowed_bytes
from tests.support.box import Box, wait_for
from tests.support.cgroup import MemoryGroup
from tests.support.machine import kernel_release
from tests.support.net import FRAME

LIMIT = 160 << 20  # less than 64 flow tables take
PORTS = [f"Ethernet{n * 4}" for n in range(64 // PROGRAMS_PER_HOOK)]
JOBS = {f"f{n:02}": PORTS[n % len(PORTS)] for n in range(64)}
SLACK = 1 << 20  # sockets, page tables, and what the kernel charges in advance


def test_64_flow_jobs_on_small_memory() -> None:
    with MemoryGroup(LIMIT) as group, Box(PORTS) as box:
        box.config.hset("TELEGEN|GLOBAL", "max_jobs", "65")
        box.start()
        group.add(box.pid)
        box.job("plain", port=PORTS[0])
        box.wait_status("plain", "running")
        before = group.kernel_bytes()
        for job, port in JOBS.items():
            box.job(job, port=port, result_detail="flows")
        told = dict[str, str]()

        def all_told() -> bool:
            rows = {job: box.told(job) for job in JOBS}
            told.update({job: f"{row.get('status')} {row.get('reason')}" for job, row in rows.items()})
            return set(told.values()) == {"running ", "pending no_memory"}

        wait_for(all_told, 30, lambda: str(told))
        running = [job for job, verdict in told.items() if verdict == "running "]
        taken = group.kernel_bytes() - before
        if kernel_release() < (5, 11) and taken < len(running) * FLOWS * 100:
            pytest.skip("machine: memory.current: no BPF map is in it, Linux charges them to a group since 5.11")
        assert len(running) * FLOWS * 100 < taken <= allowed_bytes(LIMIT) + SLACK
        assert group.killed() == 0
        box.switch.send(JOBS[running[0]], [FRAME] * 5)
        wait_for(lambda: box.told(running[0])["packets"] == "5", 20)
        box.delete(running[0])
        box.wait_status(running[0], "stopped")
        comes = next(job for job in JOBS if job not in running)
        box.wait_status(comes, "running")
        assert all(box.told(job)["status"] == "running" for job in running[1:])
        assert group.kernel_bytes() - before <= allowed_bytes(LIMIT) + SLACK
