"""The memory that the maps of jobs may have a part of: a container's or a unit's limit counts, the least of all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sonic_telegen.kernel.machine import machine_bytes

WHOLE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
MIB = 1 << 20
V2, V1 = "memory.max", "memory/{}/memory.limit_in_bytes"
UNLIMITED = str((1 << 63) - 4096)  # as version 1 writes it


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/", {}, WHOLE),
        ("0::/", {V2: str(64 * MIB)}, 64 * MIB),  # a container with a name space of its own
        ("0::/a/b", {f"a/b/{V2}": str(64 * MIB)}, 64 * MIB),
        ("0::/a/b", {f"a/b/{V2}": "max", f"a/{V2}": str(32 * MIB)}, 32 * MIB),
        ("0::/a/b", {f"a/b/{V2}": "max"}, WHOLE),
        ("0::/a", {f"a/{V2}": str(WHOLE * 2)}, WHOLE),
        ("4:memory:/a", {V1.format("a"): str(48 * MIB)}, 48 * MIB),
        ("4:memory:/a/b", {V1.format("a/b"): UNLIMITED, V1.format("a"): str(48 * MIB)}, 48 * MIB),
        ("4:memory:/a", {V1.format("a"): UNLIMITED}, WHOLE),
        ("4:cpu,memory:/a\n0::/a", {V1.format("a"): str(48 * MIB), f"a/{V2}": str(16 * MIB)}, 16 * MIB),
        ("5:cpu:/a", {V1.format("a"): str(48 * MIB)}, WHOLE),
    ],
)
def test_the_least_limit_is_what_there_is(tmp_path: Path, groups: str, files: dict[str, str], expected: int) -> None:
    (tmp_path / "cgroup").write_text(groups + "\n")
    for name, text in files.items():
        path = tmp_path / "fs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    assert machine_bytes(tmp_path / "cgroup", tmp_path / "fs") == expected


def test_without_control_groups_it_is_the_machine_s(tmp_path: Path) -> None:
    assert machine_bytes(tmp_path / "absent", tmp_path) == WHOLE
