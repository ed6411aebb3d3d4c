"""The OpenAPI 3.1 document, made from the route table and the tables' value types. Pure."""

from __future__ import annotations

from typing import Any

from sonic_telegen.rest import shapes
from sonic_telegen.rest.problem import ERRORS, RETRY_SEC
from sonic_telegen.rest.routes import EVERYWHERE, JSON, ROUTES, Route


def document(version: str) -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        if route.documented:
            paths.setdefault(route.path, {})[route.method.lower()] = operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "telegen-sonic",
            "version": version,
            "description": "Jobs are rows of TELEGEN_JOB in CONFIG_DB; what becomes of them is told in STATE_DB.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
    }


def operation(route: Route) -> dict[str, Any]:
    """One method of one path."""
    success = {"description": route.summary, "content": {route.content: {"schema": route.answer}}}
    found: dict[str, Any] = {
        "operationId": route.operation,
        "summary": route.summary,
        "responses": {str(route.status): success, **refusals((*route.errors, *EVERYWHERE))},
    }
    if "{job_id}" in route.path:
        parameter = {"name": "job_id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        found["parameters"] = [parameter]
    if route.body:
        found["requestBody"] = {"required": True, "content": {JSON: {"schema": shapes.start()}}}
    return found


def refusals(codes: tuple[str, ...]) -> dict[str, Any]:
    """Error answers by HTTP status."""
    found: dict[str, Any] = {}
    for status in sorted({ERRORS[code][0] for code in codes}):
        own = tuple(code for code in ERRORS if code in codes and ERRORS[code][0] == status)
        answer: dict[str, Any] = {
            "description": "; ".join(f"{code}: {ERRORS[code][1]}" for code in own),
            "content": {JSON: {"schema": shapes.error(own)}},
        }
        if any(code in RETRY_SEC for code in own):
            answer["headers"] = {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}}
        found[str(status)] = answer
    return found
