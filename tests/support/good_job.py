"""A row of TELEGEN_JOB with a good value, which is not the default, in every field but the door's own."""

from __future__ import annotations

GOOD = {
    "port": "Ethernet0",
    "direction": "both",
    "admin_state": "disabled",
    "mirror_mode": "direct",
    "erspan_name": "erspan1",
    "erspan_dev": "Ethernet4",
    "erspan_remote": "192.0.2.10",
    "erspan_local": "192.0.2.1",
    "erspan_key": "1023",
    "erspan_ver": "1",
    "erspan_ttl": "255",
    "erspan_tos": "inherit",
    "ip_proto": "tcp,17",
    "src_cidr": "192.0.2.0/24",
    "dst_cidr": "0.0.0.0/0",
    "l4_sport": "1024-65535",
    "l4_dport": "443,8000-8099",
    "dscp": "0,46",
    "vlan": "100",
    "filter": "tcp port 443 and net 10.0.0.0/8",
    "sample_rate": "1024",
    "result_detail": "packets",
    "snaplen": "9216",
    "truncate": "82",
    "duration_sec": "3600",
    "otlp_export": "false",
}
