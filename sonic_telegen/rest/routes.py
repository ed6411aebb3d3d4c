"""The route table: it registers the handlers, makes the OpenAPI document, and ``docs/rest.md`` is compared with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sonic_telegen.model.pcapng import MEDIA_TYPE
from sonic_telegen.rest import shapes

JSON, EVENTS, HTML = "application/json", "text/event-stream", "text/html"
EVERYWHERE = ("unknown_parameter", "bad_host", "bad_origin", "too_many_connections")  # any route may answer so
BODY = ("invalid_json", "timeout", "too_large", "unsupported_media_type", "expectation_failed")
FIELDS = ("invalid_value", "unknown_field", "missing_field", "not_available", "duplicate_field")
JOB = "/jobs/{job_id}"


@dataclass(frozen=True, slots=True)
class Route:
    """``operation`` is the handler's name; ``answer`` the schema of success; ``errors`` the codes of its own."""

    method: str
    path: str
    operation: str
    summary: str
    answer: dict[str, Any]
    errors: tuple[str, ...] = ()
    status: int = 200
    content: str = JSON
    body: bool = False  # takes a start's fields
    documented: bool = True  # in the OpenAPI document; the page and its files are not


ROUTES = (
    Route(
        "POST",
        "/jobs/start",
        "start",
        "Start a job: write its row",
        shapes.STARTED,
        (*FIELDS, *BODY, "exists", "max_jobs", "unavailable"),
        status=201,
        body=True,
    ),
    Route("GET", "/jobs", "jobs", "All jobs: each row joined with its status", shapes.JOBS, ("unavailable",)),
    Route("GET", JOB, "job", "One job", shapes.job(), ("not_found", "unavailable")),
    Route(
        "POST",
        f"{JOB}/stop",
        "stop",
        "Stop a job that REST started: remove its row; again is no error",
        shapes.STOPPED,
        ("not_found", "not_owner", *BODY[1:], "unavailable"),
    ),
    Route(
        "GET",
        f"{JOB}/results",
        "results",
        "What the job counted, and the outcome of the export",
        shapes.RESULTS,
        ("not_found", "unavailable"),
    ),
    Route(
        "GET",
        f"{JOB}/stream",
        "job_stream",
        "The job at once and after each sample as a server-sent event; the last one is named end",
        shapes.event(shapes.job(), "message", "end"),
        ("not_found", "unavailable"),
        content=EVENTS,
    ),
    Route(
        "GET",
        f"{JOB}/capture",
        "capture",
        "The captured frames as pcapng: all that there are, and those to come until the capture is over",
        shapes.BYTES,
        ("not_found", "no_capture", "unavailable"),
        content=MEDIA_TYPE,
    ),
    Route("GET", "/interfaces", "interfaces", "Counters of every hook", shapes.INTERFACES, ("unavailable",)),
    Route(
        "GET",
        "/interfaces/stream",
        "interface_stream",
        "Counters of every hook at once and after each sample as server-sent events",
        shapes.event(shapes.INTERFACES, "message"),
        ("unavailable",),
        content=EVENTS,
    ),
    Route("GET", "/punt", "punt", "Control protocols by port beside CoPP's limits", shapes.PUNT, ("unavailable",)),
    Route("GET", "/status", "status", "What the agent says of itself", shapes.AGENT, ("unavailable",)),
    Route("GET", "/version", "version", "What build this is", shapes.VERSION),
    Route("GET", "/healthz", "healthz", "Whether a pass finished lately", shapes.FINE, ("not_healthy",)),
    Route("GET", "/readyz", "readyz", "Whether Redis and the kernel can be read", shapes.FINE, ("not_ready",)),
    Route("GET", "/openapi.json", "openapi", "This document", shapes.OBJECT),
    Route("GET", "/", "page", "The web page", shapes.TEXT, content=HTML, documented=False),
    Route("GET", "/static/{name}", "static", "Its files", shapes.TEXT, ("not_found",), content="", documented=False),
)
