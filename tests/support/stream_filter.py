"""Real packets on a veth pair in a namespace, counted at both ends by filters that a loader's hook can swap.

Run as a module it is a loader in a process of its own, to be killed: ``ready`` is printed before it begins.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pyroute2 import IPRoute

from sonic_telegen.demo.namespace import create_namespace, in_namespace, remove_namespace
from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.loader import load
from tests.support.net import FRAME

_INGRESS, _EGRESS = 0xFFFFFFF2, 0xFFFFFFF3
HOOKS = {5: ("right", _INGRESS), 6: ("left", _EGRESS)}  # slot: netdev, parent; every packet passes both
_PAUSE_SEC = 100e-6


class Filters:
    """Our filters on the two hooks; ``swap`` is what netlink does for the loader."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace

    def swap(self, prog_fd: int, others: Mapping[int, int]) -> None:
        tag = libbpf.prog_info(prog_fd).tag
        with IPRoute(netns=self._namespace) as ip:
            for slot, (name, parent) in HOOKS.items():
                (index,) = ip.link_lookup(ifname=name)
                words = {"parent": parent, "prio": 3, "handle": 1, "fd": prog_fd, "name": f"telegen/if@{tag}"}
                ip.tc("replace-filter", "bpf", index, classid=slot, direct_action=True, **words)


class Sender:
    """Frames at a constant pace from one end of the pair; ``sent`` is exact once it was stopped."""

    def __init__(self, namespace: str) -> None:
        self._socket = in_namespace(namespace, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
        self._socket.bind(("left", 0))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sender")
        self.sent = 0
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._socket.send(FRAME)
            self.sent += 1
            time.sleep(_PAUSE_SEC)

    def stop(self) -> int:
        """Send no more; how many there were."""
        self._stop.set()
        self._thread.join()
        self._socket.close()
        return self.sent


@contextmanager
def veth_pair() -> Iterator[str]:
    """A namespace with the pair ``left``/``right``, clsact on both; IPv6 is off, so nothing else sends."""
    name = f"telegen-migrate-{os.getpid()}-{os.urandom(3).hex()}"
    create_namespace(name)
    try:
        for which in ("all", "default"):
            setting = Path(f"/proc/sys/net/ipv6/conf/{which}/disable_ipv6")
            in_namespace(name, lambda setting=setting: setting.write_text("1"))  # type: ignore[misc]
        with IPRoute(netns=name) as ip:
            ip.link("add", ifname="left", kind="veth", peer="right")
            for end in ("left", "right"):
                (index,) = ip.link_lookup(ifname=end)
                ip.link("set", index=index, state="up")
                ip.tc("add", "clsact", index)
        yield name
    finally:
        remove_namespace(name)


if __name__ == "__main__":
    _, object_path, pin_dir, namespace = sys.argv
    hooks = Filters(namespace)
    print("ready", flush=True)
    load(object_path, pin_dir, hooks).close()
    print("done", flush=True)
