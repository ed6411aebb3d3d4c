"""BPF objects through libbpf: loaded into the real kernel, and refused with words that help."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sonic_telegen.errors import Gone, KernelError, NotSupported, VerifierRejected
from sonic_telegen.kernel import libbpf, libbpf_c
from sonic_telegen.kernel.libbpf import Object
from tests.support.objects import ROOT, open_fds, source_object, telegen_object
from tests.support.sources import GOOD, REFUSED, RELOCATES


def test_load_run_and_read_back() -> None:
    with Object.open(source_object(GOOD, "good")) as o:
        assert set(o.map_names) == {"numbers", "good.rodata"}
        o.set_max_entries("numbers", 8)
        o.load()
        info = libbpf.map_info(o.map_fd("numbers"))
        assert (info.type, info.key_size, info.value_size, info.max_entries) == (libbpf.ARRAY, 4, 8, 8)
        program = libbpf.prog_info(o.prog_fd("good"))
        assert program.name == "good"
        assert info.id in program.map_ids
        assert len(program.tag) == 16
        assert (
            program.tag == Path(f"/proc/self/fdinfo/{o.prog_fd('good')}").read_text().split("prog_tag:")[1].split()[0]
        )
        frame = bytes(range(60))
        run = libbpf.prog_test_run(o.prog_fd("good"), frame, struct.pack("=3I", 0, 0, 41), repeat=3)
        assert (run.retval, run.data_out) == (60, frame)
        assert struct.unpack_from("=I", run.ctx_out, 8) == (44,)
        assert libbpf.lookup(o.map_fd("numbers"), bytes(4), 8) == struct.pack("=Q", 3 * (7 + 2))


def test_constants_are_read_before_and_after_loading() -> None:
    with Object.open(source_object(GOOD, "good")) as o:
        before = o.rodata("first"), o.rodata("second")
        o.load()
        assert (o.rodata("first"), o.rodata("second")) == before
        assert before == (struct.pack("=I", 7), struct.pack("=QII", 0x1122334455667788, 1, 2))
        with pytest.raises(KernelError, match="third in"):
            o.rodata("third")
    with Object.open(telegen_object()) as o:
        assert struct.unpack_from("=I", o.rodata("layout")) == (0x74656C67,)


def test_constant_that_is_set_is_what_the_program_adds() -> None:
    with Object.open(source_object(GOOD, "good")) as o:
        o.set_rodata("first", struct.pack("=I", 1000))
        o.load()
        libbpf.prog_test_run(o.prog_fd("good"), bytes(60), repeat=3)
        assert libbpf.lookup(o.map_fd("numbers"), bytes(4), 8) == struct.pack("=Q", 3 * (1000 + 2))
        with pytest.raises(KernelError, match=r"first in.*it has 4 bytes, the value 5"):
            o.set_rodata("first", bytes(5))


def test_reused_map_is_shared_and_stays_the_callers() -> None:
    fd = libbpf.map_create(libbpf.ARRAY, "mine", 4, 8, 4)
    with Object.open(source_object(GOOD, "good")) as o:
        o.reuse("numbers", fd)
        o.load()
        libbpf.prog_test_run(o.prog_fd("good"), bytes(60))
        assert libbpf.map_info(o.map_fd("numbers")).id == libbpf.map_info(fd).id
    assert libbpf.lookup(fd, bytes(4), 8) == struct.pack("=Q", 9)
    os.close(fd)


def test_names_that_are_not_there() -> None:
    with Object.open(source_object(GOOD, "good")) as o:
        with pytest.raises(KernelError, match="not loaded"):
            o.map_fd("numbers")
        o.load()
        for wrong in (lambda: o.map_fd("nothing"), lambda: o.prog_fd("nothing"), lambda: o.reuse("nothing", 0)):
            with pytest.raises(KernelError, match=r"nothing in .*good\.o"):
                wrong()


def test_the_verifiers_whole_log_is_in_the_error() -> None:
    with Object.open(source_object(REFUSED, "refused")) as o, pytest.raises(VerifierRejected) as caught:
        o.load()
    assert "map_value_or_null" in str(caught.value)
    assert len(caught.value.log) > 65536, "longer than any fixed buffer one would think of"
    assert any(line.startswith("0: ") for line in caught.value.log.splitlines()[:2]), "from the first instruction on"
    assert "processed" in caught.value.log.splitlines()[-1]


def test_files_that_are_no_bpf_objects(tmp_path: Path) -> None:
    good = source_object(GOOD, "good").read_bytes()
    cases = {
        "text": (b"#!/bin/sh\n" * 9, "no ELF file"),
        "empty": (b"", "no ELF file"),
        "host": (Path(sys.executable).resolve().read_bytes()[:4096], "another machine"),
        "swapped": (good[:5] + bytes([3 - good[5]]) + good[6:], "byte order"),
        "cut": (good[:200], "open BPF object"),
    }
    for name, (content, said) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(KernelError, match=said) as caught:
            Object.open(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)
    with pytest.raises(Gone, match="make build"):
        Object.open(tmp_path / "absent")


def test_nothing_leaks() -> None:
    def once() -> None:
        with Object.open(telegen_object()) as o:
            o.load()
            libbpf.read_array(o.map_fd("stats_percpu"), 16, 4, per_cpu=True)
        with Object.open(source_object(REFUSED, "refused")) as o, pytest.raises(VerifierRejected):
            o.load()

    once()
    before = open_fds()
    for _ in range(5):
        once()
    assert open_fds() == before


def test_threads_do_not_hear_each_other() -> None:
    """One thread's verifier log must not turn up in the error of another."""
    logs: dict[str, list[str]] = {"refused": [], "absent": []}
    start = threading.Barrier(2)

    def refused() -> None:
        start.wait()
        for _ in range(3):
            with Object.open(source_object(REFUSED, "refused")) as o, pytest.raises(VerifierRejected) as caught:
                o.load()
            logs["refused"].append(caught.value.log)

    def absent() -> None:
        start.wait()
        while len(logs["refused"]) < 3:
            with libbpf_c.captured() as said, pytest.raises(KernelError):
                libbpf.obj_get("/proc/nothing")
            logs["absent"] += said

    source_object(REFUSED, "refused")
    threads = [threading.Thread(target=f) for f in (refused, absent)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert logs["absent"] == []
    assert len(set(map(len, logs["refused"]))) == 1


def test_library_missing_is_not_supported() -> None:
    code = "from sonic_telegen.kernel import libbpf_c as c, libbpf; c.SONAME = 'libbpf.so.99'; libbpf.possible_cpus()"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].startswith("sonic_telegen.errors.NotSupported: open library on libbpf.so.99")
    assert "install the package libbpf1" in done.stderr


HIDDEN_BTF = """
import sys
from sonic_telegen.kernel.libbpf import Object, prog_test_run
with Object.open(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None) as o:
    o.load()
    print(prog_test_run(o.prog_fd(sys.argv[1].rsplit("/", 1)[1].removesuffix(".o")), bytes(60)).retval)
"""


def without_kernel_btf(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a mount namespace where /sys/kernel/btf is empty."""
    hide = 'mount -t tmpfs none /sys/kernel/btf && exec "$@"'
    command = ["unshare", "--mount", "sh", "-ec", hide, "sh", sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_without_kernel_btf(tmp_path: Path) -> None:
    types = tmp_path / "vmlinux.btf"
    types.write_bytes(Path("/sys/kernel/btf/vmlinux").read_bytes())
    relocates = str(source_object(RELOCATES, "relocates"))
    refused = without_kernel_btf(HIDDEN_BTF, relocates)
    assert NotSupported.__name__ in refused.stderr
    assert "TELEGEN_BTF_PATH" in refused.stderr
    assert without_kernel_btf(HIDDEN_BTF, relocates, str(types)).stdout == "42\n"
    assert without_kernel_btf(HIDDEN_BTF, str(source_object(GOOD, "good"))).stdout == "60\n"
