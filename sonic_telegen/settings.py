"""Settings with their origin: job row > ``TELEGEN|GLOBAL`` > environment > default (``docs/schema.md``).

Pure: the environment and the rows are handed in. A value that was given and is wrong raises ConfigError; there is no
silent default for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote

from sonic_telegen.errors import ConfigError
from sonic_telegen.model.address import parse_address
from sonic_telegen.model.erspan import ERSPAN_DEFAULTS, ErspanAsked
from sonic_telegen.model.job import JobSpec, MirrorMode
from sonic_telegen.model.values import (
    ERSPAN_TOS,
    ERSPAN_TTL,
    ERSPAN_VER,
    IPV4,
    MIRROR_MODE,
    NETDEV,
    SESSION,
    SWITCH,
    TRUTH,
    Whole,
    Words,
)

T = TypeVar("T")


GLOBAL_ROW = "TELEGEN|GLOBAL"
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Value:
    """A value in force as text; ``origin`` is ``TELEGEN|GLOBAL``, the variable's name or ``default``."""

    text: str
    origin: str


@dataclass(frozen=True, slots=True)
class OtlpSettings:
    """Where and how metrics are exported; the OpenTelemetry variables of the same names say what each means.

    ``endpoint`` is as the operator gave it (``host:port``, ``http://…``, ``https://…``); ``endpoint_is_metrics`` when
    it came from ``OTEL_EXPORTER_OTLP_METRICS_ENDPOINT``, whose path is used verbatim over HTTP. ``timeout_sec`` is per
    request (the specification's variable is in ms). ``insecure`` None means: by the scheme; no scheme means no TLS.
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


@dataclass(frozen=True, slots=True)
class Settings:
    """What ``TELEGEN|GLOBAL`` and the environment say together; ``values`` by field name of GLOBAL, in its units."""

    enabled: bool = True
    max_jobs: int = 64
    mirror_mode: MirrorMode = MirrorMode.ERSPAN
    max_asic_mirrors: int = 2
    erspan: ErspanAsked = ERSPAN_DEFAULTS
    otlp: OtlpSettings = OtlpSettings()
    values: Mapping[str, Value] = field(default_factory=dict)

    def interface(self, spec: JobSpec) -> str:
        """The netdev that the job looks at."""
        mode = spec.mirror_mode or self.mirror_mode
        if mode is MirrorMode.ASIC:
            return ""  # the ASIC sends what it mirrors away
        return spec.port if mode in (MirrorMode.DIRECT, MirrorMode.DECAP) else self.tunnel(spec).name or ""

    def question(self, spec: JobSpec) -> JobSpec:
        """The job as it is in force: decap counts other frames, so it is another question where it is inherited too."""
        inherits = spec.mirror_mode is None and self.mirror_mode is MirrorMode.DECAP
        return replace(spec, mirror_mode=self.mirror_mode) if inherits else spec

    def tunnel(self, spec: JobSpec) -> ErspanAsked:
        """What is in force of the tunnel for a job: its row goes first."""
        return spec.erspan.over(self.erspan)


@dataclass(frozen=True, slots=True)
class Environment:
    """Where the agent runs: read once at start from its own variables."""

    db_config: Path = Path("/var/run/redis/sonic-db/database_config.json")
    pin_dir: Path = Path("/sys/fs/bpf/telegen-sonic")
    state_dir: Path = Path("/var/lib/sonic-telegen")
    bpf_obj: Path | None = None  # None: the packaged object
    btf_path: Path | None = None
    log_level: str = "notice"
    listen: tuple[str, ...] = ("127.0.0.1:8080",)  # REST; empty: none
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    copp_cfg: Path = Path("/etc/sonic/copp_cfg.json")  # defaults of COPP_TRAP and COPP_GROUP


LOG_LEVELS = ("debug", "info", "notice", "warning", "error")


def environment(env: Mapping[str, str]) -> Environment:
    """The agent's own variables; an empty one counts as not given."""
    level = env.get("TELEGEN_LOG_LEVEL") or "notice"
    if level not in LOG_LEVELS:
        raise ConfigError("TELEGEN_LOG_LEVEL", level, f"use one of {', '.join(LOG_LEVELS)}")

    def path(name: str) -> Path | None:
        return Path(env[name]) if env.get(name) else None

    plain = Environment()
    return Environment(
        db_config=path("TELEGEN_DB_CONFIG") or plain.db_config,
        pin_dir=path("TELEGEN_PIN_DIR") or plain.pin_dir,
        state_dir=path("TELEGEN_STATE_DIR") or plain.state_dir,
        bpf_obj=path("TELEGEN_BPF_OBJ"),
        btf_path=path("TELEGEN_BTF_PATH"),
        log_level=level,
        listen=_listen(env.get("TELEGEN_LISTEN", plain.listen[0])),
        tls_cert=path("TELEGEN_TLS_CERT"),
        tls_key=path("TELEGEN_TLS_KEY"),
        tls_client_ca=path("TELEGEN_TLS_CLIENT_CA"),
        copp_cfg=path("TELEGEN_COPP_CFG") or plain.copp_cfg,
    )


def _listen(text: str) -> tuple[str, ...]:
    """The addresses, each once and as ``Address`` spells it."""
    found = []
    for item in filter(None, map(str.strip, text.split(","))):
        try:
            found.append(str(parse_address(item)))
        except ValueError as problem:
            raise ConfigError("TELEGEN_LISTEN", item, str(problem)) from None
    return tuple(dict.fromkeys(found))


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    """OpenTelemetry's ``key=value,key=value`` with URL-encoded values."""
    pairs = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        key, sign, value = item.partition("=")
        if not sign or not key.strip():
            raise ValueError("use key=value pairs separated by commas")
        pairs.append((key.strip(), unquote(value.strip())))
    return tuple(pairs)


