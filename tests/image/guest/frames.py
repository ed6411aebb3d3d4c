"""frames.py NETDEV SENT COUNT | until FILE: IPv4 frames of 100 bytes out of a netdev, as many or until FILE is there.

How many went out is appended to the file SENT.
"""

import pathlib
import socket
import sys
import time

FRAME = bytes.fromhex("020000000001" + "020000000002" + "0800" + "4500005600000000401100000a0000010a000002").ljust(
    100, b"\0"
)
PAUSE = 0.01  # of those that go on until they are told
netdev, note, count, *stop = sys.argv[1:]
sent = 0
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
    out.bind((netdev, 0))
    if stop:
        while not pathlib.Path(stop[0]).exists():
            sent += out.send(FRAME) // len(FRAME)
            time.sleep(PAUSE)
    else:
        while sent < int(count):
            sent += out.send(FRAME) // len(FRAME)
with pathlib.Path(note).open("a") as file:
    file.write(f"{sent}\n")
