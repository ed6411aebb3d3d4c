"""An operator's own program on a hook, as long as his command runs: added beside all others, taken away at the end."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from sonic_telegen.errors import Conflict, KernelError
from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.ebpf import TooLong
from sonic_telegen.kernel.failure import kernel_error
from sonic_telegen.kernel.netlink import Netlink
from sonic_telegen.kernel.pointers import Refused
from sonic_telegen.kernel.proof import guarded, is_trap
from sonic_telegen.model.job import Direction
from sonic_telegen.model.kernel import GUEST, QdiscKind, TcFilter

FIRST_PRIORITY = 3  # 1 and 2 are others' custom
_HANDLE, _TRIES = 1, 8


def load(code: bytes, name: str) -> int:
    """Descriptor of a program that is proven to be in nobody's way; the ``KernelError`` says why another is not."""
    remedy = "return TC_ACT_UNSPEC on every path, count in maps, and change nothing else"
    try:
        made = guarded(code)
    except (Refused, TooLong) as why:
        raise kernel_error("take", name, errno.EPERM, remedy, f"refused: {why}") from None
    try:
        return libbpf.prog_load(made, name[:15])[0]
    except KernelError as problem:
        if not is_trap(str(problem)):
            raise
    text = (
        "refused: the verifier cannot prove that its verdict is always TC_ACT_UNSPEC (-1), and any other decides about "
    )
    raise kernel_error("take", name, errno.EPERM, remedy, f"{text}frames and blinds the filters behind it")


@contextlib.contextmanager
def attached(
    netlink: Netlink, netdev: str, directions: Sequence[Direction], prog_fd: int
) -> Iterator[tuple[TcFilter, ...]]:
    """The program on each hook of the netdev; what was added is gone at the end, and a qdisc that had to be made."""
    ifindex = next((index for index, link in netlink.links().items() if link.name == netdev), 0)
    if not ifindex:
        raise kernel_error("attach to", netdev, errno.ENODEV, "name a netdev of this namespace (ip link)")
    with contextlib.ExitStack() as undo:
        kind = netlink.qdiscs().get(ifindex)
        if kind is None:
            kind = QdiscKind.CLSACT if Direction.EGRESS in directions else QdiscKind.INGRESS
            netlink.add_qdisc(ifindex, kind)
            undo.callback(_give_back, netlink, ifindex, kind)
        for item in netlink.filters(ifindex, kind):
            if item.guest and _is_dead(*item.guest):
                netlink.delete_filter(item, kind)
        found = []
        for direction in directions:
            found.append(_add(netlink, ifindex, direction, kind, prog_fd))
            undo.callback(netlink.delete_filter, found[-1], kind)
        yield tuple(found)


def _add(netlink: Netlink, ifindex: int, direction: Direction, kind: QdiscKind, prog_fd: int) -> TcFilter:
    name = f"{GUEST}{os.getpid()}-{_namespace()}"
    for turn in range(_TRIES):
        taken = {item.priority for item in netlink.filters(ifindex, kind) if item.direction is direction}
        priority = next(number for number in range(FIRST_PRIORITY, 0xFFFF) if number not in taken)
        try:
            netlink.add_filter(ifindex, direction, kind, priority, _HANDLE, prog_fd, name, 0)
        except Conflict:  # the agent, say, was faster
            if turn == _TRIES - 1 or (direction is Direction.EGRESS and kind is QdiscKind.INGRESS):
                raise
        else:
            return TcFilter(ifindex, direction, priority, _HANDLE, "bpf", name)
    raise AssertionError("not reached")


def _namespace() -> int:
    """Of process ids: a container's are others, in the same network namespace."""
    return Path("/proc/self/ns/pid").stat().st_ino


def _is_dead(process: int, namespace: int) -> bool:
    return namespace == _namespace() and not Path(f"/proc/{process}").exists()


def _give_back(netlink: Netlink, ifindex: int, kind: QdiscKind) -> None:
    """Somebody else may use the qdisc by now: then it stays."""
    with contextlib.suppress(Conflict):
        netlink.delete_qdisc(ifindex, kind)
