"""The product's pass in a process of its own: rows come in on stdin, what was found goes out on stdout.

``python -m tests.vm.lean OBJECT PIN_DIR STATE_DIR [BTF]``. All is the product's own code but Redis and OTLP, which cost
too much to import in a VM: kernel door, journal and reconcile loop. A line of stdin is a JSON object of job id to row,
or to ``[port, direction]``, all rows there are. The answer is one line of JSON, see ``answer``.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sonic_telegen.db.codec import parse_job
from sonic_telegen.door import KernelDoor
from sonic_telegen.journal import Journal
from sonic_telegen.model.asked import Asked
from sonic_telegen.model.job import JobSpec
from sonic_telegen.model.mirror import SessionAction
from sonic_telegen.model.sample import CLASSES, PUNT_PROTOCOLS, Counters, JobSample, Sample
from sonic_telegen.reconcile.loop import Loop, PassResult
from sonic_telegen.settings import Environment, resolve

_MAPS = Path("/proc/self/maps")


class Rows:
    """Stands where the tables of Redis are."""

    def __init__(self) -> None:
        self.jobs: dict[str, JobSpec] = {}

    def read(self) -> Asked:
        return Asked(jobs=self.jobs)

    def change_session(self, action: SessionAction) -> str:
        raise AssertionError(action)  # there is no ASIC


def job(name: str, row: Mapping[str, str] | list[str]) -> JobSpec:
    """A row as the codec reads it."""
    return parse_job(name, {"port": row[0], "direction": row[1]} if isinstance(row, list) else row)


def privileges() -> dict[str, Any]:
    """Who we are: uid, and the capability sets as numbers."""
    status = Path("/proc/self/status").read_text()
    sets = {name.lower(): int(value, 16) for name, value in re.findall(r"^(Cap\w+):\s*(\w+)$", status, re.MULTILINE)}
    uid = re.search(r"^Uid:\s*(\d+)", status, re.MULTILINE)
    return {"uid": int(uid[1]) if uid else -1, **sets}


def answer(result: PassResult, door: KernelDoor) -> dict[str, Any]:
    """Statuses by job (status, reason, message), what was done, the program, and every counter there is."""
    return {
        "jobs": {name: [told.status, told.reason, told.message] for name, told in result.jobs.items()},
        "interfaces": {name: told.interface for name, told in result.jobs.items()},
        "mirrored": {name: [own.mirrored, own.mirror_failed] for name, own in door.sample().jobs.items()},
        "sessions": {name: by_session(own) for name, own in door.sample().jobs.items()},
        "actions": {f"{kind} {outcome}": count for (kind, outcome), count in result.actions.items()},
        "failures": result.failures,
        "program": door.loaded.program.prog_id if door.loaded else 0,
        "loader": [door.loaded.loader, door.loaded.reason] if door.loaded else [],
        "mapped": sorted(
            {line.split("/")[-1] for line in _MAPS.read_text().splitlines() if "libbcc" in line or "LLVM" in line}
        ),
        "notices": door.loaded.notices if door.loaded else (),
        **(counters(result.sample) if result.sample else {}),
    }


def counters(sample: Sample) -> dict[str, Any]:
    """``hooks``: "port direction" to counters by class; ``totals`` by class; ``accounts`` by job: packets, bytes.

    ``punts``: "port direction" to packets and bytes by control protocol.
    """
    return {
        "start_ns": sample.start_ns,
        "hooks": {f"{hook.name} {hook.direction}": by_class(hook.classes) for hook in sample.interfaces},
        "totals": by_class(sample.totals),
        "accounts": {key.job: [sample.job(key.job).packets, sample.job(key.job).bytes] for key in sample.accounts},
        "punts": {
            f"{hook.name} {hook.direction}": {
                name: [c.packets, c.bytes] for name, c in zip(PUNT_PROTOCOLS, hook.protocols, strict=True) if c.packets
            }
            for hook in sample.punts
        },
    }


def by_class(counted: tuple[Counters, ...]) -> Mapping[str, Any]:
    """Class name to packets, bytes, histogram."""
    return {name: [c.packets, c.bytes, c.histogram] for name, c in zip(CLASSES, counted, strict=True)}


def by_session(own: JobSample) -> dict[str, list[int]]:
    """Sender and session to packets, bytes and lost of mirrored frames."""
    found = own.sessions or ()
    return {f"{one.session.source} {one.session.number}": [one.packets, one.bytes, one.lost] for one in found}


def main() -> None:
    """Answer until stdin ends."""
    bpf_object, pins, state, *btf = map(Path, sys.argv[1:])
    journal, rows = Journal(state), Rows()
    door = KernelDoor(
        Environment(pin_dir=pins, state_dir=state, bpf_obj=bpf_object, btf_path=btf[0] if btf else None), journal
    )
    env = {"TELEGEN_MIRROR_MODE": "direct"}
    loop = Loop(rows, door.open, journal, lambda row: resolve(row, env), lambda: None)
    print(json.dumps(privileges()), flush=True)
    for line in sys.stdin:
        rows.jobs = {name: job(name, row) for name, row in json.loads(line).items()}
        print(json.dumps(answer(loop.run(), door)), flush=True)


if __name__ == "__main__":
    main()
