"""Pins that are missing: made new, and whatever depended on their counters begins again, told and not silent.

The order of the steps makes each of them repeatable: the missing pin appears last, so a kill in between finds it
missing again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace

from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.layout import Layout
from sonic_telegen.kernel.migrate import opened
from sonic_telegen.kernel.pins import ACCOUNTS, BASE, IF_STATS, MAPS, META, PROG_PUNT, PUNT, STATS, PinDir
from sonic_telegen.kernel.rows import BaseRow, pack_meta
from sonic_telegen.kernel.tables import drop_accounts, index_key, make, need, read_base


def complete(pins: PinDir, layout: Layout, fresh: Callable[[str], int], clock: Callable[[], int]) -> tuple[str, ...]:
    """Make the maps that are not pinned, in ``layout``; sentences about what begins again (none on the first start).

    ``fresh`` gives an empty map that programs count into, a descriptor that is closed here.
    """
    with opened(pins) as found, ExitStack() as undo:
        missing = [name for name in MAPS if name not in found]
        if not missing:
            return ()
        if ACCOUNTS in found:
            need(ACCOUNTS, found[ACCOUNTS], pins.at(ACCOUNTS), layout)

        def new(name: str) -> int:
            fd = fresh(name) if name in (STATS, IF_STATS, PUNT) else make(name, layout)
            undo.callback(os.close, fd)
            return fd

        if META in missing or BASE in missing:
            lost = _all(pins, layout, found, new, clock())
            if not found:
                return ()
            return (f"{_names(pins, missing)}: all counters begin again{lost}",)
        told = []
        if STATS in missing:
            _totals(pins, layout, found, new(STATS), clock())
            told.append(f"{_names(pins, [STATS])}: the totals begin again")
        if IF_STATS in missing:
            lost = _interfaces(pins, layout, found, new(IF_STATS))
            told.append(f"{_names(pins, [IF_STATS])}: all interface counters begin again{lost}")
        if PUNT in missing:
            pins.put(PUNT, new(PUNT))
            if PROG_PUNT in found:  # else these are the pins of a build that did not tell protocols apart
                told.append(f"{_names(pins, [PUNT])}: the counters of control protocols begin again")
        if ACCOUNTS in missing:
            pins.put(ACCOUNTS, new(ACCOUNTS))
            told.append(f"{_names(pins, [ACCOUNTS])}: the counters of all jobs begin again")
        return tuple(told)


def _names(pins: PinDir, missing: list[str]) -> str:
    return f"{' and '.join(missing)} had been removed from {pins.path}"


def _forget(found: Mapping[str, int]) -> str:
    """Accounts in slots whose counters are gone; frozen ones carry their total themselves and stay."""
    lost = drop_accounts(found[ACCOUNTS], ()) if ACCOUNTS in found else 0
    return f", those of {lost} running accounts too" if lost else ""


def _all(pins: PinDir, layout: Layout, found: Mapping[str, int], new: Callable[[str], int], now: int) -> str:
    meta = new(META)
    libbpf.update(meta, index_key(0), pack_meta(layout, now))
    pins.drop(META)  # from here on this is what the next start goes on with
    lost = _forget(found)
    for name in (STATS, IF_STATS, PUNT, BASE):
        pins.replace(name, new(name))
    if ACCOUNTS not in found:
        pins.put(ACCOUNTS, new(ACCOUNTS))
    pins.put(META, meta)
    return lost


def _totals(pins: PinDir, layout: Layout, found: Mapping[str, int], stats: int, now: int) -> None:
    row = read_base(found[BASE], layout)[0]
    libbpf.update(found[BASE], index_key(0), replace(row, words=(0,) * layout.words).pack())
    libbpf.update(found[META], index_key(0), pack_meta(layout, now))
    pins.put(STATS, stats)


def _interfaces(pins: PinDir, layout: Layout, found: Mapping[str, int], if_stats: int) -> str:
    lost = _forget(found)
    for index in read_base(found[BASE], layout):
        if index:
            libbpf.update(found[BASE], index_key(index), BaseRow((0,) * layout.words).pack())
    pins.put(IF_STATS, if_stats)
    return lost
