"""Settings: GLOBAL goes before the environment, that before the default; a wrong value is named, never replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from sonic_telegen.errors import ConfigError
from sonic_telegen.model.job import MirrorMode
from sonic_telegen.settings import Environment, Origin, environment, resolve


def test_every_value_knows_its_origin() -> None:
    found = resolve({"max_jobs": "5"}, {"TELEGEN_MAX_JOBS": "6", "TELEGEN_MIRROR_MODE": "direct"})

    assert (found.max_jobs, found.mirror_mode, found.enabled) == (5, MirrorMode.DIRECT, True)
    assert found.origins["max_jobs"] is Origin.GLOBAL
    assert found.origins["mirror_mode"] is Origin.ENVIRONMENT
    assert found.origins["admin_state"] is Origin.DEFAULT


def test_the_defaults_are_the_documented_ones() -> None:
    found = resolve({}, {})

    assert (found.max_jobs, found.mirror_mode, found.erspan_name) == (64, MirrorMode.ERSPAN, "erspan0")
    assert (found.otlp.endpoint, found.otlp.protocol, found.otlp.interval_sec) == ("localhost:4317", "grpc", 10)


def test_the_metrics_form_of_an_otel_variable_goes_before_the_general_one() -> None:
    env = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://general:4318",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://metrics:4318/v1/metrics",
        "OTEL_EXPORTER_OTLP_HEADERS": "a=1, b=x%20y",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2500",
        "OTEL_METRIC_EXPORT_INTERVAL": "30000",
        "OTEL_EXPORTER_OTLP_INSECURE": "TRUE",
        "OTEL_RESOURCE_ATTRIBUTES": "site=lab,rack=7",
    }
    otlp = resolve({}, env).otlp

    assert (otlp.endpoint, otlp.endpoint_is_metrics) == ("http://metrics:4318/v1/metrics", True)
    assert otlp.headers == (("a", "1"), ("b", "x y"))
    assert (otlp.timeout_sec, otlp.interval_sec, otlp.insecure) == (2.5, 30, True)
    assert otlp.resource_attributes == (("site", "lab"), ("rack", "7"))
    assert resolve({"otlp_endpoint": "box:1"}, env).otlp.endpoint_is_metrics is False


def test_http_has_a_default_port_of_its_own() -> None:
    assert resolve({"otlp_protocol": "http/protobuf"}, {}).otlp.endpoint == "localhost:4318"


@pytest.mark.parametrize(
    "row, env, field",
    [
        ({"max_jobs": "0"}, {}, "max_jobs"),
        ({"max_jobs": "513"}, {}, "max_jobs"),
        ({}, {"TELEGEN_MAX_JOBS": "many"}, "TELEGEN_MAX_JOBS"),
        ({"export_interval": "0.5"}, {}, "export_interval"),
        ({}, {"OTEL_METRIC_EXPORT_INTERVAL": "10"}, "OTEL_METRIC_EXPORT_INTERVAL"),
        ({"admin_state": "up"}, {}, "admin_state"),
        ({"otlp_protocol": "http/json"}, {}, "otlp_protocol"),
        ({"erspan_remote": "300.0.0.1"}, {}, "erspan_remote"),
        ({}, {"TELEGEN_MIRROR_MODE": "span"}, "TELEGEN_MIRROR_MODE"),
        ({}, {"OTEL_EXPORTER_OTLP_HEADERS": "novalue"}, "OTEL_EXPORTER_OTLP_HEADERS"),
    ],
)
def test_a_wrong_value_names_its_field(row: dict[str, str], env: dict[str, str], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(row, env)

    assert caught.value.field == field


def test_the_environment_of_the_agent() -> None:
    assert environment({}) == Environment()
    found = environment({"TELEGEN_PIN_DIR": "/x", "TELEGEN_BPF_OBJ": "", "TELEGEN_LOG_LEVEL": "debug"})
    assert (found.pin_dir, found.bpf_obj, found.log_level) == (Path("/x"), None, "debug")
    with pytest.raises(ConfigError, match="TELEGEN_LOG_LEVEL"):
        environment({"TELEGEN_LOG_LEVEL": "loud"})
