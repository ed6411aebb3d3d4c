"""The object itself: its maps, the layout that it tells, other builds of it, and that it needs nothing of a kernel."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from sonic_telegen.kernel import libbpf
from tests.support import frames as f
from tests.support.bpfobj import Classifier, build
from tests.support.objects import ROOT, telegen_object
from tests.support.reference import BOUNDS, count

LAYOUT = struct.Struct("=25I")
FRAME = f.ether(f.IPV6, f.ipv6(f.ICMPV6, f.icmpv6(bytes(20))), [(f.DOT1Q, 5)])


def layout(path: Path) -> tuple[int, ...]:
    """The 25 words of ``struct tg_layout`` in an object that was not loaded."""
    with libbpf.Object.open(path) as opened:
        return LAYOUT.unpack(opened.rodata("layout"))


def tag(path: Path) -> str:
    with Classifier(path) as loaded:
        return libbpf.prog_info(loaded.fd).tag


def test_maps_are_the_three_and_read_only_data() -> None:
    with libbpf.Object.open(telegen_object()) as opened:
        assert {name for name in opened.map_names if not name.endswith(".rodata")} == {
            "stats_percpu",
            "if_stats_percpu",
            "punt_percpu",
        }
        opened.load()
        totals, slots = (libbpf.map_info(opened.map_fd(name)) for name in ("stats_percpu", "if_stats_percpu"))
    assert (totals.type, totals.key_size, totals.value_size, totals.max_entries) == (libbpf.PERCPU_ARRAY, 4, 16, 4)
    assert (slots.type, slots.key_size, slots.value_size, slots.max_entries) == (libbpf.PERCPU_ARRAY, 4, 392, 2048)


def test_layout_is_told_in_the_object() -> None:
    bounds = (*BOUNDS, 0, 0, 0, 0, 0, 0)
    assert layout(telegen_object()) == (0x74656C67, 1, 2048, 4, 10, 16, 392, 8, 96, 16, *bounds)


def test_other_layout_is_told_and_made(tmp_path: Path) -> None:
    path = build(tmp_path, TG_LAYOUT_VERSION=2, TG_SLOTS=16, TG_PAD=3)
    assert path.parent == tmp_path
    assert layout(path)[:10] == (0x74656C67, 2, 16, 4, 10, 16, 392 + 24, 8 + 24, 96, 16)
    with libbpf.Object.open(path) as opened:
        opened.load()
        slots = libbpf.map_info(opened.map_fd("if_stats_percpu"))
    assert (slots.value_size, slots.max_entries) == (416, 16)


def test_another_build_has_another_tag_and_counts_the_same(tmp_path: Path) -> None:
    paths = [telegen_object(), build(tmp_path, TG_BUILD=1), build(tmp_path, TG_BUILD=2)]
    assert len({tag(path) for path in paths}) == 3
    assert len({layout(path) for path in paths}) == 1
    for path in paths:
        with Classifier(path) as loaded:
            assert loaded.run(FRAME) == {"icmp6": count([len(FRAME)])}


def test_the_same_build_twice_has_the_same_tag() -> None:
    """The loader knows a program of its own build by it."""
    assert tag(telegen_object()) == tag(telegen_object())


def test_it_loads_and_counts_where_the_kernel_shows_no_btf(tmp_path: Path) -> None:
    path = build(tmp_path)
    code = (
        "import sys\nfrom pathlib import Path\nfrom tests.support.bpfobj import Classifier\n"
        "assert not Path('/sys/kernel/btf/vmlinux').exists()\n"
        "with Classifier(Path(sys.argv[1])) as loaded:\n"
        "    print(loaded.run(bytes.fromhex(sys.argv[2]))['icmp6'].packets)\n"
    )
    hide = 'mount -t tmpfs none /sys/kernel/btf && exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", hide, "sh", sys.executable, "-c", code, str(path), FRAME.hex()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_no_instruction_depends_on_kernel_types(tmp_path: Path) -> None:
    """bpftool writes down the kernel types that an object's CO-RE relocations need: an empty BTF, so there are none."""
    bpftool = shutil.which("bpftool") or "/usr/sbin/bpftool"
    kernel = Path("/sys/kernel/btf/vmlinux")
    if not kernel.exists():
        pytest.skip(f"machine: {kernel}: absent, so nothing could be relocated against it")
    needed = tmp_path / "min.btf"
    subprocess.run(
        [bpftool, "gen", "min_core_btf", str(kernel), str(needed), str(telegen_object())],
        check=True,
        capture_output=True,
    )
    header_size, type_bytes = struct.unpack_from("=4xI4xI", needed.read_bytes())
    assert (header_size, type_bytes) == (24, 0)
