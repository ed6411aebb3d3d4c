"""Where exports go: the operator's endpoint and protocol turned into one unambiguous address. Pure.

The OpenTelemetry library alone reads ``localhost:4317`` as a TLS address over gRPC and refuses it over HTTP (measured);
here a missing scheme means no TLS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address

from sonic_telegen.errors import ConfigError
from sonic_telegen.settings import OtlpSettings

GRPC, HTTP = "grpc", "http/protobuf"
_OTLP_PORT = {GRPC: 4317, HTTP: 4318}
_URL_PORT = {"http": 80, "https": 443}
_EXAMPLE = "use host:port (no TLS), http://host:port or https://host:port (TLS), such as localhost:4317"
_AUTHORITY = re.compile(r"(?:\[(?P<v6>[^\]]*)\]|(?P<host>[^:\[\]]*))(?::(?P<port>.*))?")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A checked address; ``path`` is what HTTP posts to, empty for gRPC."""

    protocol: str
    secure: bool
    host: str
    port: int
    path: str = ""

    @property
    def authority(self) -> str:
        """``host:port``, an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The address with its scheme, as the exporters and STATE_DB show it."""
        return f"{'https' if self.secure else 'http'}://{self.authority}{self.path}"


def resolve(settings: OtlpSettings) -> Endpoint:
    """The address that ``settings`` mean.

    Raises:
        ConfigError: on ``otlp_endpoint``, ``otlp_protocol`` or the TLS file that does not fit, with the remedy.
    """
    if settings.protocol not in _OTLP_PORT:
        raise ConfigError("otlp_protocol", settings.protocol, f"use {GRPC} or {HTTP}")
    scheme, rest = _scheme(settings.endpoint)
    if re.search(r"[\s\x00-\x1f\x7f?#@]", rest):
        raise _bad(settings, f"no spaces, user names, ? or # (credentials go into headers); {_EXAMPLE}")
    authority, slash, tail = rest.partition("/")
    host, port = _host_port(settings, authority)
    secure = scheme == "https" or (not scheme and settings.insecure is False)
    if not port:
        port = _URL_PORT[scheme] if scheme else _OTLP_PORT[settings.protocol]
    _check_tls(settings, secure)
    return Endpoint(settings.protocol, secure, host, port, _path(settings, slash + tail))


def _bad(settings: OtlpSettings, problem: str) -> ConfigError:
    return ConfigError("otlp_endpoint", settings.endpoint, problem)


def _scheme(text: str) -> tuple[str, str]:
    scheme, sign, rest = text.partition("://")
    if not sign:
        if text.lower().startswith("unix:"):
            raise ConfigError("otlp_endpoint", text, f"unix sockets are not supported; {_EXAMPLE}")
        return "", text
    if scheme.lower() not in _URL_PORT:
        raise ConfigError("otlp_endpoint", text, f"scheme {scheme!r} is unknown; {_EXAMPLE}")
    return scheme.lower(), rest


def _host_port(settings: OtlpSettings, authority: str) -> tuple[str, int]:
    """Host without brackets, and the port or 0 when none was given."""
    found = _AUTHORITY.fullmatch(authority)
    if not found:
        raise _bad(settings, f"put an IPv6 address in brackets, as in [::1]:4317; {_EXAMPLE}")
    port = found["port"]
    if port is not None and not (re.fullmatch(r"[0-9]{1,5}", port) and 1 <= int(port) <= 65535):
        raise _bad(settings, f"port {port!r} is not a number from 1 to 65535; {_EXAMPLE}")
    if found["v6"] is not None:
        try:
            host = IPv6Address(found["v6"])
        except ValueError:
            raise _bad(settings, f"{found['v6']!r} is not an IPv6 address; {_EXAMPLE}") from None
        if host.scope_id:
            raise _bad(settings, "an address with a zone (%) is not supported; use a global address or a host name")
        return str(host), int(port or 0)
    name = found["host"]
    if not name or name.isdigit():
        raise _bad(settings, f"the host is missing; {_EXAMPLE}")
    if len(name) > 253 or not re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?", name):
        raise _bad(settings, f"{name!r} is not a host name; {_EXAMPLE}")
    return name, int(port or 0)


def _path(settings: OtlpSettings, path: str) -> str:
    """The specification: a base endpoint gets ``/v1/metrics``, the metrics-specific one is used as it is."""
    if settings.protocol == GRPC:
        if path.strip("/"):
            raise _bad(settings, f"gRPC has no path; drop {path!r} or set otlp_protocol to {HTTP}")
        return ""
    if settings.endpoint_is_metrics:
        return path or "/"
    return f"{path.rstrip('/')}/v1/metrics"


def _check_tls(settings: OtlpSettings, secure: bool) -> None:
    """Certificates on a plaintext address are a mistake that must not pass in silence."""
    files = {
        "otlp_certificate": settings.certificate,
        "otlp_client_key": settings.client_key,
        "otlp_client_certificate": settings.client_certificate,
    }
    given = [name for name, path in files.items() if path]
    if given and not secure:
        raise _bad(settings, f"{given[0]} is set but this address has no TLS; use https://host:port")
    if bool(settings.client_key) != bool(settings.client_certificate):
        field = "otlp_client_key" if settings.client_key else "otlp_client_certificate"
        raise ConfigError(field, files[field], "client key and client certificate go together; set both or neither")
