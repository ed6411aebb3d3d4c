"""A program with a place for a filter expression: it counts the frames that match and those that do not."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from types import TracebackType
from typing import Self

from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.libbpf_object import Object
from sonic_telegen.kernel.spliced import load_spliced
from tests.support.objects import source_object

COUNTER = r"""
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
struct seen {
	__u64 frames;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct seen);
} counted SEC(".maps");

static __always_inline void add(__u32 index, __u64 len)
{
	struct seen *value = bpf_map_lookup_elem(&counted, &index);

	if (value) {
		__sync_fetch_and_add(&value->frames, 1);
		__sync_fetch_and_add(&value->bytes, len);
	}
}

SEC("tc")
int counter(struct __sk_buff *skb)
{
	__u64 scratch[16], len = *(volatile __u32 *)&skb->len;
	register __u64 answer asm("r0");
	register void *ctx asm("r1") = skb;
	register void *room asm("r2") = scratch;

	if (!len)
		return TC_ACT_UNSPEC;
	asm volatile("r0 = 0x50434150" : "=r"(answer), "+r"(ctx), "+r"(room) :
		: "r3", "r4", "r5", "r6", "r7", "r8", "r9", "memory");
	if (answer)
		add(0, len);
	else
		add(1, len);
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
"""


def counter_object() -> Path:
    """Its object; the program is ``counter``."""
    return source_object(COUNTER, "counter")


def counted(o: Object, index: int) -> tuple[int, int]:
    """Frames and bytes as the kernel has them: of frames that match (0), or that do not (1)."""
    value = libbpf.lookup(o.map_fd("counted"), struct.pack("=I", index), 16)
    assert value is not None
    frames, octets = struct.unpack("=QQ", value)
    return frames, octets


class Counter:
    """The program with an expression in it, ready to be attached; gone at the end of the ``with`` block."""

    def __init__(self, expression: str) -> None:
        self._object = Object.open(counter_object())
        try:
            self._object.load()
            self.fd = load_spliced(self._object, "counter", expression)
        except BaseException:
            self._object.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self.fd)
        self._object.close()

    @property
    def matched(self) -> tuple[int, int]:
        """Frames and bytes."""
        return counted(self._object, 0)

    @property
    def others(self) -> tuple[int, int]:
        """Frames and bytes that did not match."""
        return counted(self._object, 1)
