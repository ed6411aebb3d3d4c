"""What the host must have for a VM run: programs with the Debian package each comes from, and the kernel cache."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

PACKAGES = {
    "apt-cache": "apt",
    "apt-get": "apt",
    "busybox": "busybox-static",
    "cpio": "cpio",
    "depmod": "kmod",
    "dpkg-deb": "dpkg",
    "findmnt": "util-linux",
    "gzip": "gzip",
    "ip": "iproute2",
    "qemu-system-x86_64": "qemu-system-x86",
    "setpriv": "util-linux",
    "tar": "tar",
    "unshare": "util-linux",
    "virtiofsd": "qemu-system-common (bookworm) or virtiofsd (trixie)",
    "zstd": "zstd",
}
_OUTSIDE_PATH = ("/usr/sbin", "/sbin", "/usr/lib/qemu", "/usr/libexec")


class HostError(Exception):
    """The host lacks something that the run needs; the message names what to install or do."""


class Lacking(HostError):
    """No fault of ours: a package is not installed, or no mirror can be reached."""


def require(program: str) -> str:
    """The program's path, searched in PATH and where Debian keeps helpers; Lacking names the missing package."""
    found = shutil.which(program, path=os.pathsep.join((os.environ.get("PATH", ""), *_OUTSIDE_PATH)))
    if found is None:
        raise Lacking(f"{program} is missing: install the Debian package {PACKAGES[program]}")
    return found


def require_root(purpose: str) -> None:
    """HostError unless we are root."""
    if os.geteuid() != 0:
        raise HostError(f"{purpose} needs root")


def cache_dir() -> Path:
    """Where kernels are kept: TELEGEN_VM_CACHE, else below the user's cache directory."""
    given = os.environ.get("TELEGEN_VM_CACHE")
    if given:
        return Path(given).absolute()
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base.absolute() / "telegen-sonic" / "kernels"
