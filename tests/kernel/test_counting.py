"""``sonic-telegen bcc``: an operator's own program counts beside all others, keeps to the verdict, and goes again."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sonic_telegen.counting import main
from sonic_telegen.journal import Journal
from sonic_telegen.kernel.detach import detach_all
from sonic_telegen.kernel.netlink import Netlink
from tests.support import frames as f
from tests.support.bpfobj import Classifier
from tests.support.cable import IN, INGRESS, Cable
from tests.support.counting import TTL, finish, function, guests, running, told
from tests.support.net import run_in, tc_json, until
from tests.support.objects import ROOT, open_fds

UDP = f.ether(f.IPV4, f.ipv4(f.UDP, f.udp(bytes(100))))
MIXED = [UDP] * 5 + [f.arp()] * 3 + [f.ether(f.IPV4, f.ipv4(f.UDP, f.udp(bytes(300))))] * 2
PAIR = ("ip", "link", "add", "d0", "type", "veth", "peer", "name", "d1")


@pytest.fixture
def line() -> Iterator[Cable]:
    with Cable() as made:
        yield made


@pytest.fixture
def ttl(tmp_path: Path) -> Path:
    return source(tmp_path, TTL)


def source(folder: Path, text: str) -> Path:
    path = folder / "mine.c"
    path.write_text(text)
    return path


def test_it_counts_between_the_agents_program_and_a_strangers_and_goes(line: Cable, ttl: Path) -> None:
    space = line.spaces["right"]
    with Classifier() as ours:
        line.attach("right", INGRESS, ours.fd, IN, priority=2)
        behind = line.stranger("right", INGRESS)
        before = tc_json(space, "filter show dev right ingress")
        with running(space, "right", ttl, "--json") as made:
            assert [row["pref"] for row in tc_json(space, "filter show dev right ingress") if "options" in row] == [
                2,
                3,
                4,
            ]
            line.send(MIXED)
            assert until(lambda: behind.frames == len(MIXED)), "the verdict leaves frames to the filters behind"
            (last,) = finish(made)
        assert sum(count.packets for count in ours.slot(IN).values()) == len(MIXED)
        assert tc_json(space, "filter show dev right ingress") == before, "all others are as they were"
    sizes = [{"key": size, "value": {"frames": n, "bytes": n * size}} for size, n in ((142, 5), (342, 2))]
    assert last["maps"] == {"by_size": sizes, "ttl": [{"key": 64, "value": 7}]}
    assert (last["iface"], last["direction"], last["function"]) == ("right", "ingress", "count")


def test_the_table_is_for_people_and_ends_by_itself(line: Cable, ttl: Path) -> None:
    with running(line.spaces["left"], "left", ttl, "--direction", "egress", "--duration", "4") as made:
        line.send([UDP])
        said, error = made.communicate(timeout=60)
    assert (made.returncode, "Ctrl-C ends it" in error) == (0, True)
    assert "by_size (hash)\nKEY    FRAMES    BYTES\n-----  --------  -------\n142    1         142\n" in said
    assert guests(line.spaces["left"], "left", "egress") == []


def test_a_qdisc_that_had_to_be_made_goes_with_it(line: Cable, ttl: Path) -> None:
    space = line.spaces["left"]
    run_in(space, *PAIR)
    for way, kind in (("ingress", "ingress"), ("both", "clsact")):
        with running(space, "d0", ttl, "--direction", way, "--json") as made:
            assert kind in {row["kind"] for row in tc_json(space, "qdisc show dev d0")}
            finish(made, 15)
        assert {row["kind"] for row in tc_json(space, "qdisc show dev d0")} <= {"noop", "noqueue"}


VERDICT = "its verdict is always TC_ACT_UNSPEC"
REFUSED = {
    "another verdict": ("return TC_ACT_OK;", VERDICT),
    "another verdict on one path": (
        "if (skb->len > 1000) return TC_ACT_SHOT; return TC_ACT_UNSPEC;",
        VERDICT,
    ),
    "a verdict from a map": (
        "u32 k = 0; int *v = m.lookup(&k); return v ? *v : TC_ACT_UNSPEC;",
        VERDICT,
    ),
    "a mark": ("skb->mark = 7; return TC_ACT_UNSPEC;", "context"),
    "a byte of the frame": (
        "u8 *at = (void *)(long)skb->data;\n"
        "if ((void *)(at + 14) <= (void *)(long)skb->data_end) at[0] = 1;\nreturn TC_ACT_UNSPEC;",
        "into the frame",
    ),
    "a redirect": ("return bpf_redirect(1, 0);", "calls helper 23"),
    "a classic load": ("m.increment(load_byte(skb, 12)); return TC_ACT_UNSPEC;", "bpf_skb_load_bytes"),
    "a tail call": ("t.call(skb, 1); return TC_ACT_UNSPEC;", "calls helper 12"),
    "wrong C": ("return nothing;", "mine.c:6:8: error: use of undeclared identifier 'nothing'"),
    "a header of the kernel": ("#include <linux/skbuff.h>\nreturn TC_ACT_UNSPEC;", "apt install linux-headers-"),
    "no such memory": ("return *(int *)(long)skb->data_end;", "the verifier refused it"),
}


@pytest.mark.parametrize(("body", "says"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_keep_to_the_verdict_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], body: str, says: str
) -> None:
    text = function(body).replace("\nint", "\nBPF_HASH(m, u32, int);\nBPF_PROG_ARRAY(t, 2);\nint")
    before = open_fds()
    assert main([str(source(tmp_path, text)), "--iface", "nowhere"]) == 1
    said = capsys.readouterr()
    assert (said.out, says in said.err) == ("", True), said.err
    assert "nowhere" not in said.err, "it was not attached"
    assert open_fds() == before


def test_a_filter_of_a_killed_command_is_removed_by_the_next_and_by_detach(
    line: Cable, ttl: Path, tmp_path: Path
) -> None:
    space = line.spaces["left"]
    with running(space, "left", ttl):
        pass
    assert len(guests(space, "left")) == 1, "SIGKILL leaves it; it counts and harms nobody"
    with running(space, "left", ttl) as made:
        assert guests(space, "left") == [f"telegen-bcc/{made.pid}"]
        finish(made)
    with running(space, "left", ttl):
        pass
    netlink = Netlink(space)
    removed = detach_all(netlink, Journal(tmp_path))
    netlink.close()
    assert (len(removed.filters), guests(space, "left")) == (1, [])


def test_two_commands_do_not_see_each_other(line: Cable, ttl: Path) -> None:
    space = line.spaces["left"]
    with running(space, "left", ttl, "--json") as one, running(space, "left", ttl, "--json") as two:
        assert len(guests(space, "left")) == 2
        finish(one)
        assert guests(space, "left") == [f"telegen-bcc/{two.pid}"]
        finish(two)


def test_errors_name_the_remedy(ttl: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*words: str) -> str:
        assert main(words) == 1
        return capsys.readouterr().err

    assert "name a netdev of this namespace (ip link)" in said(str(ttl), "--iface", "none")
    assert "name a C file that can be read" in said("none.c", "--iface", "left")
    assert "it has count; name one" in said(str(ttl), "--check", "--function", "other")
    assert f"apt install linux-headers-{platform.release()}" in said(str(ttl), "--check", "--kernel-headers")


@pytest.mark.parametrize(
    ("words", "says"), [((), "--iface is needed"), (("--iface", "x", "--duration", "-1"), "use seconds above 0")]
)
def test_a_wrong_option_is_2(words: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["mine.c", *words])
    assert says in capsys.readouterr().err


def test_an_ingress_qdisc_has_no_egress_hook(line: Cable, ttl: Path) -> None:
    space = line.spaces["left"]
    run_in(space, *PAIR)
    run_in(space, "tc", "qdisc", "add", "dev", "d0", "ingress")
    done = told(space, str(ttl), "--iface", "d0", "--direction", "egress")
    assert (done.returncode, "an ingress qdisc has no egress hook" in done.stderr) == (1, True)


def test_without_capabilities_they_are_named(ttl: Path) -> None:
    ttl.parent.chmod(0o755)
    words = [sys.executable, "-m", "sonic_telegen", "bcc", str(ttl), "--check"]
    prefix = ["setpriv", "--inh-caps=-all", "--bounding-set=-all", "--"]
    done = subprocess.run([*prefix, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, "lacking here: CAP_BPF" in done.stderr) == (1, True), done.stderr


def test_help_has_an_example_that_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    example = capsys.readouterr().out.partition("<<'C'\n")[2].partition("\n  C\n")[0]
    assert main([str(source(tmp_path, example)), "--check"]) == 0
    assert "keeps to TC_ACT_UNSPEC" in capsys.readouterr().out
