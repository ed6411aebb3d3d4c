"""The VM harness without a VM: what a run's files mean, what the guest is told, which modules go in which order."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.vm.host import Lacking, require
from tests.vm.initramfs import module_files
from tests.vm.suite import Run, explanation, forget, outcomes, pytest_command, recall, table
from tests.vm.vmrun import COMPLAINT, NO_BOOT, TIMED_OUT, collect, script

ROOT = Path(__file__).parents[2]

WARNING = "[    3.9] WARNING: CPU: 0 PID: 1 at net/core/dev.c:1\n"


@pytest.mark.parametrize(
    ("files", "late", "code"),
    [
        ({"rc": "0\n"}, False, 0),
        ({"rc": "7\n", "dmesg": WARNING}, False, 7),
        ({"rc": "0\n", "dmesg": WARNING}, False, COMPLAINT),
        ({"rc": "0\n", "dmesg": "[    3.9] Call Trace:\n"}, False, COMPLAINT),
        ({"rc": "0\n", "console": "BUG: kernel NULL pointer dereference\n"}, False, COMPLAINT),
        ({"rc": "0\n", "dmesg": "[    0.1] Linux version 6.1 DEBUG: nothing wrong\n"}, False, 0),
        ({"console": "Kernel panic\n"}, False, NO_BOOT),
        ({"rc.part": "0\n"}, False, NO_BOOT),
        ({"log": "so far\n"}, True, TIMED_OUT),
    ],
)
def test_exit_code_of_a_run(tmp_path: Path, files: dict[str, str], late: bool, code: int) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    result = collect(tmp_path, late)
    assert result.code == code
    assert result.log == files.get("log", "").strip()


def test_guest_script_keeps_words_and_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "it's here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    words = script(["printf", "%s|", "a b", "$HOME", "'"], "6.1.0", ["GIVEN=x y=z"])
    ran = subprocess.run(
        ["sh", "-c", words + 'printf "%s|" "$PWD" "$GIVEN" "$TELEGEN_VM"'], capture_output=True, text=True, check=False
    )
    assert ran.stdout == f"a b|$HOME|'|{folder}|x y=z|6.1.0|"
    line = script(["exit 5; echo no"], "6.1.0", [])
    assert subprocess.run(["sh", "-c", line], check=False).returncode == 5


def test_modules_come_after_what_they_need(tmp_path: Path) -> None:
    base = tmp_path / "lib/modules/6.1"
    base.mkdir(parents=True)
    lines = [
        "kernel/fs/fuse/virtiofs.ko: kernel/drivers/virtio/virtio.ko kernel/fs/fuse/fuse.ko",
        "kernel/fs/fuse/fuse.ko:",
        "kernel/drivers/virtio/virtio.ko:",
        "kernel/drivers/char/hw_random/virtio-rng.ko.xz: kernel/drivers/virtio/virtio.ko",
    ]
    (base / "modules.dep").write_text("\n".join(lines) + "\n")
    order = [path.name for path in module_files(tmp_path, "6.1")]
    assert sorted(order) == ["fuse.ko", "virtio-rng.ko.xz", "virtio.ko", "virtiofs.ko"]
    assert order.index("virtio.ko") < order.index("virtio-rng.ko.xz")
    assert order.index("fuse.ko") < order.index("virtiofs.ko")


def test_missing_program_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(Lacking, match="qemu-system-x86_64 is missing: install the Debian package qemu-system-x86"):
        require("qemu-system-x86_64")


def test_only_a_run_in_which_none_failed_is_good(tmp_path: Path) -> None:
    report = tmp_path / "junit.xml"
    cases = '<testcase classname="tests.vm.a" name="x"/><testcase classname="tests.vm.a" name="y">{}</testcase>'
    seen = {}
    for inner in ("", "<failure/>", "<error/>", "<skipped/>"):
        report.write_text(f"<testsuites><testsuite>{cases.format(inner)}</testsuite></testsuites>")
        found = outcomes(report)
        assert found["a::x"] == "passed"
        seen[inner] = found["a::y"], Run("6.1.0", 0, 1.0, found).good
    assert seen == {
        "": ("passed", True),
        "<failure/>": ("failed", False),
        "<error/>": ("failed", False),
        "<skipped/>": ("skipped", True),
    }
    assert not Run("6.1.0", 0, 1.0, outcomes(tmp_path / "absent")).good
    assert not Run("6.1.0", COMPLAINT, 1.0, {"a::x": "passed"}).good
    assert not Run("6.1.0", 0, 1.0, {"a::x": "skipped"}).good
    shown = table({"5.10": Run("5.10.0", 0, 9.0, {"a::x": "passed"}), "6.1": Run("6.1.0", TIMED_OUT, 9.0, {})})
    assert shown.splitlines()[1].split() == ["a::x", "passed", "absent"]
    assert "6.1 (6.1.0): timed out" in shown


def test_of_many_tests_a_line_a_module_and_those_that_did_not_pass_are_shown() -> None:
    many = {f"test_a::{number}": "passed" for number in range(300)}
    runs = {"5.10": Run("5.10.0", 1, 9.0, many | {"test_b::x": "failed"}), "6.1": Run("6.1.0", 0, 9.0, many)}
    lines = [line.split() for line in table(runs).splitlines()]
    assert lines[1:4] == [["test_a", "300/300", "300/300"], ["test_b", "0/1", "0/0"], ["test_b::x", "failed", "absent"]]
    assert len(lines) == 6


def test_without_a_name_a_guest_runs_all_tiers_that_touch_the_kernel() -> None:
    words = pytest_command(["-k", "adopt"])
    assert {"tests/vm", "tests/kernel", "tests/system", "--ignore=tests/system/web"} <= set(words)
    ignored = [word.partition("=")[2] for word in words if word.startswith("--ignore=")]
    assert all((ROOT / path).exists() for path in ignored)
    assert pytest_command(["tests/vm/test_vm_maps.py::test_x"])[-1] == "tests/vm/test_vm_maps.py::test_x"


def test_why_a_test_of_a_guest_did_not_pass_is_told(tmp_path: Path) -> None:
    report = tmp_path / "junit.xml"
    assert explanation(report, "a::x") == "the guest left no report"
    failed = '<testcase classname="tests.vm.a" name="x"><failure message="assert 1 == 2">at line 7</failure></testcase>'
    report.write_text(f"<testsuites><testsuite>{failed}</testsuite></testsuites>")
    assert explanation(report, "a::x") == "assert 1 == 2\nat line 7"
    assert explanation(report, "a::y") == "the guest did not run it"


def test_a_run_is_recalled_as_it_was_and_not_before_it_ended(tmp_path: Path) -> None:
    ran = Run("6.1.0-40-amd64", COMPLAINT, 3.5, {"test_vm_agent::test_x": "passed"}, ("WARNING: CPU: 0",))
    assert recall(tmp_path) is None
    (tmp_path / "run.json").write_text(json.dumps(asdict(ran)))
    assert recall(tmp_path) == ran
    forget(tmp_path)
    assert recall(tmp_path) is None
