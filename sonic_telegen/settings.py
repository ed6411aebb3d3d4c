"""Settings with their origin: job row > ``TELEGEN|GLOBAL`` > environment > default (``docs/schema.md``).

Pure: the environment and the rows are handed in.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OtlpSettings:
    """Where and how metrics are exported; the OpenTelemetry variables of the same names say what each means.

    ``endpoint`` is as the operator gave it (``host:port``, ``http://…``, ``https://…``); ``endpoint_is_metrics`` when it
    came from ``OTEL_EXPORTER_OTLP_METRICS_ENDPOINT``, whose path is used verbatim over HTTP. ``timeout_sec`` is per
    request (the specification's variable is in ms). ``insecure`` None means: by the scheme, and no scheme means no TLS.
    """

    endpoint: str = "localhost:4317"
    endpoint_is_metrics: bool = False
    protocol: str = "grpc"  # or http/protobuf
    interval_sec: float = 10.0
    timeout_sec: float = 5.0
    headers: tuple[tuple[str, str], ...] = ()
    compression: str = "none"  # or gzip
    insecure: bool | None = None
    certificate: str = ""
    client_key: str = ""
    client_certificate: str = ""
    vrf: str = ""
    service_name: str = "telegen-sonic"
    resource_attributes: tuple[tuple[str, str], ...] = ()
