"""How much memory there is: of the machine, or of the control group that we are in when that allows less."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

CGROUPS, MOUNTED = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def machine_bytes(cgroups: Path = CGROUPS, mounted: Path = MOUNTED) -> int:
    """Bytes that we and the kernel's maps for us may take; groups of both versions, and those around them."""
    found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        lines = cgroups.read_text().splitlines()
    except OSError:
        return found
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0":
            root, name = mounted, "memory.max"
        elif "memory" in controllers.split(","):
            root, name = mounted / "memory", "memory.limit_in_bytes"
        else:
            continue
        group = root / path.lstrip("/")
        for folder in (group, *group.parents):
            with contextlib.suppress(OSError, ValueError):  # not there, or no limit ("max")
                found = min(found, int((folder / name).read_text()))
            if folder == root:
                break
    return found
