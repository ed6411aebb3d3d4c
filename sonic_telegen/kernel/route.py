"""Which netdev packets leave by: one question over rtnetlink, answered from the kernel's own tables and rules."""

from __future__ import annotations

import socket
import struct

from sonic_telegen.errors import KernelError
from sonic_telegen.kernel.transport import Transport, attributes

_GETROUTE = 26  # RTM_GETROUTE
# struct rtmsg: family, lengths of both prefixes, tos, table, protocol, scope, type, flags
_RTMSG = struct.Struct("=8BI")
_ADDRESS, _INDEX = struct.Struct("=HH4s"), struct.Struct("=I")
_TYPE, _UNICAST = 7, 1  # the field of struct rtmsg, RTN_UNICAST
_DST, _SRC, _OIF = 1, 2, 4  # RTA_*


def outgoing(transport: Transport, remote: str, local: str) -> int:
    """ifindex of the netdev for packets from one IPv4 address to another; 0 when they reach no other host.

    Whatever the kernel answers instead of a route (none, a forbidden one, an address that is not its own) says that.
    """
    body = _RTMSG.pack(socket.AF_INET, 32, 32, 0, 0, 0, 0, 0, 0)
    for kind, address in ((_DST, remote), (_SRC, local)):
        body += _ADDRESS.pack(_ADDRESS.size, kind, socket.inet_aton(address))
    try:
        answers = transport.request(_GETROUTE, 0, body, "find the way", f"{local} to {remote}")
    except KernelError:
        return 0
    for answer in answers:
        if _RTMSG.unpack_from(answer)[_TYPE] == _UNICAST:
            found = attributes(answer, _RTMSG.size).get(_OIF, b"")
            return int(_INDEX.unpack(found)[0]) if len(found) == _INDEX.size else 0
    return 0