class _Reader:
    """Looks a field up in GLOBAL, then in its variables, and remembers where it was found."""

    def __init__(self, row: Mapping[str, str], env: Mapping[str, str]) -> None:
        self.row, self.env = row, env
        self.values: dict[str, Value] = {}

    def get(self, name: str, default: T, read: Callable[[str], T], *variables: str) -> T:
        if name in self.row:
            self.values[name] = Value(self.row[name], GLOBAL_ROW)
            return self._parse(name, self.row[name], read)
        for variable in variables:
            if self.env.get(variable):
                self.values[name] = Value(self.env[variable], variable)
                return self._parse(variable, self.env[variable], read)
        self.values[name] = Value(str(default), DEFAULT)
        return default

    @staticmethod
    def _parse(name: str, text: str, read: Callable[[str], T]) -> T:
        try:
            return read(text)
        except ValueError as problem:
            raise ConfigError(name, text, str(problem)) from None


def _milliseconds(low: int, high: int) -> Callable[[str], float]:
    whole = Whole(low, high, "milliseconds")
    return lambda text: whole.read(text) / 1000


def _otel(suffix: str) -> tuple[str, str]:
    """The metrics-specific variable goes before the general one, as the specification says."""
    return f"OTEL_EXPORTER_OTLP_METRICS_{suffix}", f"OTEL_EXPORTER_OTLP_{suffix}"


def _otlp(reader: _Reader) -> OtlpSettings:
    plain, get = OtlpSettings(), reader.get
    metrics = "otlp_endpoint" not in reader.row and bool(reader.env.get("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"))
    seconds = Whole(1, 300, "seconds")
    interval = get(
        "export_interval",
        plain.interval_sec,
        (lambda text: float(seconds.read(text))) if "export_interval" in reader.row else _milliseconds(1000, 300_000),
        "OTEL_METRIC_EXPORT_INTERVAL",
    )
    reader.values["export_interval"] = replace(reader.values["export_interval"], text=f"{interval:g}")
    protocol = get("otlp_protocol", plain.protocol, Words(("grpc", "http/protobuf")).read, *_otel("PROTOCOL"))
    usual = plain.endpoint if protocol == "grpc" else "localhost:4318"  # the specification's port for HTTP
    return OtlpSettings(
        endpoint=get("otlp_endpoint", usual, str.strip, *_otel("ENDPOINT")),
        endpoint_is_metrics=metrics,
        protocol=protocol,
        interval_sec=interval,
        timeout_sec=get("otlp_timeout", min(plain.timeout_sec, interval), _milliseconds(1, 600_000), *_otel("TIMEOUT")),
        headers=get("otlp_headers", (), _pairs, *_otel("HEADERS")),
        compression=get("otlp_compression", plain.compression, Words(("gzip", "none")).read, *_otel("COMPRESSION")),
        insecure=get("otlp_insecure", None, lambda text: TRUTH.read(text.lower()) == "true", *_otel("INSECURE")),
        certificate=get("otlp_certificate", "", str, *_otel("CERTIFICATE")),
        client_key=get("otlp_client_key", "", str, *_otel("CLIENT_KEY")),
        client_certificate=get("otlp_client_certificate", "", str, *_otel("CLIENT_CERTIFICATE")),
        vrf=get("otlp_vrf", plain.vrf, NETDEV.read, "TELEGEN_OTLP_VRF"),
        service_name=get("service_name", plain.service_name, str, "OTEL_SERVICE_NAME"),
        resource_attributes=get("resource_attributes", (), _pairs, "OTEL_RESOURCE_ATTRIBUTES"),
    )


def _erspan(reader: _Reader) -> ErspanAsked:
    plain, get = ERSPAN_DEFAULTS, reader.get
    return ErspanAsked(
        name=get("erspan_name", plain.name, NETDEV.read, "TELEGEN_ERSPAN_NAME"),
        dev=get("erspan_dev", plain.dev, NETDEV.read, "TELEGEN_ERSPAN_DEV"),
        remote=get("erspan_remote", plain.remote, IPV4.read, "TELEGEN_ERSPAN_REMOTE"),
        local=get("erspan_local", plain.local, IPV4.read, "TELEGEN_ERSPAN_LOCAL"),
        key=get("erspan_key", plain.key, SESSION.read, "TELEGEN_ERSPAN_KEY"),
        ver=get("erspan_ver", plain.ver, ERSPAN_VER.read, "TELEGEN_ERSPAN_VER"),
        ttl=get("erspan_ttl", plain.ttl, ERSPAN_TTL.read, "TELEGEN_ERSPAN_TTL"),
        tos=get("erspan_tos", plain.tos, ERSPAN_TOS.read, "TELEGEN_ERSPAN_TOS"),
    )


def resolve(row: Mapping[str, str], env: Mapping[str, str]) -> Settings:
    """Settings from ``TELEGEN|GLOBAL`` (unknown fields already refused by the codec) and the environment."""
    reader = _Reader(row, env)
    get = reader.get
    return Settings(
        enabled=get("admin_state", "enabled", SWITCH.read) == "enabled",
        max_jobs=get("max_jobs", 64, Whole(1, 512).read, "TELEGEN_MAX_JOBS"),
        mirror_mode=MirrorMode(get("mirror_mode", MirrorMode.ERSPAN.value, MIRROR_MODE.read, "TELEGEN_MIRROR_MODE")),
        max_asic_mirrors=get("max_asic_mirrors", 2, Whole(0, 8).read),
        erspan=_erspan(reader),
        otlp=_otlp(reader),
        values=reader.values,
    )
