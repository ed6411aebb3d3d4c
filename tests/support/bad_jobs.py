"""Rows of TELEGEN_JOB that ask for what is no question: each with the field to blame and the remedy.

Every door answers them so: command line, REST, YANG (but for libpcap's words) and the agent itself.
"""

from __future__ import annotations

from typing import NamedTuple

from sonic_telegen.db import codec
from sonic_telegen.model import match
from sonic_telegen.model.job import RECEIVES
from sonic_telegen.model.values import FILTER


class Bad(NamedTuple):
    """Beside ``port``: the fields, which of them is to blame, and words of the answer."""

    fields: dict[str, str]
    field: str
    remedy: str


BAD_QUESTIONS = {
    "unknown-protocol": Bad({"ip_proto": "http"}, "ip_proto", "use tcp, udp, icmp, icmp6, sctp, gre or a number"),
    "two-versions": Bad({"src_cidr": "10.0.0.0/8", "dst_cidr": "fe80::/10"}, "dst_cidr", match.NEEDS_ONE_VERSION),
    "icmp-of-ipv6": Bad({"ip_proto": "icmp", "src_cidr": "2001:db8::/32"}, "ip_proto", match.NEEDS_CARRIER),
    "icmp6-of-ipv4": Bad({"ip_proto": "icmp6", "dst_cidr": "10.0.0.0/8"}, "ip_proto", match.NEEDS_CARRIER),
    "no-transport": Bad({"l4_dport": "443"}, "l4_dport", match.NEEDS_PORTS),
    "no-ports-there": Bad({"ip_proto": "tcp,icmp", "l4_sport": "443"}, "l4_sport", match.NEEDS_PORTS),
    "reversed": Bad({"ip_proto": "tcp", "l4_dport": "80,200-100"}, "l4_dport", match.REVERSED),
    "no-port": Bad({"ip_proto": "tcp", "l4_sport": "0"}, "l4_sport", "use a port from 1 to 65535 or a range"),
    "mask": Bad({"src_cidr": "10.0.0.0/255.0.0.0"}, "src_cidr", "use an IPv4 or IPv6 prefix such as"),
    "dscp": Bad({"dscp": "46,64"}, "dscp", "use a number from 0 to 63"),
    "vlan": Bad({"vlan": "4095"}, "vlan", "use a whole number from 1 to 4094"),
    "ten-kilobytes": Bad({"filter": "tcp or " * 1500 + "udp"}, "filter", f"use {FILTER.hint}"),
    "rate": Bad({"sample_rate": "0"}, "sample_rate", "use a whole number from 1 to 65536"),
    "snaplen": Bad({"snaplen": "128", "result_detail": "flows"}, "snaplen", codec.NEEDS_PACKETS),
    "decap-out": Bad({"mirror_mode": "decap", "direction": "both"}, "mirror_mode", RECEIVES),
    "short": Bad({"snaplen": "63", "result_detail": "packets"}, "snaplen", "use a whole number from 64 to 9216"),
    "detail": Bad({"result_detail": "everything"}, "result_detail", "use summary, flows or packets"),
}
# What the compiler alone knows: no YANG model refuses these.
BAD_EXPRESSIONS = {
    "syntax": Bad({"filter": "tcp port and"}, "filter", "libpcap says: "),
    "impossible": Bad({"filter": "tcp and udp"}, "filter", "libpcap says: expression rejects all packets"),
    "name": Bad({"filter": "host collector.example"}, "filter", "hosts and networks are not looked up by name"),
    "not-in-frame": Bad({"filter": "inbound"}, "filter", "use the job's direction and port instead"),
}
