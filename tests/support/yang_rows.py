"""Rows of our tables, good and broken, at the edges of what the schema allows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product
from typing import NamedTuple

from hypothesis import strategies as st

from sonic_telegen.db import schema
from sonic_telegen.model.values import JOB_ID, Either, Several, Spelt, Text, ValueType, Whole, Words
from sonic_telegen.rest.json_schema import pattern

TABLES = {"PORT": ("Ethernet0", "Ethernet4"), "PORTCHANNEL": ("PortChannel1",), "VLAN": ("Vlan100",)}
AROUND = {
    "sonic-port:sonic-port": {
        "sonic-port:PORT": {"PORT_LIST": [{"name": name, "lanes": "0", "speed": 1000} for name in TABLES["PORT"]]}
    },
    "sonic-portchannel:sonic-portchannel": {
        "sonic-portchannel:PORTCHANNEL": {"PORTCHANNEL_LIST": [{"name": "PortChannel1", "admin_status": "up"}]}
    },
    "sonic-vlan:sonic-vlan": {"sonic-vlan:VLAN": {"VLAN_LIST": [{"name": "Vlan100", "vlanid": 100}]}},
}
ODD: tuple[str, ...] = (
    "",
    " ",
    "x",
    "0",
    "1",
    "-1",
    "-0",
    "+1",
    "007",
    "0" * 9 + "7",
    "1_0",
    "٣",
    "²",
    "1\n",
    "\n1",
    " 1",
    "1\t",
)
ODD += ("0x10", "1e2", "1.0", "9" * 40, "9" * 5000, "True", "é", "😀", "\u200b1", "null", "['a']", "..", "a/b", "a b")
ODD += ("a" * 15, "a" * 16, "a" * 64, "a" * 65, "/" + "a" * 254, "/" + "a" * 255, "a" * 256, "a" * 1025, "192.0.2.1")
PORTS = ("Ethernet0", "Ethernet4", "PortChannel1", "Vlan100", "eth0", "all", "Ethernet8", "Vlan1", "ALL", "ethernet0")
KEYS = ("a", "-a", ".a", "_a", "a|b", "|", "a ", " a", "a\n", "ä", "a/b", "a:b", "0", "a" * 64, "a" * 65, "")
STRANGE = ("prot", "Port", "port@", "job_id", "sonic-telegen:port", "a b", "x\n", "", "é", "NULL", "1a")
PREFIXES: tuple[str, ...] = (
    "0.0.0.0/0",
    "10.1.2.3/8",
    "10.0.0.1",
    "10.0.0.0/33",
    "10.0.0.0/08",
    "10.0.0/8",
    "10.0.0.0/",
    "::/0",
    "::/129",
)
PREFIXES += ("2001:DB8::1/32", "1:2:3:4:5:6:7:8/128", "1:2:3:4:5:6:7::/64", "1:2:3:4:5:6:7:8:9/64", "1::2::3/64")
PREFIXES += ("::ffff:10.0.0.1/128", "fe80::1%eth0/64", ":1::/64", "12345::/16", "g::/16", "::1", "1:2:3:4:5:6:7/64")
QUESTION: dict[str, tuple[str, ...]] = {
    "ip_proto": ("tcp", "17,132,6", "icmp", "6,1", "58", "tcp,icmp6", "11", "158", "icmp,icmp6"),
    "src_cidr": ("10.0.0.0/8", "::/0"),
    "dst_cidr": ("192.0.2.1/32", "2001:db8::/32"),
    "l4_sport": ("80", "1-2,4-3"),
    "l4_dport": ("443,8000-8099", "99-100", "100-99"),
    "result_detail": ("summary", "flows", "packets"),
    "snaplen": ("64",),
}  # good values one by one but for the reversed ranges; many contradict each other
COMPANY = {  # what a field is never good without
    "l4_sport": {"ip_proto": "tcp"},
    "l4_dport": {"ip_proto": "sctp,17"},
    "snaplen": {"result_detail": "packets"},
}


class Row(NamedTuple):
    table: str
    key: str
    fields: dict[str, str]


def known(table: str) -> dict[str, schema.Field]:
    return schema.JOB_FIELDS if table == schema.JOB_TABLE else schema.GLOBAL_FIELDS


def edges(kind: ValueType[object]) -> Iterator[str]:
    """Texts on both sides of the type's borders."""
    if isinstance(kind, Whole):
        around = (kind.low - 1, kind.low, kind.high, kind.high + 1, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**64)
        yield from map(str, around)
        yield from (f"{kind.high:09d}", f"{kind.high:010d}")
    elif isinstance(kind, Words):
        for word in (*kind.choices, *kind.later):
            yield from (word, word.upper(), f"{word}\n", f" {word}", word[:-1])
    elif isinstance(kind, Either):
        yield from (kind.word, f"{kind.word}\n", f"{kind.word}0", f"0{kind.word}")
        yield from edges(kind.other)
    elif isinstance(kind, Spelt):
        yield from edges(kind.number or kind.form)
        yield from PREFIXES
    elif isinstance(kind, Several):
        yield from (words := tuple(edges(kind.item)))
        yield from (",".join([words[1]] * count) for count in (2, kind.most, kind.most + 1))
        yield from (
            f"{words[1]},",
            f",{words[1]}",
            f"{words[1]},,{words[1]}",
            f"{words[1]}, {words[1]}",
            ",",
            "-",
            "1-",
        )
        yield from (
            "1-1",
            "1-65535",
            "2-1",
            "10-9",
            "9-10",
            "1,2-1",
            f"{'1-2,' * (kind.most - 1)}2-1",
            "80,20-70",
            "1-2-3",
        )
        yield from ("tcp", "TCP", "icmp6", "icmp66", "gre,sctp,udp", "tcp-udp")
    elif isinstance(kind, Text):
        yield from (*kind.never, "a" * kind.max_length, "a" * (kind.max_length + 1), "/" * kind.max_length)
        yield from (f"/etc/{'a' * (kind.max_length - 5)}", "192.0.2.255", "192.0.2.256", "192.0.2.01", "1.2.3.4\n")


