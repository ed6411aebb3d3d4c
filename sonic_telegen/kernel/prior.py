"""``Prior``: the counter map of an earlier layout, in which programs of jobs count on until they are exchanged.

A migration exchanges the interface programs itself; a job's own program can only be loaded anew by a pass, which knows
its question. So what such a slot counted in the old map is not added to ``base`` but read beside it: a row of ``base``
names that map in ``folded``. It stays pinned as long as a row does.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace
from typing import Self

from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.layout import Layout, carry, plus
from sonic_telegen.kernel.pins import PRIOR, PRIOR_META, PinDir
from sonic_telegen.kernel.rows import OWN, BaseRow
from sonic_telegen.kernel.tables import index_key, need, read_meta


class Prior:
    """Owns descriptor ``fd`` of an ``if_stats_percpu`` of layout ``was``."""

    def __init__(self, fd: int, was: Layout, now: Layout) -> None:
        self._fd, self._was, self._now = fd, was, now
        self.id = libbpf.map_info(fd).id

    @classmethod
    def open(cls, pins: PinDir, now: Layout) -> Self | None:
        """What is pinned beside maps of layout ``now``; None when nothing is. Raises ``KernelError``."""
        fd, meta = pins.get(PRIOR), pins.get(PRIOR_META)
        try:
            if fd is None or meta is None:
                return None
            was, _ = read_meta(meta, pins.at(PRIOR_META))
            need(PRIOR, fd, pins.at(PRIOR), was)
            found, fd = cls(fd, was, now), None
            return found
        finally:
            for left in (fd, meta):
                if left is not None:
                    os.close(left)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._fd)

    def grown(self, index: int, row: BaseRow) -> BaseRow:
        """The row of slot ``index`` with what is counted in the old map, where the row says so."""
        if row.folded != self.id or row.direction <= OWN:
            return row
        raw = libbpf.lookup(self._fd, index_key(index), libbpf.percpu_size(self._was.slot_size)) or b""
        return replace(row, words=tuple(plus(carry(self._was.slot_words(raw), self._was, self._now), row.words)))


def forget(pins: PinDir, rows: Collection[BaseRow], prior: Prior | None) -> Prior | None:
    """Unpin and close what no row names any more; what stays."""
    if prior is not None and any(row.folded == prior.id and row.direction > OWN for row in rows):
        return prior
    if prior is not None:
        prior.close()
    for name in (PRIOR, PRIOR_META):
        pins.drop(name)
    return None
