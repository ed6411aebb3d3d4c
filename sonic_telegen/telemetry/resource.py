"""Who exports: the resource attributes that all series share. Pure.

The SDK would add a random ``service.instance.id`` to each process, and every restart would begin new time series;
here it is the host's name unless the operator says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping

from sonic_telegen.settings import OtlpSettings


def resource(
    settings: OtlpSettings, version: str, host: str, platform: Mapping[str, str] | None = None, instance: str = ""
) -> dict[str, str]:
    """Resource attributes by name, empty ones left out.

    Args:
        settings: ``OTEL_RESOURCE_ATTRIBUTES`` and ``OTEL_SERVICE_NAME`` as given; they win over all else, and the
            service name wins over a ``service.name`` among the attributes.
        version: of the agent.
        host: host name of the switch.
        platform: ``platform``, ``hwsku``, ``asic`` of the switch, as far as known; they become ``sonic.<name>``.
        instance: ``service.instance.id``; the same at every start. Default: ``host``.
    """
    own = {
        "service.name": settings.service_name,
        "service.version": version,
        "service.instance.id": instance or host,
        "host.name": host,
        **{f"sonic.{name}": value for name, value in (platform or {}).items()},
    }
    given = dict(settings.resource_attributes)
    if settings.service_name != OtlpSettings().service_name:
        given.pop("service.name", None)
    return {name: value for name, value in (own | given).items() if value}
