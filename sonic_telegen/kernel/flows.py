"""A job's flow table as records: all of it summed, those with most bytes one by one."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass

from sonic_telegen.kernel.jobabi import FLOW_SIZE, KEY_SIZE, FlowKey
from sonic_telegen.kernel.jobabi import Flow as Value
from sonic_telegen.kernel.libbpf_hash import CHUNK, Entries, read_hash
from sonic_telegen.model.sample import NOTHING, Counters, Flow, FlowRecord

TOP = 1024  # flows that are told one by one
_WORDS = FLOW_SIZE // 8  # packets and bytes are the first two


@dataclass(frozen=True, slots=True)
class Table:
    """One reading of a flow table; ``top`` has most bytes first, and among equals the kernel's order."""

    flows: int = 0
    held: Counters = NOTHING
    top: tuple[FlowRecord, ...] = ()


class FlowReader:
    """Reads one job's table again and again; a flow that was read before is the same ``Flow``."""

    def __init__(self, top: int = TOP) -> None:
        self._top = top
        self._known: dict[bytes, Flow] = {}

    def read(self, fd: int, unix_ns: Callable[[int], int], chunk: int = CHUNK) -> Table:
        """The table behind ``fd``; ``unix_ns`` tells when a tick of the kernel was. Raises ``KernelError``."""
        entries = read_hash(fd, KEY_SIZE, FLOW_SIZE, chunk)
        words = entries.values.cast("Q").tolist()
        packets, octets = words[0::_WORDS], words[1::_WORDS]
        chosen = heapq.nlargest(self._top, range(entries.count), key=octets.__getitem__)
        before, self._known = self._known, {}
        top = tuple(self._record(entries, index, before, unix_ns) for index in chosen)
        return Table(entries.count, Counters(sum(packets), sum(octets)), top)

    def _record(
        self, entries: Entries, index: int, before: dict[bytes, Flow], unix_ns: Callable[[int], int]
    ) -> FlowRecord:
        key = bytes(entries.keys[index * KEY_SIZE : (index + 1) * KEY_SIZE])
        value = Value.parse(entries.values[index * FLOW_SIZE : (index + 1) * FLOW_SIZE])
        flow = self._known[key] = before.get(key) or _flow(FlowKey.parse(key))
        first, last = unix_ns(value.first), unix_ns(value.last)
        return FlowRecord(flow, value.packets, value.bytes, value.tcp_flags, first, last, value.first)


def _flow(key: FlowKey) -> Flow:
    source, destination = ("" if address is None else str(address) for address in (key.source, key.destination))
    return Flow(source, destination, key.source_port, key.destination_port, key.protocol, key.dscp, key.vlan)
