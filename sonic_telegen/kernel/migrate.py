"""The pinned maps change their layout and no packet is lost or counted twice.

New maps and the new program are pinned in ``next/``; ``prog`` comes last and says that it is complete. Then every
filter gets the new program in place, and when no CPU runs the old one any more the old counters are final: they are
added up in a new ``base``, whose row 0 names the map that went into it. Renaming it over the old ``base`` commits. The
rest is moving pins, ``if_stats_percpu`` last. So the two pins ``base`` and ``if_stats_percpu`` tell at any moment how
far it went, and ``finish`` goes on from there, however often it is killed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.code import Code
from sonic_telegen.kernel.layout import Layout, carry, check_carry, plus
from sonic_telegen.kernel.pins import (
    BASE,
    IF_STATS,
    MAPS,
    META,
    NAMES,
    PRIOR,
    PRIOR_META,
    PROG,
    PROG_PUNT,
    PROGRAMS,
    STATS,
    PinDir,
)
from sonic_telegen.kernel.prior import Prior
from sonic_telegen.kernel.rows import BASE_HEAD, OWN, pack_meta
from sonic_telegen.kernel.tables import index_key, make, need_all, need_kind, read_base, read_meta


class Hooks(Protocol):
    """What the loader needs from netlink."""

    def swap(self, prog_fd: int, others: Mapping[int, int]) -> None:
        """Give every tc filter of ours that runs another program this one, in place (same priority and handle).

        A filter that runs a program whose id is in ``others`` gets the one with the descriptor there instead.
        Programs are told apart by id: two builds whose instructions are equal have the same tag and other maps.
        """


@contextmanager
def opened(pins: PinDir) -> Iterator[dict[str, int]]:
    """Descriptors of all pins there are, by name, closed at the end. ``Conflict`` when one is of another kind."""
    fds: dict[str, int] = {}
    try:
        for name in NAMES:
            fd = pins.get(name)
            if fd is not None:
                fds[name] = fd
                need_kind(name, fd, pins.at(name))
        yield fds
    finally:
        for fd in fds.values():
            os.close(fd)


def begin(pins: PinDir, wanted: Layout, object_: Code) -> None:
    """Collect the maps and the program of a loaded object in ``next/``; nothing that counts is touched."""
    into = pins.next
    with opened(pins) as now:
        old, start_ns = need_all(pins, now, MAPS), read_meta(now[META], pins.at(META))[1]
        rows = read_base(now[BASE], old)
        check_carry(old, wanted, max(rows), str(pins.path))
        into.make()
        for index, row in rows.items():
            if index:
                value = wanted.slot_value(row.ifindex, row.direction, libbpf.possible_cpus())
                libbpf.update(object_.map_fd(IF_STATS), index_key(index), value)
        meta = make(META, wanted)
        try:
            libbpf.update(meta, index_key(0), pack_meta(wanted, start_ns))
            into.put(META, meta)
        finally:
            os.close(meta)
        into.put(STATS, object_.map_fd(STATS))
        into.put(IF_STATS, object_.map_fd(IF_STATS))
        for name, program in PROGRAMS.items():
            into.put(name, object_.prog_fd(program))


def finish(pins: PinDir, hooks: Hooks) -> tuple[str, ...]:
    """Bring what ``next/`` holds to its end; a sentence about what was done."""
    into = pins.next
    if not into.exists():
        return ()
    with opened(pins) as old, opened(into) as new:
        if not new:
            into.clear()  # killed when all was done but this
            return ()
        if not _committed(old, new):
            if not {META, IF_STATS, STATS, PROG} <= new.keys():
                into.clear()
                return (f"removed an unfinished migration in {into.path}: no filter counted there yet",)
            if not {META, BASE, IF_STATS, STATS} <= old.keys():
                into.clear()
                return (f"gave up a migration in {into.path}: the pins it began from are gone",)
            hooks.swap(new[PROG], _punting(old, new))
            libbpf.wait_rcu()
            _fold(pins, old, new)
    for name in (PRIOR, PRIOR_META):
        if os.path.lexists(into.at(name)):
            pins.take(name, into)
    for name in (STATS, *PROGRAMS, META, IF_STATS):
        pins.take(name, into)
    into.clear()
    return (f"migrated the pinned maps in {pins.path} to another layout, counts kept",)


def _punting(old: Mapping[str, int], new: Mapping[str, int]) -> dict[int, int]:
    """The programs that tell protocols apart, each with the one that takes its place."""
    if PROG_PUNT not in new:
        return {}
    return {libbpf.prog_info(fds[PROG_PUNT]).id: new[PROG_PUNT] for fds in (old, new) if PROG_PUNT in fds}


def _committed(old: Mapping[str, int], new: Mapping[str, int]) -> bool:
    """Whether ``base`` holds what ``if_stats_percpu`` beside it counted."""
    if not {BASE, IF_STATS} <= old.keys() or IF_STATS not in new:
        return False
    raw = libbpf.lookup(old[BASE], index_key(0), libbpf.map_info(old[BASE]).value_size)
    return raw is not None and BASE_HEAD.unpack_from(raw)[5] == libbpf.map_info(old[IF_STATS]).id


def _fold(pins: PinDir, old: Mapping[str, int], new: Mapping[str, int]) -> None:
    """Old base plus old counters become the new ``base``: the commit."""
    was, will = need_all(pins, old, (META, STATS, IF_STATS, BASE)), need_all(pins.next, new, (META, STATS, IF_STATS))
    rows = read_base(old[BASE], was)
    live = libbpf.ArrayReader(old[IF_STATS], was.slot_size, per_cpu=True)
    raw = memoryview(live.read(max(rows) + 1))
    stats = libbpf.read_array(old[STATS], was.total_size, was.classes, per_cpu=True)
    base, prior, mine = make(BASE, will), Prior.open(pins, was), libbpf.map_info(old[IF_STATS]).id
    try:
        for index, row in rows.items():
            own, words = row.direction > OWN, row.words
            if own:
                words = prior.grown(index, row).words if prior else words
            else:
                counted = was.slot_words(raw[index * live.stride : (index + 1) * live.stride])
                words = tuple(plus(counted if index else was.total_words(stats, libbpf.possible_cpus()), words))
            moved = replace(row, words=tuple(carry(words, was, will)), folded=mine if own or not index else 0)
            libbpf.update(base, index_key(index), moved.pack())
        if any(row.direction > OWN for row in rows.values()):
            pins.next.replace(PRIOR, old[IF_STATS])
            pins.next.replace(PRIOR_META, old[META])
        pins.next.replace(BASE, base)
    finally:
        os.close(base)
        if prior:
            prior.close()
    pins.take(BASE, pins.next)
