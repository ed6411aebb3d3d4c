"""Two namespaces joined by a veth pair, with the classifier on its hooks: real frames through the real stack.

``left`` and ``right`` are the netdevs; each has its namespace to itself. Nothing speaks on them unless a test does:
IPv6 is off until a test asks for it.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import secrets
import socket
import struct
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from pyroute2 import IPRoute

from sonic_telegen.demo.namespace import create_namespace, in_namespace, remove_namespace
from sonic_telegen.kernel import libbpf
from tests.support.net import run_in
from tests.support.objects import source_object

INGRESS, EGRESS = 0xFFFFFFF2, 0xFFFFFFF3  # parents below a clsact qdisc
OUT, IN = 11, 12  # slots of a classifier at both ends
_CLSACT = 0xFFFF0000
_SIOCETHTOOL, _STSO, _SGSO, _SGRO = 0x8946, 0x1F, 0x24, 0x2C

STRANGER = r"""
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

static __always_inline void add(__u32 index)
{
	__u64 *value = bpf_map_lookup_elem(&seen, &index);

	if (value)
		__sync_fetch_and_add(value, 1);
}

SEC("tc")
int stranger(struct __sk_buff *skb)
{
	__u32 linear = (void *)(long)skb->data_end - (void *)(long)skb->data;

	add(0);
	if (*(volatile __u32 *)&skb->gso_size)
		add(1);
	if (*(volatile __u32 *)&skb->vlan_present)
		add(2);
	if (linear < *(volatile __u32 *)&skb->len)
		add(3);
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "GPL";
"""

TAGGER = r"""
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int tagger(struct __sk_buff *skb)
{
#pragma unroll
	for (int vlan = 1; vlan <= TAGS; vlan++)
		if (bpf_skb_vlan_push(skb, bpf_htons(vlan == 1 ? 0x8100 : 0x88a8), vlan))
			return TC_ACT_SHOT;
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
"""


class Tagger:
    """A filter that pushes tags (the last one stays beside the frame) and lets the next filter see the frame."""

    def __init__(self, tags: int) -> None:
        self._object = libbpf.Object.open(source_object(f"#define TAGS {tags}\n{TAGGER}", f"tagger-{tags}"))
        self._object.load()
        self.fd = self._object.prog_fd("tagger")

    def close(self) -> None:
        self._object.close()


class Stranger:
    """Somebody else's filter: counts the frames that reach it, and which of them are of a special kind."""

    def __init__(self) -> None:
        self._object = libbpf.Object.open(source_object(STRANGER, "stranger"))
        self._object.load()
        self.fd = self._object.prog_fd("stranger")

    def close(self) -> None:
        self._object.close()

    def _seen(self, index: int) -> int:
        value = libbpf.lookup(self._object.map_fd("seen"), struct.pack("=I", index), 8)
        assert value is not None
        return int.from_bytes(value, "little")

    @property
    def frames(self) -> int:
        return self._seen(0)

    @property
    def aggregates(self) -> int:
        return self._seen(1)

    @property
    def offloaded_tags(self) -> int:
        return self._seen(2)

    @property
    def non_linear(self) -> int:
        return self._seen(3)


class Cable:
    """Alive inside ``with Cable() as cable:``."""

    def __init__(self, mtu: int = 1500) -> None:
        unique = f"{os.getpid()}-{secrets.token_hex(3)}"
        self.spaces = {"left": f"tgleft-{unique}", "right": f"tgright-{unique}"}
        self._mtu = mtu
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            for side, space in self.spaces.items():
                create_namespace(space)
                stack.callback(remove_namespace, space)
                self.sysctl(side, "ipv6/conf/default/disable_ipv6", "1")
            left, right = self.spaces.values()
            run_in(left, *f"ip link add left type veth peer name right netns {right}".split())
            for side, space in self.spaces.items():
                run_in(space, "ip", "link", "set", side, "mtu", str(self._mtu), "up")
                with IPRoute(netns=space) as netlink:
                    netlink.tc("add", "clsact", self.index(side))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def index(self, side: str, name: str = "") -> int:
        """ifindex of a netdev in a side's namespace, of the cable's own end when ``name`` is empty."""
        return in_namespace(self.spaces[side], lambda: socket.if_nametoindex(name or side))

    def sysctl(self, side: str, name: str, value: str) -> None:
        """Set /proc/sys/net/<name> in a side's namespace."""
        in_namespace(self.spaces[side], lambda: Path("/proc/sys/net", name).write_text(value))

    def attach(self, side: str, parent: int, fd: int, slot: int = 0, priority: int = 3) -> None:
        """Put a program on a hook; ``slot`` is the filter's classid (0: none is given)."""
        with IPRoute(netns=self.spaces[side]) as netlink:
            more = {"classid": slot} if slot else {}
            netlink.tc(
                "add-filter",
                "bpf",
                self.index(side),
                fd=fd,
                name="test",
                parent=parent,
                prio=priority,
                direct_action=True,
                **more,
            )

    def stranger(self, side: str, parent: int) -> Stranger:
        """A stranger's filter behind ours on a hook."""
        made = Stranger()
        self._stack.callback(made.close)
        self.attach(side, parent, made.fd, priority=4)
        return made

    def send(self, frames: Iterable[bytes], side: str = "left", netdev: str = "") -> None:
        """Put raw frames out of a side's netdev, as AF_PACKET does."""
        raw = in_namespace(self.spaces[side], lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
        with raw:
            raw.bind((netdev or side, 0))
            for frame in frames:
                assert raw.send(frame) == len(frame)

    def socket(self, side: str, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM) -> socket.socket:
        """A socket of a side's namespace."""
        return in_namespace(self.spaces[side], lambda: socket.socket(family, kind))

    def address(self) -> None:
        """Give the ends 192.0.2.1 (left) and 192.0.2.2 (right)."""
        for side, address in (("left", "192.0.2.1/24"), ("right", "192.0.2.2/24")):
            run_in(self.spaces[side], "ip", "addr", "add", address, "dev", side)

    def stream(self, size: int, port: int) -> None:
        """TCP from left to right of a cable with addresses, read to its end, both ends closed."""
        with self.socket("right") as listener:
            listener.bind(("192.0.2.2", port))
            listener.listen()
            client = self.socket("left")
            client.connect(("192.0.2.2", port))
            server, _ = listener.accept()
        with client, server:
            sender = threading.Thread(target=client.sendall, args=(bytes(size),))
            sender.start()
            read = 0
            while read < size:
                read += len(server.recv(1 << 20))
            sender.join()

    def offload(self, side: str, *, segmentation: bool | None = None, receive: bool | None = None) -> None:
        """Switch TSO and GSO, and GRO, of one end."""
        wanted = [(_STSO, segmentation), (_SGSO, segmentation), (_SGRO, receive)]
        with self.socket(side, kind=socket.SOCK_DGRAM) as control:
            for command, on in wanted:
                if on is not None:
                    value = ctypes.create_string_buffer(struct.pack("=II", command, on))
                    request = struct.pack("16sP", side.encode(), ctypes.addressof(value)).ljust(40, b"\0")
                    fcntl.ioctl(control, _SIOCETHTOOL, request)
