"""What tests of tc stand on: a switch with our socket in it, small programs, strangers and their snapshot."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sonic_telegen.demo.switch import Switch
from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.libbpf_object import Object
from sonic_telegen.kernel.netlink import Netlink
from sonic_telegen.model.kernel import FilterName
from tests.support.net import run_in, tc, tc_json
from tests.support.objects import source_object

NAME = FilterName("0123456789abcdef")

# As sonic-swss's DHCP mitigation has it, but for the policer: u32 at priority 1.
DHCP = "protocol ip prio 1 u32 match ip protocol 17 0xff match ip dport 67 0xffff classid 1:1"

_SOURCE = """
#include <linux/bpf.h>
struct {{
    int (*type)[BPF_MAP_TYPE_ARRAY]; int (*max_entries)[8]; __u32 *key; __u64 *value;
}} seen __attribute__((section(".maps"), used));
static void *(*lookup)(void *, const void *) = (void *)BPF_FUNC_map_lookup_elem;
__attribute__((section("tc"), used)) int {name}(struct __sk_buff *skb)
{{
    __u32 key = skb->tc_classid & 7;
    __u64 *count = lookup(&seen, &key);
    if (count)
        __sync_fetch_and_add(count, {step});
    return -1;
}}
char LICENSE[] __attribute__((section("license"), used)) = "GPL";
"""


@cache
def counting_object(step: int) -> Path:
    """An object whose program adds ``step`` to entry ``classid`` (0 to 7) of the map ``seen``."""
    return source_object(_SOURCE.format(name="stranger", step=step), f"counting-{step}")


@contextmanager
def program(step: int = 1) -> Iterator[Object]:
    """A loaded program ``stranger`` that counts frames by classid."""
    with Object.open(counting_object(step)) as found:
        found.load()
        yield found


def counted(found: Object, classid: int) -> int:
    """What a ``program`` has added up under ``classid``."""
    raw = libbpf.lookup(found.map_fd("seen"), classid.to_bytes(4, sys.byteorder), 8)
    return int.from_bytes(raw or b"", sys.byteorder)


@dataclass(frozen=True)
class Box:
    """A switch with a Netlink of ours inside, and the ifindex of each port."""

    switch: Switch
    netlink: Netlink

    def ifindex(self, port: str = "Ethernet0") -> int:
        return next(i for i, link in self.netlink.links().items() if link.name == port)

    def tc(self, words: str) -> str:
        return tc(self.switch.namespace, words)

    def add_bytecode(self, words: str, port: str = "Ethernet0") -> None:
        """A stranger's bpf filter (classic bytecode that matches nothing)."""
        add = ("tc", "filter", "add", "dev", port, *words.split(), "bpf", "da", "bytecode", "1,6 0 0 4294967295")
        run_in(self.switch.namespace, *add)

    def shown(self, direction: str = "ingress", port: str = "Ethernet0") -> list[dict[str, Any]]:
        """All filters of a hook in tc's own words."""
        return tc_json(self.switch.namespace, f"filter show dev {port} {direction}")

    def strangers(self, port: str = "Ethernet0") -> str:
        """Every filter that is not ours on both hooks, as one text; without the header row that each priority has."""
        hooks = (self.shown("ingress", port), self.shown("egress", port))
        return repr([[f for f in hook if "options" in f and "telegen/" not in str(f)] for hook in hooks])

    def ours(self, direction: str = "ingress", port: str = "Ethernet0") -> list[tuple[int, int, str]]:
        """(priority, handle, name) of our filters, as tc sees them."""
        return [
            (f["pref"], int(f["options"]["handle"], 16), f["options"]["bpf_name"])
            for f in self.shown(direction, port)
            if "telegen/" in f.get("options", {}).get("bpf_name", "")
        ]


@contextmanager
def box(*ports: str) -> Iterator[Box]:
    """A switch with these ports (``Ethernet0`` alone when none is named)."""
    with Switch(ports or ("Ethernet0",)) as switch:
        netlink = Netlink(switch.namespace)
        try:
            yield Box(switch, netlink)
        finally:
            netlink.close()
