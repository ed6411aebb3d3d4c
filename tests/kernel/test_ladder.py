"""The loader ladder: whichever way the programs come, they count the same, and the way and its reason are told."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from sonic_telegen.errors import KernelError, PermissionDenied
from sonic_telegen.kernel import compiler, libbpf
from sonic_telegen.kernel.compiled import Compiled, compile_interface
from sonic_telegen.kernel.ladder import climb
from sonic_telegen.kernel.layout import Layout
from tests.support.anyframe import frames, gso_segs, gso_sizes, taken_by_a_test_run
from tests.support.bpfobj import Classifier
from tests.support.net import until
from tests.support.objects import ROOT, TELEGEN, bpffs, open_fds, source_object, telegen_object
from tests.support.patience import examples
from tests.support.pinned import NoFilters, loaded, totals
from tests.support.reference import expected
from tests.support.relocating import relocating
from tests.support.rungs import FRAMES, climbed

MISSING = "/nonexistent/telegen.bpf.o"
SOURCE = compiler.packaged("telegen.bpf.c")


@pytest.fixture
def pins() -> Iterator[Path]:
    with bpffs() as place:
        yield place / "telegen"


@pytest.fixture(scope="module")
def types(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The kernel's types in a file."""
    path = tmp_path_factory.mktemp("types") / "vmlinux.btf"
    path.write_bytes(Path("/sys/kernel/btf/vmlinux").read_bytes())
    return str(path)


def test_every_rung_counts_the_same_before_a_strangers_filter(types: str) -> None:
    packaged, gone = str(telegen_object()), f"open BPF object on {MISSING}: No such file or directory"
    compiled_here = f"the object did not load ({gone}): compiled here from {SOURCE}"
    hidden = "this kernel shows no BTF: "
    told = {
        "packaged": climbed(packaged),
        "without BTF": climbed(packaged, hide=True),
        "BTF file": climbed(relocating(), types, hide=True),
        "bcc": climbed(MISSING),
        "bcc without BTF": climbed(MISSING, hide=True),
    }
    assert {name: (row["loader"], row["reason"]) for name, row in told.items()} == {
        "packaged": ("core", ""),
        "without BTF": ("core", f"{hidden}the object needs none"),
        "BTF file": ("core-btf-file", f"{hidden}TELEGEN_BTF_PATH={types} stands in"),
        "bcc": ("bcc", compiled_here),
        "bcc without BTF": ("bcc", compiled_here),
    }
    first = told["packaged"]
    sent = sum(counted["packets"] for counted in first["counts"]["11"].values())
    assert sent == len(FRAMES) == sum(packets for packets, _ in first["punts"].values())
    for name, row in told.items():
        assert row["frames"] == [len(FRAMES)] * 2, f"{name}: frames that reached the strangers' filters"
        assert (row["counts"], row["punts"]) == (first["counts"], first["punts"]), name
        assert row["mapped"] == [], f"{name}: the compiler is in this process"
        assert row["grown"] < 20_000, f"{name}: KiB at the peak; bcc takes 120,000"


class CompiledHere(Classifier):
    """The program as bcc makes it."""

    def __init__(self, program: str) -> None:
        self._object, self._program = Compiled(str(SOURCE), compile_interface()), program  # type: ignore[assignment]


@pytest.fixture(scope="module", params=["telegen_if", "telegen_if_punt"])
def classifier(request: pytest.FixtureRequest) -> Iterator[Classifier]:
    with CompiledHere(request.param) as made:
        yield made


@settings(max_examples=examples(400), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frames.filter(taken_by_a_test_run), gso_sizes, gso_segs)
def test_compiled_here_it_agrees_with_the_reference(classifier: Classifier, frame: bytes, size: int, segs: int) -> None:
    assert classifier.run(frame, size, segs) == expected(frame, gso_size=size, gso_segs=segs)


def test_the_compiled_code_tells_the_layout_of_the_object() -> None:
    with libbpf.Object.open(telegen_object()) as opened, Compiled("here", compile_interface()) as made:
        assert made.rodata("layout") == opened.rodata("layout")
        assert Layout.parse(made.rodata("layout")).slots == 2048


