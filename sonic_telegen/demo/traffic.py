"""Traffic on every port, both ways, by a thread that writes down each frame the kernel took from it."""

from __future__ import annotations

import math
import random
import threading
import time

from sonic_telegen.demo.frames import mix
from sonic_telegen.demo.switch import Switch
from sonic_telegen.demo.tally import Count, Series

_TICK_SEC = 0.05
_BURST = 200  # frames in one tick at most: a CPU queues 1000 (net.core.netdev_max_backlog) and drops what comes then


class Traffic:
    """Sends from ``start`` to ``stop`` at about ``rate`` frames a second on each port and direction.

    The rate swings, each hook at a pace of its own, so that there is something to see. ``error`` is what ended the
    thread early, if anything did.
    """

    def __init__(self, switch: Switch, rate: float, seed: int | None = None) -> None:
        self._switch, self._rate = switch, rate
        self._random = random.Random(seed)  # nosec B311: which demo frame goes next is no secret
        self._frames, weights = zip(*mix(), strict=True)
        self._weights = list(weights)
        self._sent: dict[Series, list[int]] = {
            Series(port, direction, frame.cls): [0, 0]
            for port in switch.ports
            for direction in ("ingress", "egress")
            for frame in self._frames
        }
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)
        self.error: Exception | None = None

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """Send no more; what was sent is final when this returns. Idempotent."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()

    def sent(self) -> dict[Series, Count]:
        """What was sent so far, of every series."""
        return {series: Count(*count) for series, count in self._sent.items()}

    def _run(self) -> None:
        try:
            self._send_until_over()
        except Exception as problem:
            self.error = problem

    def _send_until_over(self) -> None:
        hooks = [(port, direction) for port in self._switch.ports for direction in ("ingress", "egress")]
        owed = dict.fromkeys(hooks, 0.0)
        began = last = time.monotonic()
        while not self._over.wait(_TICK_SEC):
            now = time.monotonic()
            for number, hook in enumerate(hooks):
                swing = 1 + 0.6 * math.sin((now - began) / (2 + 0.7 * number) + number)
                owed[hook] += self._rate * swing * (now - last)
                count = min(int(owed[hook]), _BURST)
                owed[hook] -= int(owed[hook])
                self._send(*hook, count)
            last = now

    def _send(self, port: str, direction: str, count: int) -> None:
        send = self._switch.send if direction == "ingress" else self._switch.send_out
        for frame in self._random.choices(self._frames, self._weights, k=count):
            send(port, [frame.octets])
            note = self._sent[Series(port, direction, frame.cls)]
            note[0] += 1
            note[1] += len(frame.octets)
