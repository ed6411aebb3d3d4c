"""One rung of the loader ladder in a process of its own: both programs on a cable, strangers behind, what was counted.

``python -m tests.support.rungs OBJECT [BTF]`` prints one JSON object. ``climbed`` runs it, with the kernel's BTF hidden
if asked: only a process in a mount namespace of its own can do without it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sonic_telegen.demo.frames import mix
from sonic_telegen.kernel.ladder import climb
from sonic_telegen.kernel.pins import PUNT
from tests.support.bpfobj import punts, slot
from tests.support.cable import EGRESS, IN, INGRESS, OUT, Cable
from tests.support.net import until
from tests.support.objects import ROOT, bpffs
from tests.support.pinned import NoFilters
from tests.support.punt_frames import EXAMPLES

BIG = re.compile(r"libbcc|libLLVM|libclang")
FRAMES = [*(frame.octets for frame, weight in mix() for _ in range(weight)), *EXAMPLES.values()]


def climbed(object_path: str, *btf: str, hide: bool = False) -> dict[str, Any]:
    """What ``main`` printed."""
    command = [sys.executable, "-m", "tests.support.rungs", object_path, *btf]
    if hide:
        command = [
            "unshare",
            "--mount",
            "sh",
            "-ec",
            'mount -t tmpfs none /sys/kernel/btf && exec "$@"',
            "sh",
            *command,
        ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    """Climb, count, tell."""
    object_path, *btf = sys.argv[1:]
    before = _resident()
    with bpffs() as place, Cable(mtu=9000) as cable:
        found = climb(Path(object_path), place / "telegen", NoFilters(), Path(btf[0]) if btf else None)
        grown = _resident() - before
        cable.attach("left", EGRESS, found.prog_fd, OUT)
        cable.attach("right", INGRESS, found.punt_fd, IN)
        behind = [cable.stranger("left", EGRESS), cable.stranger("right", INGRESS)]
        cable.send(FRAMES)
        until(lambda: behind[1].frames == len(FRAMES))
        told = {
            "loader": found.loader,
            "reason": found.reason,
            "frames": [stranger.frames for stranger in behind],
            "counts": {
                number: {name: asdict(count) for name, count in slot(found.maps.fd("if_stats_percpu"), number).items()}
                for number in (OUT, IN)
            },
            "punts": punts(found.maps.fd(PUNT), IN),
            "mapped": [line for line in Path("/proc/self/maps").read_text().splitlines() if BIG.search(line)],
            "grown": grown,
        }
        found.close()
    print(json.dumps(told))


def _resident() -> int:
    """Peak of the memory in use, in KiB."""
    return int(re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[0])


if __name__ == "__main__":
    main()
