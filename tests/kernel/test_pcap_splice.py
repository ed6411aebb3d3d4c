"""An object's program with an expression in its marked place, and what is said of expressions that cannot be there."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from sonic_telegen.errors import ConfigError, KernelError, NotSupported, VerifierRejected
from sonic_telegen.kernel import ebpf as e
from sonic_telegen.kernel import libbpf, pcap
from sonic_telegen.kernel.cbpf import IND, LD, RET, Instruction
from sonic_telegen.kernel.ebpf import Assembler
from sonic_telegen.kernel.libbpf_object import Object
from sonic_telegen.kernel.spliced import load_spliced
from tests.support import frames as f
from tests.support.bpfobj import UNSPEC
from tests.support.counter import counted, counter_object
from tests.support.objects import open_fds
from tests.support.pcap import need_libpcap

TCP = f.ether(f.IPV4, f.ipv4(f.TCP, f.tcp(b"x" * 20)))
UDP = f.ether(f.IPV6, f.ipv6(f.UDP, f.udp(b"x" * 30)))
ARP = f.arp()


@pytest.fixture(autouse=True, scope="module")
def _library() -> None:
    need_libpcap()


@pytest.fixture
def loaded() -> Iterator[Object]:
    with Object.open(counter_object()) as o:
        o.load()
        yield o


def test_the_program_goes_on_with_the_answer_and_counts_into_its_maps(loaded: Object) -> None:
    fd = load_spliced(loaded, "counter", "tcp port 2 or arp")
    try:
        for frame in (TCP, UDP, ARP):
            ran = libbpf.prog_test_run(fd, frame)
            assert (ran.retval, ran.data_out) == (UNSPEC, frame)
        ids = libbpf.prog_info(fd).map_ids
    finally:
        os.close(fd)
    assert (counted(loaded, 0), counted(loaded, 1)) == ((2, len(TCP) + len(ARP)), (1, len(UDP)))
    assert libbpf.map_info(loaded.map_fd("counted")).id in ids


def test_equal_expressions_make_equal_programs_and_others_do_not(loaded: Object) -> None:
    tags = []
    for expression in ("tcp port 2", "tcp port 2", "tcp port 3"):
        fd = load_spliced(loaded, "counter", expression)
        tags.append(libbpf.prog_info(fd).tag)
        os.close(fd)
    assert tags[0] == tags[1] != tags[2]


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("src or", "libpcap says: can't parse filter expression: syntax error"),
        ("tcp prot 80", "'prot' is not known"),
        ("port 65536", "libpcap says: illegal port number 65536 > 65535"),
        ("net 10.0.0.1/8", 'libpcap says: non-network bits set in "10.0.0.1/8"'),
        ("net 10.0.0.0/33", "libpcap says: mask length must be <= 32"),
        ("tcp and udp and not ip", "libpcap says: expression rejects all packets"),
        ("ip broadcast", "libpcap says: netmask not known, so 'ip broadcast' not supported"),
        ("ip6 host 192.0.2.1", "libpcap says: 'ip6' modifier applied to ip host"),
        ("ip[0] / 0 = 1", "libpcap says: division by zero"),
        ("port telegen-has-none", "libpcap says: unknown port 'telegen-has-none'"),
        ("host collector.example", "write the address"),
        ("inbound", "use the job's direction"),
        ("ifindex 7", "use the job's direction and port"),
        ("ip6 protochain 6", "do without protochain"),
        ("(" * 1024, "libpcap says: "),
        ("not " * 256, "libpcap says: "),
    ],
)
def test_a_bad_expression_is_refused_in_words_that_help(expression: str, says: str) -> None:
    before = open_fds()
    with pytest.raises(ConfigError) as refused:
        pcap.check(expression)
    assert says in refused.value.problem
    assert (refused.value.field, refused.value.value, refused.value.code) == ("filter", expression, "invalid_value")
    assert open_fds() == before


def test_what_the_verifier_refuses_is_told_with_what_to_do(loaded: Object, monkeypatch: pytest.MonkeyPatch) -> None:
    asm = Assembler()
    asm.alu(e.MOV, e.R0, 1)
    asm.load(8, e.R0, e.R0, 0)
    broken = asm.code()
    monkeypatch.setattr(pcap, "code", lambda *_: broken)
    before = open_fds()
    with pytest.raises(VerifierRejected, match="shorten the filter expression") as refused:
        load_spliced(loaded, "counter", "tcp")
    assert "R0 invalid mem access" in refused.value.log
    assert open_fds() == before


def test_an_expression_that_cannot_be_compiled_is_an_error_of_loading_too(loaded: Object) -> None:
    """The check before comes from the same compiler, but an agent may be asked without it."""
    with pytest.raises(KernelError, match="libpcap says: unknown port"):
        load_spliced(loaded, "counter", "port telegen-has-none")


def test_a_program_that_jumps_cannot_reach_across_is_refused_before_it_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No expression of 1,024 characters makes one so long; a later libpcap might."""
    endless = (*[Instruction(LD | IND, 0, 0, 14)] * 4095, Instruction(RET, 0, 0, 1))
    monkeypatch.setattr(pcap, "compile_expression", lambda _: endless)
    with pytest.raises(ConfigError, match="shorten it"):
        pcap.check("an expression that only this test has")


def test_without_libpcap_the_row_stands_and_its_program_says_what_to_install(
    loaded: Object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pcap, "SONAME", "libtelegen-has-none.so.0")
    pcap.lib.cache_clear()
    try:
        pcap.check("tcp port 4711")
        with pytest.raises(NotSupported, match=r"install the package libpcap0\.8"):
            load_spliced(loaded, "counter", "tcp port 4711")
    finally:
        pcap.lib.cache_clear()
