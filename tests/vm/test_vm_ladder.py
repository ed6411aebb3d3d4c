"""The loader ladder as the packaged agent, and an operator's program: what other verifiers make of bcc's code."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sonic_telegen.demo.frames import mix
from tests.support.counting import TTL, finish, function, guests, running, told
from tests.support.relocating import relocating
from tests.vm.scene import OBJECT, PACKAGED, SUPERUSER, scene
from tests.vm.test_vm_agent import ROW, expected, settled

MISSING = Path("/nonexistent/telegen.bpf.o")
FRAMES = [frame for frame, _ in mix()]


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that everybody can read."""
    with tempfile.TemporaryDirectory(prefix="tgladder-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


def test_every_rung_counts_the_same_and_goes_on_where_the_last_one_stopped(public: Path) -> None:
    types = public / "vmlinux.btf"
    types.write_bytes(Path("/sys/kernel/btf/vmlinux").read_bytes())
    types.chmod(0o644)
    rungs: dict[str, tuple[tuple[Path, ...], bool, str]] = {
        "packaged": ((OBJECT,), False, "core"),
        "without BTF": ((OBJECT,), True, "core"),
        "BTF file": ((Path(relocating()), types), True, "core-btf-file"),
        "bcc": ((MISSING,), True, "bcc"),
    }
    with scene(PACKAGED) as stage:
        for turn, (name, (words, hide, loader)) in enumerate(rungs.items(), 1):
            with stage.actor(*words, hide_btf=hide) as actor:
                first = actor.ask(watch=ROW)
                assert first["jobs"]["watch"] == ["running", "", ""], (name, first)
                assert first["loader"][0] == loader, first["loader"]
                assert bool(first["loader"][1]) == (name != "packaged"), first["loader"]
                stage.switch.send("Ethernet0", [frame.octets for frame in FRAMES])
                found = settled(actor, turn * len(FRAMES))
                assert found["mapped"] == [], f"{name}: the compiler is in the agent"
            assert found["hooks"]["Ethernet0 ingress"] == expected(turn * FRAMES), name
            assert found["accounts"]["watch"] == [turn * len(FRAMES), turn * sum(len(f.octets) for f in FRAMES)], name


REFUSED = {
    "another verdict": ("return skb->len > 1000 ? TC_ACT_SHOT : TC_ACT_UNSPEC;", "always TC_ACT_UNSPEC"),
    "a mark": ("skb->mark = 7; return TC_ACT_UNSPEC;", "context"),
}


def test_an_operators_program_counts_and_goes(public: Path) -> None:
    source = public / "ttl.c"
    source.write_text(TTL)
    with scene(SUPERUSER) as stage:
        space = stage.switch.namespace
        with running(space, "Ethernet0", source) as made:
            stage.switch.send("Ethernet0", [frame.octets for frame in FRAMES])
            (last,) = finish(made)
        assert guests(space, "Ethernet0") == []
    bare = [untagged(frame.octets) for frame in FRAMES]
    ipv4 = [len(frame) for frame in bare if frame[12:14] == b"\x08\x00"]
    assert sum(row["value"] for row in last["maps"]["ttl"]) == len(ipv4)
    assert {row["key"]: row["value"]["frames"] for row in last["maps"]["by_size"]} == {
        size: ipv4.count(size) for size in ipv4
    }


def untagged(frame: bytes) -> bytes:
    """As a program finds it where it arrives: the kernel has put the outer tag beside it."""
    return frame[:12] + frame[16:] if frame[12:14] in (b"\x81\x00", b"\x88\xa8") else frame


@pytest.mark.parametrize(("body", "says"), REFUSED.values(), ids=REFUSED)
def test_a_program_that_does_not_keep_to_the_verdict_is_refused(public: Path, body: str, says: str) -> None:
    source = public / "mine.c"
    source.write_text(function(body))
    with scene(SUPERUSER) as stage:
        done: Any = told(stage.switch.namespace, str(source), "--check")
    assert (done.returncode, says in done.stderr) == (1, True), done.stderr
