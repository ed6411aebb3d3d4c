"""Directories of the host for a VM, each served by a virtiofsd of its own."""

from __future__ import annotations

import shlex
import socket
import subprocess
from pathlib import Path

from tests.vm.host import require

# In a mount namespace of its own every mount of the host turns read-only, so that the guest cannot change the host
# whatever it mounts. A few (a sandbox's own mounts) may refuse; the root must not.
# Network namespaces are let go: they would live as long as the daemon, whoever ends them meanwhile.
_READ_ONLY = """
for target in $({findmnt} -rno TARGET -t nsfs); do umount "$(printf %b "$target")"; done
for target in $({findmnt} -rno TARGET); do mount -o remount,bind,ro "$(printf %b "$target")" 2>/dev/null; done
mount -o remount,bind,ro / && exec {daemon}
"""


def share(tag: str, source: Path, writable: bool, scratch: Path) -> tuple[subprocess.Popen[bytes], list[str]]:
    """Serve ``source`` under ``tag``: the daemon, which dies with us, and QEMU's arguments for the device.

    The daemon inherits a socket that already listens, so QEMU can connect at once. Socket and log are in ``scratch``.
    """
    path = scratch / f"{tag}.sock"
    with socket.socket(socket.AF_UNIX) as listener, (scratch / f"{tag}.log").open("wb") as log:
        listener.bind(str(path))
        listener.listen(1)
        command = [
            require("virtiofsd"), f"--fd={listener.fileno()}",
            "-o", f"source={source}", "-o", "cache=always,sandbox=chroot",
        ]  # fmt: skip
        if not writable:
            steps = _READ_ONLY.format(findmnt=require("findmnt"), daemon=shlex.join(command))
            command = [require("unshare"), "--mount", "sh", "-c", steps]
        daemon = subprocess.Popen(
            [require("setpriv"), "--pdeathsig", "KILL", *command],
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for us, who end the daemon's whole group
        )
    return daemon, ["-chardev", f"socket,id={tag},path={path}", "-device", f"vhost-user-fs-pci,chardev={tag},tag={tag}"]
