"""Jobs with programs of their own count on, exactly, while the layout of the shared maps changes under them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from sonic_telegen.kernel.apply import Kernel
from sonic_telegen.kernel.loader import load
from sonic_telegen.kernel.pins import NAMES
from sonic_telegen.model.job import Direction
from sonic_telegen.model.kernel import AccountKey
from sonic_telegen.model.status import Status
from tests.kernel.test_jobs import HIT, MISS, UDP, running, sees
from tests.support.crash import Crash, crashing
from tests.support.jobbox import Agent, agent
from tests.support.objects import job_object, telegen_object

LAYOUTS = ({"TG_LAYOUT_VERSION": 2, "TG_PAD": 3}, {"TG_LAYOUT_VERSION": 3, "TG_SLOTS": 64})


def test_a_job_counts_exactly_through_two_other_layouts_of_the_maps() -> None:
    """What comes between a migration and the pass that exchanges the job's program counts into the old map."""
    with agent() as a:
        running(a, UDP)
        a.switch.send("Ethernet0", [HIT] * 5)
        sees(a, UDP.id, 5)
        for turn, layout in enumerate(LAYOUTS):
            a.restart(layout)
            a.switch.send("Ethernet0", [HIT, MISS] * 4)
            sees(a, UDP.id, 9 + 7 * turn)
            assert a.kernel.observe().programs[UDP.id].build == ""
            assert a.run().jobs[UDP.id].status is Status.RUNNING
            a.switch.send("Ethernet0", [HIT, MISS] * 3)
            sees(a, UDP.id, 12 + 7 * turn)
        a.restart(LAYOUTS[1])
        assert a.run().actions == {}
        sees(a, UDP.id, 19)
        own = a.kernel.sample().own[AccountKey(UDP.id, "Ethernet0", Direction.INGRESS)]
        assert sum(own.classes[0].histogram) == own.classes[0].packets == 19
        assert (a.pins / "prior").exists()
        told = a.ask().jobs[UDP.id]
        assert (told.status, told.packets) == (Status.STOPPED, 19)
        a.run()
        assert a.loaded.repair() == ()
        assert sorted(p.name for p in a.pins.iterdir() if p.is_file()) == sorted(NAMES)


def migrate(a: Agent, layout: dict[str, int], limit: int | None, meanwhile: Callable[[], None]) -> bool:
    """Load as an agent does that is killed after ``limit`` calls; whether it came to the end."""
    with contextlib.suppress(Crash), crashing(limit, meanwhile):
        load(telegen_object(**layout), a.pins, Kernel.swapper(a.netlink)).close()
        return True
    return False


def test_killed_anywhere_in_a_migration_a_job_still_counts_exactly() -> None:
    for layout in LAYOUTS:
        telegen_object(**layout)  # compiling makes calls of its own
        job_object(**layout)
    with agent() as a:
        running(a, UDP)
        sent = 0

        def send() -> None:
            nonlocal sent
            a.switch.send("Ethernet0", [HIT, MISS])
            sent += 1

        for layout in LAYOUTS:
            limit, ended = 1, False
            while not ended:
                ended = migrate(a, layout, limit, send)
                limit += 3
            assert limit > 10, "killed in the middle of it, several times"
            a.restart(layout)
            send()
            sees(a, UDP.id, sent)
            assert a.run().jobs[UDP.id].status is Status.RUNNING
            send()
            sees(a, UDP.id, sent)
