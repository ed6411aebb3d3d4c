"""Names, fields and values of the tables, as ``docs/schema.md`` has them; doors, codec and YANG agree with these.

A field that is known but not ``available`` belongs to a later release: a row that sets it is rejected and says so.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from sonic_telegen.model.job import Owner
from sonic_telegen.model.match import Match
from sonic_telegen.model.values import (
    DIRECTION,
    DSCP,
    ENDPOINT,
    ERSPAN_TOS,
    ERSPAN_TTL,
    ERSPAN_VER,
    FILTER,
    IP_PROTO,
    IPV4,
    MIRROR_MODE,
    NETDEV,
    PATH,
    PORTS,
    PREFIX,
    RESULT_DETAIL,
    SESSION,
    SWITCH,
    TRUTH,
    ValueType,
    Whole,
    Words,
)

CONFIG_DB = "CONFIG_DB"
STATE_DB = "STATE_DB"
SEPARATOR = "|"  # of both databases
INIT_INDICATOR = "CONFIG_DB_INITIALIZED"

GLOBAL_TABLE = "TELEGEN"
GLOBAL_KEY = "GLOBAL"
JOB_TABLE = "TELEGEN_JOB"
PORT_TABLE = "PORT"
LOGGER_TABLE = "LOGGER"  # SONiC's log levels by process, field LOGLEVEL
LOGGER_KEY = "sonic-telegen"
DEVICE_TABLE = "DEVICE_METADATA"
DEVICE_KEY = "localhost"
COPP_TRAP_TABLE = "COPP_TRAP"
COPP_GROUP_TABLE = "COPP_GROUP"
FEATURE_TABLE = "FEATURE"
COPP_TABLES = (COPP_TRAP_TABLE, COPP_GROUP_TABLE, FEATURE_TABLE)  # what decides which traps are in force

LAG_TABLE = "PORTCHANNEL"
LAG_MEMBER_TABLE = "PORTCHANNEL_MEMBER"
SESSION_TABLE = "MIRROR_SESSION"  # orchagent's; rows of ours are those of jobs in mirror_mode=asic
SWITCH_TABLES = (LAG_TABLE, LAG_MEMBER_TABLE, SESSION_TABLE)  # what decides which sessions the ASIC can be asked for
STATE_SESSION_TABLE = "MIRROR_SESSION_TABLE"
STATE_CAPABILITY_TABLE = "SWITCH_CAPABILITY"
CAPABILITY_KEY = "switch"
BOOT_KEYS = ("WARM_RESTART_ENABLE_TABLE|system", "FAST_RESTART_ENABLE_TABLE|system")  # of STATE_DB, field enable

STATE_JOB_TABLE = "TELEGEN_JOB_TABLE"
STATE_INTERFACE_TABLE = "TELEGEN_INTERFACE_TABLE"
STATE_RESULT_TABLE = "TELEGEN_RESULT_TABLE"
STATE_PUNT_TABLE = "TELEGEN_PUNT_TABLE"
STATE_AGENT_TABLE = "TELEGEN_TABLE"
SETTINGS_KEY = "SETTINGS"
ORIGIN = "_origin"  # what the name of a setting's second field ends with


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a row; ``default`` is empty where there is none, ``environment`` where no variable gives it."""

    type: ValueType[object]
    description: str
    default: str = ""
    environment: str = ""
    available: bool = True
    mandatory: bool = False

    @property
    def values(self) -> str:
        """What it may hold, in an operator's words."""
        return self.type.words


_ERSPAN = {
    "erspan_name": Field(NETDEV, "Netdev to create or reuse", "erspan0", "TELEGEN_ERSPAN_NAME"),
    "erspan_dev": Field(NETDEV, "Netdev whose frames are mirrored", "", "TELEGEN_ERSPAN_DEV"),
    "erspan_remote": Field(IPV4, "Tunnel destination", "", "TELEGEN_ERSPAN_REMOTE"),
    "erspan_local": Field(IPV4, "Tunnel source", "", "TELEGEN_ERSPAN_LOCAL"),
    "erspan_key": Field(SESSION, "Session id", "10", "TELEGEN_ERSPAN_KEY"),
    "erspan_ver": Field(ERSPAN_VER, "0, 1, 2: type I, II, III", "2", "TELEGEN_ERSPAN_VER"),
    "erspan_ttl": Field(ERSPAN_TTL, "TTL of the outer header", "64", "TELEGEN_ERSPAN_TTL"),
    "erspan_tos": Field(ERSPAN_TOS, "TOS of the outer header", "inherit", "TELEGEN_ERSPAN_TOS"),
}

