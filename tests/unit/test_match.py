"""What a job may ask: fields of a question to a Match and back, equal questions equal, contradictions named."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sonic_telegen.db import codec, schema
from sonic_telegen.errors import ConfigError
from sonic_telegen.model.asked import Rejection
from sonic_telegen.model.job import JobSpec, ResultDetail
from sonic_telegen.model.match import EVERY_FRAME, Match
from sonic_telegen.model.values import PORTS, PREFIX

octets = st.integers(0, 255)
ranges = st.tuples(st.integers(1, 65535), st.integers(1, 65535)).map(lambda ends: (min(ends), max(ends)))
prefixes = st.one_of(*(st.tuples(st.ip_addresses(v=v), st.integers(0, 32 if v == 4 else 128)) for v in (4, 6))).map(
    lambda made: ipaddress.ip_network(f"{made[0]}/{made[1]}", strict=False)
)
matches = st.builds(
    Match,
    ip_proto=st.lists(st.sampled_from([1, 6, 17, 47, 58, 132]) | octets, max_size=8).map(tuple),
    src_cidr=st.none() | prefixes,
    dst_cidr=st.none() | prefixes,
    l4_sport=st.lists(ranges, max_size=8).map(tuple),
    l4_dport=st.lists(ranges, max_size=8).map(tuple),
    dscp=st.lists(st.integers(0, 63), max_size=8).map(tuple),
    vlan=st.integers(0, 4094),
    filter=st.just("") | st.from_regex("[!-~][ -~]{0,30}", fullmatch=True),
).filter(lambda match: match.contradiction() is None)
details = st.sampled_from(ResultDetail)
QUESTION = (*schema.MATCH_FIELDS, "sample_rate", "result_detail", "snaplen")


def job(**fields: str) -> JobSpec:
    return codec.parse_job("a", {"port": "Ethernet0", **fields})


def refusal(**fields: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        job(**fields)
    return caught.value


@given(matches, st.integers(1, 65536), details, st.integers(64, 9216))
def test_a_question_round_trips_through_its_row(match: Match, rate: int, detail: ResultDetail, snaplen: int) -> None:
    spec = JobSpec("a", "Ethernet0", match=match, sample_rate=rate, result_detail=detail)
    if detail is ResultDetail.PACKETS:
        spec = replace(spec, snaplen=snaplen)
    again = codec.parse_job("a", codec.job_row(spec))
    assert again == spec
    assert again.digest() == spec.digest()


def test_each_field_means_what_it_says() -> None:
    asked = job(
        ip_proto="tcp,17,sctp",
        src_cidr="10.1.2.3/8",
        dst_cidr="0.0.0.0/0",
        l4_sport="1-65535",
        l4_dport="443,8000-8099",
        dscp="46,0",
        vlan="4094",
        filter="tcp[tcpflags] & tcp-syn != 0",
        sample_rate="65536",
        result_detail="packets",
        snaplen="9216",
    )
    assert asked.match == Match(
        (6, 17, 132),
        ipaddress.IPv4Network("10.0.0.0/8"),
        ipaddress.IPv4Network("0.0.0.0/0"),
        ((1, 65535),),
        ((443, 443), (8000, 8099)),
        (0, 46),
        4094,
        "tcp[tcpflags] & tcp-syn != 0",
    )
    assert (asked.sample_rate, asked.result_detail, asked.snaplen) == (65536, ResultDetail.PACKETS, 9216)
    assert asked.match.family == 4


@pytest.mark.parametrize(
    "one, other",
    [
        ({"ip_proto": "tcp,udp"}, {"ip_proto": "17,6,tcp"}),
        ({"ip_proto": "icmp6"}, {"ip_proto": "58"}),
        ({"src_cidr": "192.0.2.77/24"}, {"src_cidr": "192.0.2.0/24"}),
        ({"src_cidr": "2001:DB8::1/32"}, {"src_cidr": "2001:0db8:0:0:0:0:0:0/32"}),
        ({"ip_proto": "tcp", "l4_dport": "81,80"}, {"ip_proto": "tcp", "l4_dport": "80-81"}),
        ({"ip_proto": "tcp", "l4_dport": "1-10,5-20,7"}, {"ip_proto": "tcp", "l4_dport": "1-20"}),
        ({"dscp": "46,10,46"}, {"dscp": "10,46"}),
        ({"sample_rate": "1"}, {}),
        ({"result_detail": "summary"}, {}),
        ({"result_detail": "packets"}, {"result_detail": "packets", "snaplen": "128"}),
    ],
)
def test_equal_questions_are_one_job(one: dict[str, str], other: dict[str, str]) -> None:
    assert job(**one) == job(**other)
    assert job(**one).digest() == job(**other).digest()


def test_different_questions_are_different_jobs() -> None:
    rows: list[dict[str, str]] = [
        {},
        {"ip_proto": "tcp"},
        {"ip_proto": "udp"},
        {"src_cidr": "10.0.0.0/8"},
        {"dst_cidr": "10.0.0.0/8"},
        {"dst_cidr": "10.0.0.0/9"},
        {"ip_proto": "tcp", "l4_sport": "80"},
        {"ip_proto": "tcp", "l4_dport": "80"},
        {"ip_proto": "tcp", "l4_dport": "80,82"},
        {"dscp": "0"},
        {"dscp": "46"},
        {"vlan": "46"},
        {"filter": "tcp"},
        {"sample_rate": "2"},
        {"result_detail": "flows"},
        {"result_detail": "packets"},
        {"result_detail": "packets", "snaplen": "64"},
    ]
    assert len({job(**row).digest() for row in rows}) == len(rows)


def test_a_plain_job_keeps_the_digest_it_had_before_there_were_questions() -> None:
    assert job().digest() == "4206b773e07416bb"


def test_only_a_question_that_the_interface_does_not_answer_needs_a_program() -> None:
    plain: list[dict[str, str]]
    plain = [{}, {"sample_rate": "1"}, {"result_detail": "summary"}, {"direction": "both", "duration_sec": "60"}]
    assert [job(**row).needs_program for row in plain] == [False] * 4
    own = ({"dscp": "0"}, {"ip_proto": "0"}, {"filter": "ip"}, {"sample_rate": "2"}, {"result_detail": "flows"})
    assert [job(**row).needs_program for row in own] == [True] * 5
    assert not EVERY_FRAME
    assert Match(ip_proto=(0,))


BAD = {
    "protocol without a name": ({"ip_proto": "tpc"}, "ip_proto", "tcp, udp, icmp"),
    "protocol over 255": ({"ip_proto": "256"}, "ip_proto", "0 to 255"),
    "nine protocols": ({"ip_proto": "1,2,3,4,5,6,7,8,9"}, "ip_proto", "at most 8"),
    "a comma too many": ({"dscp": "46,"}, "dscp", "comma list"),
    "a space in a list": ({"dscp": "46, 10"}, "dscp", "comma list"),
    "no prefix length": ({"src_cidr": "10.0.0.1"}, "src_cidr", "192.0.2.0/24"),
    "IPv4 length over 32": ({"dst_cidr": "10.0.0.0/33"}, "dst_cidr", "IPv4 or IPv6 prefix"),
    "IPv6 length over 128": ({"dst_cidr": "::/129"}, "dst_cidr", "IPv4 or IPv6 prefix"),
    "netmask": ({"src_cidr": "10.0.0.0/255.0.0.0"}, "src_cidr", "IPv4 or IPv6 prefix"),
    "zone": ({"src_cidr": "fe80::1%eth0/64"}, "src_cidr", "IPv4 or IPv6 prefix"),
    "IPv4 in IPv6": ({"src_cidr": "::ffff:10.0.0.1/128"}, "src_cidr", "IPv4 or IPv6 prefix"),
    "port 0": ({"ip_proto": "tcp", "l4_sport": "0"}, "l4_sport", "1 to 65535"),
    "port 65536": ({"ip_proto": "tcp", "l4_sport": "65536"}, "l4_sport", "1 to 65535"),
    "range reversed": ({"ip_proto": "tcp", "l4_dport": "22,443-80"}, "l4_dport", "not above the last"),
    "open range": ({"ip_proto": "tcp", "l4_dport": "80-"}, "l4_dport", "8000-8099"),
    "DSCP 64": ({"dscp": "64"}, "dscp", "0 to 63"),
    "DSCP with a zero in front": ({"dscp": "007"}, "dscp", "0 to 63"),
    "VLAN 0": ({"vlan": "0"}, "vlan", "1 to 4094"),
    "rate 0": ({"sample_rate": "0"}, "sample_rate", "1 to 65536"),
    "tiny snaplen": ({"result_detail": "packets", "snaplen": "63"}, "snaplen", "64 to 9216"),
    "detail that is none": ({"result_detail": "all"}, "result_detail", "summary, flows or packets"),
    "filter of 10 kB": ({"filter": "tcp or " * 1463}, "filter", "1 to 1024"),
    "filter of nothing": ({"filter": ""}, "filter", "1 to 1024"),
    "filter of a space": ({"filter": " "}, "filter", "no space first"),
    "filter in two lines": ({"filter": "tcp\nudp"}, "filter", "printable"),
    "ports of nothing": ({"l4_dport": "80"}, "l4_dport", "tcp, udp or sctp"),
    "ports of ICMP": ({"ip_proto": "icmp", "l4_sport": "80"}, "l4_sport", "tcp, udp or sctp"),
    "ports of TCP and GRE": ({"ip_proto": "tcp,gre", "l4_dport": "80"}, "l4_dport", "tcp, udp or sctp"),
    "IPv4 to IPv6": ({"src_cidr": "10.0.0.0/8", "dst_cidr": "::/0"}, "dst_cidr", "two IPv4 or two IPv6"),
    "ICMP over IPv6": ({"ip_proto": "tcp,1", "src_cidr": "::/0"}, "ip_proto", "icmp6 with IPv6"),
    "ICMPv6 over IPv4": ({"ip_proto": "icmp6", "dst_cidr": "10.0.0.0/8"}, "ip_proto", "icmp with IPv4"),
    "snaplen of flows": ({"result_detail": "flows", "snaplen": "64"}, "snaplen", "result_detail packets"),
    "snaplen of a summary": ({"snaplen": "128"}, "snaplen", "result_detail packets"),
}


@pytest.mark.parametrize("row, field, remedy", BAD.values(), ids=BAD.keys())
def test_a_bad_question_names_field_and_remedy(row: dict[str, str], field: str, remedy: str) -> None:
    problem = refusal(**row)
    assert (problem.field, problem.value, problem.code) == (field, row[field], "invalid_value")
    assert remedy in problem.problem


hexes = st.text("0123456789abcdefABCDEF", max_size=5)
addresses = st.lists(hexes, min_size=1, max_size=9).map(":".join) | st.text("0123456789.:af", max_size=20)


@given(st.one_of(addresses, st.ip_addresses().map(str)), st.integers(0, 140))
@example("1:2:3:4:5:6:7::", 0)
@example("::2:3:4:5:6:7:8", 0)
@example("1:2:3:4::6:7:8:9", 0)
@example("::", 128)
def test_a_prefix_is_what_pythons_own_reader_takes(address: str, length: int) -> None:
    """But for IPv4 within IPv6, a netmask and a zone."""
    text = f"{address}/{length}"
    try:
        known = ipaddress.ip_network(text, strict=False) if ":" not in address or "." not in address else None
    except ValueError:
        known = None
    try:
        assert PREFIX.read(text) == known
    except ValueError:
        assert known is None


@given(st.integers(0, 70000), st.integers(0, 70000))
def test_a_range_of_ports_is_read_if_it_is_one(low: int, high: int) -> None:
    try:
        assert PORTS.read(f"{low}-{high}") == ((low, high),)
    except ValueError:
        assert not 1 <= low <= high <= 65535
    else:
        assert 1 <= low <= high <= 65535


@given(st.dictionaries(st.sampled_from(QUESTION), st.text("0123456789,-/.: tcpudflowspackets", max_size=12)))
def test_no_question_crashes_the_codec(row: dict[str, str]) -> None:
    (parsed,) = codec.parse_jobs({"a": {"port": "Ethernet0", **row}}).values()
    assert isinstance(parsed, (JobSpec, Rejection))


def test_the_fields_of_a_match_are_fields_of_a_job() -> None:
    assert set(schema.MATCH_FIELDS) < set(schema.JOB_FIELDS)