def test_counters_go_on_from_rung_to_rung(pins: Path) -> None:
    with loaded(pins) as first:
        libbpf.prog_test_run(first.prog_fd, bytes(60))
        ids = {name: libbpf.map_info(first.maps.fd(name)).id for name in ("stats_percpu", "if_stats_percpu")}
    for turn in (2, 3):
        found = climb(Path(MISSING), pins, NoFilters())
        assert {name: libbpf.map_info(found.maps.fd(name)).id for name in ids} == ids
        assert ("takes the place of" in "".join(found.notices)) == (turn == 2), "the same source, the same program"
        libbpf.prog_test_run(found.prog_fd, bytes(60))
        assert totals(found.maps.sample()) == turn
        found.close()
    with loaded(pins) as last:
        assert totals(last.maps.sample()) == 3


def test_the_verifiers_refusal_is_a_reason_too(pins: Path) -> None:
    text = (ROOT / TELEGEN).read_text()
    refused = text.replace("\treturn TC_ACT_UNSPEC;\n}", "\treturn *(int *)(long)skb->data_end;\n}")
    found = climb(source_object(refused, "refused"), pins, NoFilters())
    assert found.loader == "bcc"
    assert "the verifier refused it: " in found.reason
    found.close()


def test_without_bcc_both_remedies_are_told(pins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "PYTHON", "/usr/bin/false")
    before = open_fds()
    with pytest.raises(KernelError, match=r"`make build`.*nor could bcc help"):
        climb(Path(MISSING), pins, NoFilters())
    assert open_fds() == before
    without = tmp_path / "python"
    without.write_text('#!/bin/sh\nexec /usr/bin/python3 -S "$@"\n')
    without.chmod(0o755)
    monkeypatch.setattr(compiler, "PYTHON", str(without))
    with pytest.raises(KernelError, match=r"bcc is not installed .*; apt install python3-bpfcc"):
        climb(Path(MISSING), pins, NoFilters())


def test_a_source_that_does_not_compile_is_told_with_clangs_words(pins: Path, tmp_path: Path) -> None:
    source = tmp_path / "wrong.c"
    source.write_text("int telegen_if(struct __sk_buff *skb) { return skb->nothing; }\n")
    with pytest.raises(KernelError, match=r"wrong.c:1:.*no member named 'nothing'"):
        climb(Path(MISSING), pins, NoFilters(), source=source)
    assert not any(pins.iterdir())


def test_what_no_rung_would_help_is_raised_as_it_is(pins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("nothing is to be compiled")

    monkeypatch.setattr("sonic_telegen.kernel.ladder.compiled.compile_interface", never)
    with pytest.raises(KernelError, match="mount it: mount -t bpf"):
        climb(telegen_object(), Path("/tmp/no-bpffs/telegen"), NoFilters())
    pins.mkdir()
    pins.chmod(0o500)
    os.chown(pins, 65534, 65534)
    with pytest.raises(PermissionDenied, match="belongs to uid 65534"):
        climb(telegen_object(), pins, NoFilters())


PACKAGED = ["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]
SETS = [f"--{which}=-all,+bpf,+net_admin,+perfmon" for which in ("inh-caps", "ambient-caps", "bounding-set")]


@pytest.mark.parametrize("prefix", [[], ["setpriv", *PACKAGED, *SETS]], ids=["root", "packaged"])
def test_the_compiler_has_no_capability_before_it_hears_what_to_do(prefix: list[str]) -> None:
    child = shutil.copy(compiler.CHILD, f"/tmp/bcc_child-{os.getpid()}.py")  # where another user can read it
    try:
        with subprocess.Popen([*prefix, compiler.PYTHON, "-I", child], stdin=subprocess.PIPE) as waiting:
            status = Path(f"/proc/{waiting.pid}/status")
            found = until(lambda: re.findall(r"Cap(?:Eff|Prm|Amb):\t(\w+)", status.read_text()) == ["0" * 16] * 3)
            waiting.kill()
        assert found
    finally:
        Path(child).unlink()


def test_the_compiler_ends_with_who_asked() -> None:
    """Its stdin is ours and stays open: it is no end of input that ends it."""
    asks = (
        "import subprocess, sys\nchild = subprocess.Popen(sys.argv[1:])\nprint(child.pid, flush=True)\nchild.wait()\n"
    )
    command = [sys.executable, "-c", asks, compiler.PYTHON, "-I", str(compiler.CHILD)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as asking:
        assert asking.stdout is not None
        status = Path(f"/proc/{int(asking.stdout.readline())}/status")
        assert until(lambda: "CapPrm:\t0000000000000000" in status.read_text())
        asking.kill()
        assert until(lambda: ended(status))


def ended(status: Path) -> bool:
    try:
        return "State:\tZ" in status.read_text()
    except OSError:
        return True
