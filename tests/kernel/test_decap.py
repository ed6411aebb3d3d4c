"""What is mirrored is found in any packet, counted and matched: BPF_PROG_TEST_RUN against a decoder in Python."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sonic_telegen.model.erspan import ErspanAsked
from sonic_telegen.model.job import MirrorMode
from sonic_telegen.model.match import EVERY_FRAME, Match
from sonic_telegen.model.sample import Session
from tests.kernel.test_job_match import CUT_WITHIN, QUESTIONS, Counts, added, matches
from tests.support import erspan as e
from tests.support import frames as f
from tests.support.anyframe import frames, taken_by_a_test_run
from tests.support.anyframe import tags as any_tags
from tests.support.job_reference import facts
from tests.support.jobprog import JobProgram, spec
from tests.support.patience import examples
from tests.support.reference import CLASSES, count

FOREIGN = b""  # what a frame is that cannot be looked at: nothing of it is there
ANYBODY = ErspanAsked()


def decap(match: Match = EVERY_FRAME, asked: ErspanAsked = ANYBODY, sessions: int = 256) -> JobProgram:
    return JobProgram(spec(match, erspan=asked), mode=MirrorMode.DECAP, sessions=sessions)


@dataclass
class Wanted:
    """What a job must have counted of some packets."""

    match: Match = EVERY_FRAME
    asked: ErspanAsked = ANYBODY
    slot: Counts = field(default_factory=dict)
    sessions: dict[Session, e.Session] = field(default_factory=dict)

    def take(self, packet: bytes) -> None:
        inner = e.decapsulate(packet)
        if inner is None or not self._asks_about(inner):
            return
        key = Session(str(inner.source), str(inner.dest), inner.session)
        session = self.sessions.setdefault(key, e.Session())
        if inner.sequence is not None:
            session.number(inner.sequence)
        if facts(FOREIGN if inner.frame is None else inner.frame, inner.taken).fits(self.match):
            name = e.class_of(inner)
            self.slot = added(self.slot, {name: count([inner.size])})
            session.count(name, inner.size)

    def _asks_about(self, inner: e.Inner) -> bool:
        asked = self.asked
        return (
            asked.remote in (None, str(inner.source))
            and asked.local in (None, str(inner.dest))
            and asked.key in (None, inner.session)
        )


def check(program: JobProgram, wanted: Wanted) -> None:
    assert program.slot() == wanted.slot
    found = program.sessions()
    assert found.keys() == wanted.sessions.keys()
    for key, session in wanted.sessions.items():
        value = found[key]
        classes = {name: (c.packets, c.bytes) for name, c in zip(CLASSES, value.classes, strict=True) if c.packets}
        assert classes == session.classes
        assert (value.lost, value.repeated, value.restarts) == (session.lost, session.repeated, session.restarts)


sessions = st.sampled_from([0, 1, 10, 1023])
sequences = st.integers(0, 3) | st.integers(0, 2**32 - 1)
flags = st.sampled_from([0, e.CHECKSUM, e.KEY, e.CHECKSUM | e.KEY])
inner_frames = frames.map(lambda frame: frame[:1400]) | st.binary(max_size=60)
mirrored = st.one_of(
    st.builds(e.type_1, inner_frames, flags),
    st.builds(e.type_2, inner_frames, sessions, sequences, st.sampled_from([0, 7, 4094]), flags, st.integers(0, 3)),
    st.builds(
        e.type_3,
        inner_frames,
        sessions,
        sequences,
        flags.flatmap(lambda bits: st.sampled_from([bits, bits | e.SEQUENCE])),
        st.sampled_from([0, 0, 0, 2, 31]),
        st.booleans(),
    ),
    st.builds(e.vendor, inner_frames, flags | st.just(e.SEQUENCE), sequences),
    st.builds(e.gre, st.sampled_from([0x6558, e.ERSPAN, 0]), inner_frames, flags=st.integers(0, 0xFFFF)),
)
received = st.builds(
    e.outer,
    mirrored,
    source=st.sampled_from([e.REMOTE, bytes([10, 0, 0, 1])]),
    to=st.sampled_from([e.LOCAL, bytes([10, 0, 0, 2])]),
    options=st.integers(0, 10).map(lambda words: bytes(4 * words)),
    tags=any_tags.map(tuple),
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Bytes of the headers changed, an end cut off."""
    packet = bytearray(draw(received))
    for _ in range(draw(st.integers(0, 3))):
        packet[draw(st.integers(12, min(len(packet), 110) - 1))] = draw(st.integers(0, 255))
    return bytes(packet[: draw(st.integers(min(len(packet), 34), len(packet)))])


packets = st.one_of(received, damaged(), frames).filter(taken_by_a_test_run)
asked = st.builds(
    ErspanAsked,
    remote=st.sampled_from([None, None, "192.0.2.1"]),
    local=st.sampled_from([None, None, "192.0.2.2"]),
    key=st.sampled_from([None, None, 0, 1, 1023]),
)


@st.composite
def questions(draw: st.DrawFn) -> tuple[list[bytes], Match, ErspanAsked]:
    """Some packets, and a match about what may be in the first."""
    sent = draw(st.lists(packets, min_size=1, max_size=4))
    inner = e.decapsulate(sent[0])
    about = facts(inner.frame or FOREIGN, inner.taken) if inner else facts(FOREIGN)
    return sent, draw(st.just(EVERY_FRAME) | matches(about)), draw(asked)