GLOBAL_FIELDS: dict[str, Field] = {
    "admin_state": Field(SWITCH, "Whether any job runs", "enabled"),
    "max_jobs": Field(Whole(1, 512), "Jobs that may run at the same time", "64", "TELEGEN_MAX_JOBS"),
    "export_interval": Field(Whole(1, 300, "seconds"), "Time between two exports", "10", "OTEL_METRIC_EXPORT_INTERVAL"),
    "otlp_endpoint": Field(ENDPOINT, "OTLP collector", "localhost:4317", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    "otlp_protocol": Field(
        Words(("grpc", "http/protobuf")), "Transport of OTLP", "grpc", "OTEL_EXPORTER_OTLP_PROTOCOL"
    ),
    "otlp_certificate": Field(PATH, "CA of the collector (PEM)", "", "OTEL_EXPORTER_OTLP_CERTIFICATE"),
    "otlp_client_key": Field(PATH, "Our key (PEM)", "", "OTEL_EXPORTER_OTLP_CLIENT_KEY"),
    "otlp_client_certificate": Field(PATH, "Our certificate (PEM)", "", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"),
    "otlp_vrf": Field(NETDEV, "VRF to the collector", "", "TELEGEN_OTLP_VRF"),
    "mirror_mode": Field(MIRROR_MODE, "How jobs get to see frames", "erspan", "TELEGEN_MIRROR_MODE"),
    "max_asic_mirrors": Field(Whole(0, 8), "Mirror sessions that the ASIC is asked for at most", "2"),
    **_ERSPAN,
}

JOB_FIELDS: dict[str, Field] = {
    "port": Field(NETDEV, "PORT, PORTCHANNEL or VLAN name, eth0, or all for every front-panel port", mandatory=True),
    "direction": Field(DIRECTION, "From the port's point of view", "ingress"),
    "admin_state": Field(SWITCH, "Whether the job runs", "enabled"),
    "mirror_mode": Field(MIRROR_MODE, "How the job gets to see frames"),
    **{name: replace(field, default="", environment="") for name, field in _ERSPAN.items()},
    "ip_proto": Field(IP_PROTO, "IP protocols"),
    "src_cidr": Field(PREFIX, "Source of the packets"),
    "dst_cidr": Field(PREFIX, "Destination of the packets"),
    "l4_sport": Field(PORTS, "Source ports; needs ip_proto of tcp, udp, sctp"),
    "l4_dport": Field(PORTS, "Destination ports; needs ip_proto of tcp, udp, sctp"),
    "dscp": Field(DSCP, "DSCP of the packets"),
    "vlan": Field(Whole(1, 4094), "VLAN id of either tag"),
    "filter": Field(FILTER, "pcap filter; must match together with the fields above"),
    "sample_rate": Field(Whole(1, 65536), "Flows, capture and mirroring take 1 in N", "1"),
    "result_detail": Field(RESULT_DETAIL, "What the job keeps", "summary"),
    "snaplen": Field(Whole(64, 9216, "bytes"), "Captured bytes of a frame; needs result_detail packets", "128"),
    "truncate": Field(
        Whole(82, 9216, "bytes"), "Bytes of a mirrored frame that are sent; the jobs of a tunnel share it"
    ),
    "duration_sec": Field(Whole(0, 604800, "seconds"), "Time until the job ends by itself, 0 = never", "0"),
    "otlp_export": Field(TRUTH, "Whether the job's metrics are exported", "true"),
    "owner": Field(Words(tuple(owner.value for owner in Owner)), "The door that wrote the row", "automation"),
}

MATCH_FIELDS = tuple(field.name for field in fields(Match))
