"""``Watch``: something about links or tc changed, look again. What it was is ignored."""

from __future__ import annotations

import errno
import socket

from pyroute2.netlink.rtnl import RTMGRP_LINK, RTMGRP_TC

from sonic_telegen.kernel.failure import os_error
from sonic_telegen.kernel.netlink import route_socket

_SO_RCVBUFFORCE = 33
_AT_ONCE = 16384  # under a storm the event loop gets its turn, and calls again
_BUFFER = 4 << 20  # 512 netdevs with clsact and two filters each made in one go overflow the default 212 kB


class Watch:
    """A socket that hears of every link, qdisc and filter of a namespace; own changes echo.

    Nothing is filtered by content: a message left out is a change not seen, and a look costs milliseconds.
    """

    def __init__(self, namespace: str = "") -> None:
        self._socket = route_socket(namespace, RTMGRP_LINK | RTMGRP_TC)
        self._socket.setblocking(False)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        except PermissionError:  # no CAP_NET_ADMIN: as much as net.core.rmem_max allows
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)

    def fileno(self) -> int:
        """For ``loop.add_reader``; readable when ``drain`` would find something."""
        return self._socket.fileno()

    def drain(self) -> bool:
        """Take away all that is waiting, without blocking; True if there was anything, lost messages included."""
        seen = False
        for _ in range(_AT_ONCE):
            try:
                self._socket.recv(1)  # the rest of the datagram is dropped
            except BlockingIOError:
                return seen
            except OSError as problem:
                if problem.errno != errno.ENOBUFS:  # that one says: messages were lost, so something did change
                    raise os_error("hear of changes", "links and tc", problem) from problem
            seen = True
        return seen

    def close(self) -> None:
        """Close the socket; idempotent."""
        self._socket.close()