@settings(max_examples=examples(1500), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(questions())
@example(([e.outer(e.type_2(f.arp()))], EVERY_FRAME, ANYBODY))
def test_kernel_and_reference_agree(question: tuple[list[bytes], Match, ErspanAsked]) -> None:
    sent, match, asked = question
    wanted = Wanted(match, asked)
    with decap(match, asked) as program:
        for packet in sent:
            program.run(packet)
            wanted.take(packet)
            check(program, wanted)


FORMS = {
    "type I": e.type_1,
    "type II": e.type_2,
    "type III": e.type_3,
    "type III with a platform's header": lambda frame: e.type_3(frame, more=True),
    "type III without a sequence number": lambda frame: e.type_3(frame, flags=e.KEY),
    "vendor": e.vendor,
    "vendor with every word of GRE": lambda frame: e.vendor(frame, e.CHECKSUM | e.KEY | e.SEQUENCE),
}
INSIDE = CUT_WITHIN["TCP over IPv4 in a VLAN"]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_packet_cut_anywhere_is_counted_as_what_is_left_of_it(form: object) -> None:
    assert callable(form)
    whole = e.outer(form(INSIDE), options=bytes(8), tags=((f.DOT1Q, 9),))
    wanted = Wanted()
    with decap() as program:
        for length in range(42, len(whole) + 1):
            program.run(whole[:length])
            wanted.take(whole[:length])
            check(program, wanted)
    assert len(wanted.slot) == 2, "the class of the frame, and other"


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("match", QUESTIONS.values(), ids=QUESTIONS)
def test_matches_are_those_of_the_frame_within(match: Match, form: object) -> None:
    assert callable(form)
    wanted = Wanted(match)
    with decap(match) as program:
        for frame in CUT_WITHIN.values():
            for packet in (e.outer(form(frame)), frame):
                program.run(packet)
                wanted.take(packet)
        check(program, wanted)


def test_bytes_are_the_frames_without_the_padding_of_the_packet() -> None:
    short = f.ether(f.ARP, b"")
    packet = e.outer(e.type_1(short))
    assert len(packet) == 60
    with decap() as program:
        program.run(packet)
        program.run(packet + bytes(100))
        assert program.slot() == {"other": count([14, 14])}


def test_a_header_that_lies_in_the_padding_is_not_there() -> None:
    frame = f.ether(f.IPV6, f.ipv6(f.ICMPV6, f.icmpv6()))
    packet = bytearray(e.outer(e.type_1(frame)))
    packet[16:18] = (20 + 4 + 20).to_bytes(2, "big")
    with decap() as program:
        program.run(bytes(packet))
        assert program.slot() == {"ipv6": count([20])}


def test_a_tag_that_the_switch_took_out_is_the_frames_vlan() -> None:
    frame = f.ether(f.IPV4, f.ipv4(f.UDP, f.udp()))
    with decap(Match(vlan=7)) as program:
        program.run(e.outer(e.type_2(frame, vlan=7, taken=2)))
        program.run(e.outer(e.type_2(frame, vlan=7, taken=3)))
        program.run(e.outer(e.type_2(frame, vlan=8, taken=2)))
        assert program.slot() == {"ipv4": count([len(frame)])}


@pytest.mark.parametrize(
    ("inside", "kind"),
    [
        (e.type_2(f.ether(f.IPV4, b"")[:13]), "frame cut within its type"),
        (e.gre(e.ERSPAN, b"\x20" + bytes(40), flags=e.SEQUENCE), "version 2 of type II"),
        (e.gre(e.ERSPAN_3, b"\x10" + bytes(40), flags=e.SEQUENCE), "version 1 of type III"),
        (e.type_3(f.arp(), kind=2), "IP without Ethernet"),
        (e.gre(e.VENDOR, bytes(21)), "cut vendor header"),
        (e.gre(e.ERSPAN_3, b"\x20" + bytes(10) + b"\x01" + bytes(7)), "cut platform header"),
    ],
)
def test_what_is_no_frame_is_other(inside: bytes, kind: str) -> None:
    with decap() as program:
        program.run(e.outer(inside))
        assert list(program.slot()) == ["other"], kind


@pytest.mark.parametrize(
    "packet",
    [
        e.outer(e.gre(0x6558, f.arp())),
        e.outer(e.gre(e.ERSPAN, f.arp(), flags=e.ROUTING)),
        e.outer(e.gre(e.ERSPAN, f.arp(), flags=1)),
        f.ether(f.IPV4, f.ipv4(f.UDP, e.type_1(f.arp()))),
        f.ether(f.IPV4, f.ipv4(e.GRE, e.type_1(f.arp()), fragment=1)),
        f.ether(f.IPV6, f.ipv6(e.GRE, e.type_1(f.arp()))),
        f.ether(f.IPV4, b"\x65" + f.ipv4(e.GRE, e.type_1(f.arp()))[1:]),
        f.ether(f.IPV4, b"\x44" + f.ipv4(e.GRE, e.type_1(f.arp()))[1:]),
        f.arp(),
    ],
)
def test_what_is_no_erspan_is_not_the_jobs(packet: bytes) -> None:
    with decap() as program:
        program.run(packet)
        assert (program.slot(), program.sessions()) == ({}, {})
