"""The pin directory: whose it must be, what is said when it cannot be used, and what removal leaves alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sonic_telegen.errors import KernelError, PermissionDenied
from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.pins import NAMES, remove_pins
from tests.support.objects import ROOT, bpffs
from tests.support.pinned import loaded


@pytest.fixture
def place() -> Iterator[Path]:
    with bpffs() as found:
        yield found


def stranger(path: Path) -> None:
    fd = libbpf.map_create(libbpf.ARRAY, "stranger", 4, 8, 1)
    libbpf.obj_pin(fd, str(path))
    os.close(fd)


def test_no_bpffs_names_the_mount_command(tmp_path: Path) -> None:
    for path in (tmp_path / "telegen", tmp_path):
        with pytest.raises(KernelError, match="no BPF file system is mounted") as caught, loaded(path):
            pass
        assert "mount -t bpf bpf" in str(caught.value)
    with pytest.raises(KernelError, match="mount -t bpf bpf"), loaded(tmp_path / "no" / "parent"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_under_sys_fs_bpf_the_usual_mount_is_named() -> None:
    """In a mount namespace of its own, where /sys/fs/bpf is an empty directory as on a box that never mounted it."""
    code = "from sonic_telegen.kernel.pins import PinDir; PinDir('/sys/fs/bpf/telegen-sonic').prepare()"
    hide = 'mount -t tmpfs none /sys/fs/bpf && exec "$@"'
    command = ["unshare", "--mount", "sh", "-ec", hide, "sh", sys.executable, "-c", code]
    last = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stderr.splitlines()[-1]
    assert "no BPF file system is mounted at /sys/fs/bpf" in last
    assert last.endswith("; mount it: mount -t bpf bpf /sys/fs/bpf")


def test_a_directory_that_is_mounted_itself_will_do(place: Path) -> None:
    """systemd's BindPaths puts the directory under a parent that is no bpffs."""
    with loaded(place) as found:
        assert found.notices == ()
    assert {path.name for path in place.iterdir()} >= set(NAMES)


@pytest.mark.parametrize("made", ["file", "link"])
def test_what_is_no_directory_is_refused(place: Path, tmp_path: Path, made: str) -> None:
    path = place / "telegen"
    if made == "link":
        (place / "real").mkdir()
        path.symlink_to(place / "real")
    else:
        stranger(path)
    with pytest.raises(KernelError, match="Not a directory"), loaded(path):
        pass
    if made == "link":
        with pytest.raises(KernelError, match="symbolic link"):
            remove_pins(path)


def test_a_strangers_directory_is_refused_also_by_root(place: Path) -> None:
    path = place / "telegen"
    path.mkdir()
    os.chown(path, 65534, 65534)
    with (
        pytest.raises(PermissionDenied, match=r"telegen: it belongs to uid 65534 and this process is uid 0"),
        loaded(path),
    ):
        pass
    assert list(path.iterdir()) == []


def test_removal_takes_our_pins_and_leaves_strangers(place: Path) -> None:
    path = place / "telegen"
    with loaded(path):
        pass
    (path / "next").mkdir()
    for name in ("mine", "next/base", "next/other", "prog_new"):
        stranger(path / name)
    told = remove_pins(path)
    assert sorted(told) == [f"{path}/mine is not ours and stays", f"{path}/next/other is not ours and stays"]
    assert sorted(str(found.relative_to(path)) for found in path.rglob("*")) == ["mine", "next", "next/other"]
    for name in ("mine", "next/other"):
        (path / name).unlink()
    assert remove_pins(path) == ()
    assert not path.exists()
    assert remove_pins(path) == ()


def test_removal_touches_nothing_outside_a_bpffs(tmp_path: Path) -> None:
    """TELEGEN_PIN_DIR may be wrong: files that happen to have our pins' names are not ours."""
    (tmp_path / "base").write_text("precious")
    with pytest.raises(KernelError, match="no BPF file system"):
        remove_pins(tmp_path)
    assert (tmp_path / "base").read_text() == "precious"