def texts(name: str, kind: ValueType[object]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*edges(kind), *ODD, *(PORTS if name == "port" else ()))))


def one_change(table: str) -> Iterator[Row]:
    """Good rows with one field set to each text, each later and each strange field, and each key."""
    base = {"port": "Ethernet0"} if table == schema.JOB_TABLE else {}
    key = "a" if table == schema.JOB_TABLE else schema.GLOBAL_KEY
    for name, field in known(table).items():
        for text in texts(name, field.type) if field.available else ("1", "tcp", ""):
            yield Row(table, key, base | COMPANY.get(name, {}) | {name: text})
    for name in STRANGE:
        yield Row(table, key, base | {name: "a"})
    yield Row(table, key, {})
    if table == schema.JOB_TABLE:
        yield from (Row(table, other, base) for other in KEYS)


def contradictions() -> Iterator[Row]:
    """Jobs with every two and some three of the fields that may contradict each other."""
    names = [name for name in QUESTION if schema.JOB_FIELDS[name].available]
    for chosen in (*combinations(names, 2), ("ip_proto", "src_cidr", "dst_cidr")):
        for texts in product(*(QUESTION[name] for name in chosen)):
            yield Row(schema.JOB_TABLE, "a", {"port": "Ethernet0", **dict(zip(chosen, texts, strict=True))})


def rows(table: str) -> st.SearchStrategy[Row]:
    """Rows of any fields, each from its edges, from what its pattern makes, or from any text."""

    def text(name: str) -> st.SearchStrategy[str]:
        field = known(table).get(name)
        kind = field.type if field else None
        choices: list[st.SearchStrategy[str]] = [st.text(st.characters(exclude_categories=["Cs"]), max_size=20)]
        if kind:
            choices = [st.sampled_from(texts(name, kind)), *choices]
        if isinstance(kind, Text):
            choices = [*choices, st.from_regex(kind.pattern, fullmatch=True), st.from_regex(kind.pattern)]
        if isinstance(kind, (Spelt, Several)):
            choices = [
                *choices,
                st.from_regex(f"(?:{pattern(kind)})", fullmatch=True),
                st.sampled_from(QUESTION.get(name, ("1",))),
            ]
        if isinstance(kind, (Whole, Either)):
            choices.append(st.integers(-2, 70_000).map(str))
        return st.one_of(choices)

    names = (*known(table), *STRANGE)
    fields = st.lists(st.sampled_from(names), unique=True, max_size=3).flatmap(
        lambda chosen: st.fixed_dictionaries({name: text(name) for name in chosen})
    )
    if table == schema.GLOBAL_TABLE:
        return st.builds(Row, st.just(table), st.just(schema.GLOBAL_KEY), fields)
    ports: st.SearchStrategy[dict[str, str]] = st.sampled_from([*({"port": port} for port in PORTS[:6]), {}])
    keys = st.one_of(st.from_regex(JOB_ID.pattern, fullmatch=True), st.sampled_from(KEYS))
    return st.builds(Row, st.just(table), keys, st.builds(lambda port, others: port | others, ports, fields))
