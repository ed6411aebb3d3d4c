"""What goes wrong for a client: every code with its HTTP status and its meaning."""

from __future__ import annotations

from http import HTTPStatus

from sonic_telegen.errors import SHOWN, ConfigError, StoreError

ERRORS: dict[str, tuple[int, str]] = {
    "invalid_value": (400, "a field holds what it may not"),
    "unknown_field": (400, "there is no such field"),
    "missing_field": (400, "a mandatory field is missing"),
    "not_available": (400, "the field or value belongs to a later version"),
    "duplicate_field": (400, "a field is given twice"),
    "invalid_json": (400, "the body is no JSON object in UTF-8"),
    "unknown_parameter": (400, "the route takes no such query parameter"),
    "bad_host": (403, "the Host header names no loopback or listened address (DNS rebinding)"),
    "bad_origin": (403, "a page of another origin sent the request"),
    "not_found": (404, "there is no such route or job"),
    "no_capture": (404, "the job has no capture"),
    "method_not_allowed": (405, "the route has other methods; see Allow"),
    "timeout": (408, "the body did not arrive in time"),
    "exists": (409, "a job of this id exists"),
    "not_owner": (409, "the job's row was written by another door"),
    "too_large": (413, "the body is larger than 64 KiB"),
    "unsupported_media_type": (415, "the body is not declared as application/json"),
    "expectation_failed": (417, "an Expect header other than 100-continue"),
    "max_jobs": (429, "max_jobs jobs are there that have not ended"),
    "internal": (500, "a mistake of the agent's; its log has the details"),
    "unavailable": (503, "Redis cannot be read or written; try again"),
    "too_many_connections": (503, "64 connections are open"),
    "not_healthy": (503, "no pass finished lately"),
    "not_ready": (503, "Redis or the kernel could not be read"),
}
RETRY_SEC = {"max_jobs": 10, "unavailable": 1, "too_many_connections": 1}
BY_STATUS = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 417: "expectation_failed"}


class Problem(Exception):
    """An answer other than what was asked for; ``code`` is one of ERRORS."""

    def __init__(self, code: str, message: str, field: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.field = code, message, field

    @property
    def status(self) -> int:
        """The HTTP status."""
        return ERRORS[self.code][0]

    @property
    def headers(self) -> dict[str, str]:
        """``Retry-After`` where another try may help."""
        return {"Retry-After": str(RETRY_SEC[self.code])} if self.code in RETRY_SEC else {}

    def body(self) -> dict[str, str]:
        """As JSON has it."""
        shown = {"error": self.code, "message": self.message} | ({"field": self.field} if self.field else {})
        return {name: text.encode(errors="backslashreplace").decode() for name, text in shown.items()}


def wrong(problem: ConfigError) -> Problem:
    """The codec's verdict, in the codec's words."""
    return Problem(problem.code, str(problem), problem.field[:SHOWN])


def away(problem: StoreError) -> Problem:
    """Redis did not do what it should."""
    return Problem("unavailable", f"Redis is not available: {problem}")


def of_status(status: int, allow: str = "") -> Problem:
    """What the HTTP library refused by itself."""
    code = BY_STATUS.get(status, "internal" if status >= 500 else "invalid_value")
    remedies = {404: "no such route; GET /openapi.json lists them", 405: f"the route has other methods; use {allow}"}
    return Problem(code, remedies.get(status, HTTPStatus(status).phrase))
