"""Names, fields and values of the tables, as ``docs/schema.md`` has them; doors, codec and YANG agree with these.

A field that is known but not in ``available`` belongs to a later release: a row that sets it is rejected and says so.
"""

from __future__ import annotations

from dataclasses import dataclass

CONFIG_DB = "CONFIG_DB"
STATE_DB = "STATE_DB"
SEPARATOR = "|"  # of both databases
INIT_INDICATOR = "CONFIG_DB_INITIALIZED"

GLOBAL_TABLE = "TELEGEN"
GLOBAL_KEY = "GLOBAL"
JOB_TABLE = "TELEGEN_JOB"
PORT_TABLE = "PORT"
LOGGER_TABLE = "LOGGER"  # SONiC's log levels by process, field LOGLEVEL
LOGGER_KEY = "sonic-telegend"
DEVICE_TABLE = "DEVICE_METADATA"
DEVICE_KEY = "localhost"

STATE_JOB_TABLE = "TELEGEN_JOB_TABLE"
STATE_INTERFACE_TABLE = "TELEGEN_INTERFACE_TABLE"
STATE_AGENT_TABLE = "TELEGEN_TABLE"

JOB_ID_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
NETDEV_PATTERN = r"[^\s/|:\x00]{1,15}"  # IFNAMSIZ less the NUL; no slash, no space, no separator


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a row: ``values`` in an operator's words, ``default`` empty where there is none."""

    values: str
    default: str = ""
    environment: str = ""
    available: bool = True


_ERSPAN = {
    "erspan_name": Field("netdev name, 1..15 characters", "erspan0", "TELEGEN_ERSPAN_NAME"),
    "erspan_dev": Field("netdev whose frames are mirrored", "", "TELEGEN_ERSPAN_DEV"),
    "erspan_remote": Field("IPv4 address", "", "TELEGEN_ERSPAN_REMOTE"),
    "erspan_local": Field("IPv4 address", "", "TELEGEN_ERSPAN_LOCAL"),
    "erspan_key": Field("0..1023", "10", "TELEGEN_ERSPAN_KEY"),
    "erspan_ver": Field("0, 1 or 2", "2", "TELEGEN_ERSPAN_VER"),
    "erspan_ttl": Field("1..255", "64", "TELEGEN_ERSPAN_TTL"),
    "erspan_tos": Field("inherit or 0..255", "inherit", "TELEGEN_ERSPAN_TOS"),
}
_MODES = "direct, erspan, decap, asic or placeholder"

GLOBAL_FIELDS: dict[str, Field] = {
    "admin_state": Field("enabled or disabled", "enabled"),
    "max_jobs": Field("1..512", "64", "TELEGEN_MAX_JOBS"),
    "export_interval": Field("1..300 seconds", "10", "OTEL_METRIC_EXPORT_INTERVAL"),
    "otlp_endpoint": Field("URL or host:port", "localhost:4317", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    "otlp_protocol": Field("grpc or http/protobuf", "grpc", "OTEL_EXPORTER_OTLP_PROTOCOL"),
    "otlp_certificate": Field("file path", "", "OTEL_EXPORTER_OTLP_CERTIFICATE"),
    "otlp_client_key": Field("file path", "", "OTEL_EXPORTER_OTLP_CLIENT_KEY"),
    "otlp_client_certificate": Field("file path", "", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"),
    "otlp_vrf": Field("netdev of a VRF", "", "TELEGEN_OTLP_VRF", available=False),
    "mirror_mode": Field(_MODES, "erspan", "TELEGEN_MIRROR_MODE"),
    "max_asic_mirrors": Field("0..8", "2", available=False),
    **_ERSPAN,
}

JOB_FIELDS: dict[str, Field] = {
    "port": Field("a PORT, PORTCHANNEL or VLAN name, eth0, or all"),
    "direction": Field("ingress, egress or both", "ingress"),
    "admin_state": Field("enabled or disabled", "enabled"),
    "mirror_mode": Field(_MODES),
    **{name: Field(field.values) for name, field in _ERSPAN.items()},
    "ip_proto": Field("tcp, udp, icmp, icmp6, sctp, gre or 0..255; comma list", available=False),
    "src_cidr": Field("IPv4 or IPv6 prefix", available=False),
    "dst_cidr": Field("IPv4 or IPv6 prefix", available=False),
    "l4_sport": Field("1..65535 or a-b; comma list", available=False),
    "l4_dport": Field("1..65535 or a-b; comma list", available=False),
    "dscp": Field("0..63; comma list", available=False),
    "filter": Field("pcap filter expression", available=False),
    "snaplen": Field("64..9216", "128", available=False),
    "truncate": Field("64..9216", available=False),
    "vlan": Field("1..4094", available=False),
    "sample_rate": Field("1..65536", "1", available=False),
    "result_detail": Field("summary, flows or packets", "summary", available=False),
    "duration_sec": Field("0..604800", "0"),
    "otlp_export": Field("true or false", "true"),
    "owner": Field("cli, rest or automation", "automation"),
}
