"""frames.py NETDEV COUNT [PER_SECOND]: so many IPv4 frames of 100 bytes out of a netdev."""

import socket
import sys
import time

FRAME = bytes.fromhex("020000000001" + "020000000002" + "0800" + "4500005600000000401100000a0000010a000002").ljust(
    100, b"\0"
)
count, pace = int(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else 0.0
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
    out.bind((sys.argv[1], 0))
    for _ in range(count):
        out.send(FRAME)
        if pace:
            time.sleep(1 / pace)
