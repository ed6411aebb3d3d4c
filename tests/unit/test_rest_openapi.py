"""The document says what is sent and taken: what the views make fits it, and every route in it has a handler."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonic_telegen.db import codec, schema, view
from sonic_telegen.model.job import MirrorMode
from sonic_telegen.model.status import AgentStatus, JobStatus, Reason, Status, Visibility
from sonic_telegen.rest import openapi, shapes
from sonic_telegen.rest.about import About
from sonic_telegen.rest.capture import Download
from sonic_telegen.rest.jobs import Jobs
from sonic_telegen.rest.problem import ERRORS, RETRY_SEC, Problem, of_status
from sonic_telegen.rest.routes import EVERYWHERE, ROUTES
from tests.support.samples import START_NS, reading

DOCUMENT = openapi.document("dev")
BODY = ("paths", "/jobs/start", "post", "requestBody", "content", "application/json", "schema")

rows = st.fixed_dictionaries(
    {},
    optional={
        name: st.text(max_size=8) | st.sampled_from(["1", "true", field.default])
        for name, field in schema.JOB_FIELDS.items()
    },
)
statuses = st.builds(
    JobStatus,
    job=st.just("a"),
    status=st.sampled_from(Status),
    reason=st.sampled_from(Reason),
    message=st.text(max_size=9),
    visibility=st.sampled_from(Visibility),
    started_ns=st.sampled_from([0, START_NS]),
    packets=st.integers(0, 2**63),
    sample_ns=st.sampled_from([0, START_NS]),
)


def fits(found: dict[str, Any], value: object) -> None:
    jsonschema_rs.validator_for(found).validate(json.loads(json.dumps(value)))


def within(*path: str) -> dict[str, Any]:
    found: Any = DOCUMENT
    for step in path:
        found = found[step]
    return dict(found)


@given(st.none() | rows, st.none() | statuses)
def test_any_job_fits_its_schema(row: dict[str, str] | None, status: JobStatus | None) -> None:
    told = codec.status_row(status, START_NS) if status else None
    fits(shapes.job(), view.job("a", row, told))


def test_interfaces_and_agent_fit_theirs() -> None:
    sample = reading(2).interfaces[0]
    keys = {f"{sample.name}|{sample.direction}": codec.interface_row(sample, START_NS), "x|egress": {}}
    fits(shapes.INTERFACES, {"interfaces": view.interfaces(keys)})
    fits(shapes.AGENT, view.agent(codec.agent_row(AgentStatus("v", "c", 1, "6.1", btf=True), START_NS)))
    fits(shapes.AGENT, view.agent({}))


@pytest.mark.parametrize("code", ERRORS)
def test_every_error_fits_its_schema(code: str) -> None:
    fits(shapes.error((code,)), Problem(code, "why", "port").body())
    fits(shapes.error((code,)), Problem(code, "why").body())


def test_what_the_library_refuses_by_itself_has_a_code() -> None:
    for status in range(400, 418):
        assert of_status(status).code in ERRORS


def test_every_route_has_a_handler_and_every_code_a_route() -> None:
    for route in ROUTES:
        assert sum(hasattr(room, route.operation) for room in (Jobs, Download, About)) == 1, route.operation
    used = {code for route in ROUTES for code in route.errors} | set(EVERYWHERE)
    assert set(ERRORS) - used == {"method_not_allowed", "internal"}
    assert set(RETRY_SEC) <= set(ERRORS)


def test_the_document_offers_the_fields_of_this_version_and_no_others() -> None:
    offered = within(*BODY)
    assert set(offered["properties"]) == {"job_id", "filters"} | {
        n for n, f in schema.JOB_FIELDS.items() if f.available
    }
    assert offered["required"] == ["port"]
    assert offered["additionalProperties"] is False
    assert offered["properties"]["owner"]["const"] == "rest"
    assert set(offered["properties"]["mirror_mode"]["enum"]) == {mode.value for mode in MirrorMode}


def test_a_field_that_becomes_available_is_offered_without_an_edit(monkeypatch: pytest.MonkeyPatch) -> None:
    fits(shapes.start(), {"port": "Ethernet0", "truncate": 82})
    truncate = replace(schema.JOB_FIELDS["truncate"], available=False)
    monkeypatch.setitem(schema.JOB_FIELDS, "truncate", truncate)
    with pytest.raises(jsonschema_rs.ValidationError):
        fits(shapes.start(), {"port": "Ethernet0", "truncate": 82})


def test_match_fields_stand_in_the_body_or_in_its_filters() -> None:
    fits(shapes.start(), {"port": "Ethernet0", "dscp": [1, "2"], "filters": {"l4_dport": [80, "443-444"]}})
    fits(shapes.start(), {"port": "Ethernet0", "filters": {"dscp": "10,46"}})
    with pytest.raises(jsonschema_rs.ValidationError):
        fits(shapes.start(), {"port": "Ethernet0", "filters": {"direction": "both"}})


def test_every_operation_tells_all_its_answers() -> None:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            assert {"400", "403", "503"} <= set(operation["responses"]), (path, method)
            for status, answer in operation["responses"].items():
                assert answer["description"], (path, status)
    start = within("paths", "/jobs/start", "post", "responses")
    assert {"201", "400", "408", "409", "413", "415", "417", "429", "503"} <= set(start)
    assert start["429"]["headers"]["Retry-After"]
