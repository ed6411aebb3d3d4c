"""How much slower this machine is than one that runs its own instructions: an emulated guest of ``make test-vm``.

Waits are that much longer there, and properties are tried on that many times fewer examples.
"""

from __future__ import annotations

import os

SLOWER = float(os.environ.get("TELEGEN_TEST_SLOWER", "1"))
_FEWEST = 20


def allowed(limit: float) -> float:
    """How long to wait for what takes at most ``limit`` seconds elsewhere."""
    return limit * SLOWER


def times(number: int) -> int:
    """How often to do what takes long, ``number`` times elsewhere."""
    return max(1, int(number / SLOWER))


def examples(number: int) -> int:
    """Of ``number`` examples of a property, how many to try."""
    return max(min(number, _FEWEST), int(number / SLOWER))
