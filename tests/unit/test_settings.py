"""Settings: GLOBAL goes before the environment, that before the default; a wrong value is named, never replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from sonic_telegen.db.codec import settings_row
from sonic_telegen.db.schema import GLOBAL_FIELDS
from sonic_telegen.errors import ConfigError
from sonic_telegen.model.job import MirrorMode
from sonic_telegen.settings import DEFAULT, GLOBAL_ROW, Environment, Value, environment, resolve


def test_every_value_knows_its_origin() -> None:
    found = resolve({"max_jobs": "5"}, {"TELEGEN_MAX_JOBS": "6", "TELEGEN_MIRROR_MODE": "direct"})

    assert (found.max_jobs, found.mirror_mode, found.enabled) == (5, MirrorMode.DIRECT, True)
    assert found.values["max_jobs"] == Value("5", GLOBAL_ROW)
    assert found.values["mirror_mode"] == Value("direct", "TELEGEN_MIRROR_MODE")
    assert found.values["admin_state"] == Value("enabled", DEFAULT)


def test_a_value_in_force_is_told_in_the_unit_of_its_field() -> None:
    env = {"OTEL_METRIC_EXPORT_INTERVAL": "2500", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://m:4318"}

    assert resolve({}, env).values["export_interval"] == Value("2.5", "OTEL_METRIC_EXPORT_INTERVAL")
    assert resolve({}, env).values["otlp_endpoint"] == Value("http://m:4318", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")
    assert resolve({}, {}).values["export_interval"] == Value("10", DEFAULT)


def test_every_field_of_global_has_a_value_in_force_with_the_schemas_default() -> None:
    values = resolve({}, {}).values

    for name, field in GLOBAL_FIELDS.items():
        assert not field.available or values[name] == Value(field.default, DEFAULT), name


def test_no_secret_of_the_environment_is_told() -> None:
    settings = resolve({}, {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20hush"})
    row = settings_row({name: (value.text, value.origin) for name, value in settings.values.items()})

    assert row["max_jobs_origin"] == DEFAULT
    assert "hush" not in str(row)


def test_the_defaults_are_the_documented_ones() -> None:
    found = resolve({}, {})

    assert (found.max_jobs, found.mirror_mode, found.erspan.name) == (64, MirrorMode.ERSPAN, "erspan0")
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
        ({}, {"TELEGEN_ERSPAN_TOS": "256"}, "TELEGEN_ERSPAN_TOS"),
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
