"""The clock of the programs beside ours."""

from __future__ import annotations

import time

from sonic_telegen.kernel.jiffies import Jiffies

HOUR = 3600 * 10**9


def test_a_moment_is_the_same_in_jiffies_to_a_tick() -> None:
    clock = time.time_ns()
    jiffies = Jiffies(lambda: clock)
    for moment in (clock - HOUR, clock, clock + HOUR):
        read, at, read_again = jiffies.now(), jiffies.at(moment), jiffies.now()
        wanted = (moment - clock) / jiffies.tick_ns
        assert read + wanted - 1 <= at <= read_again + wanted + 1
        assert jiffies.unix_ns(at) <= moment + jiffies.tick_ns, "readings later it is nearer, never farther"
    jiffies.close()


def test_jiffies_pass_as_time_does() -> None:
    jiffies = Jiffies()
    began, first = time.monotonic_ns(), jiffies.now()
    while jiffies.now() < first + 10:
        time.sleep(0.005)
    passed = time.monotonic_ns() - began
    assert passed >= 9 * jiffies.tick_ns
    assert (jiffies.now() - first - 1) * jiffies.tick_ns <= time.monotonic_ns() - began
    jiffies.close()
    assert jiffies.now() > first, "it is loaded again"
    jiffies.close()
