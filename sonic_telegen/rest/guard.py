"""What every request goes through: who may ask, how much is read and for how long; every refusal is JSON."""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware

from sonic_telegen.errors import StoreError
from sonic_telegen.log import log
from sonic_telegen.rest.peer import is_tls, is_unix
from sonic_telegen.rest.problem import Problem, away, of_status

MAX_BODY = 64 * 1024
BODY_SEC = 10.0
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "telegen-sonic",
    "X-Content-Type-Options": "nosniff",
}


def answer(body: object, status: int = 200, **headers: str) -> web.Response:
    """A JSON answer."""
    return web.json_response(body, status=status, headers=headers)


def refuse(problem: Problem, **headers: str) -> web.Response:
    """An error's answer."""
    return web.json_response(problem.body(), status=problem.status, headers=problem.headers | headers)


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever is raised becomes an answer; what is no Problem is a mistake of ours and goes to the log."""
    try:
        return await handler(request)
    except Problem as problem:
        return refuse(problem)
    except StoreError as problem:
        return refuse(away(problem))
    except web.HTTPException as problem:
        allow = problem.headers.get("Allow", "")
        return refuse(of_status(problem.status, allow), **({"Allow": allow} if allow else {}))
    except (ConnectionError, HttpProcessingError):
        raise  # the client is gone or speaks no HTTP
    except Exception:
        log.exception("a request failed")
        return refuse(Problem("internal", "the agent made a mistake; its log has the details"))


def guard(listened: Callable[[], Iterable[str]]) -> Middleware:
    """Refuses what a page of somebody else makes a browser send; ``listened`` are the hosts that we listen on."""

    @web.middleware
    async def checked(request: web.Request, handler: Handler) -> web.StreamResponse:
        host = request.headers.get("Host", "")
        if not (is_unix(request) or is_tls(request) or known_host(host, listened())):
            raise Problem("bad_host", f"Host {host[:100]!r} is not this agent; use the address that it listens on")
        origin = request.headers.get("Origin")
        if origin is not None and not same_origin(origin, host):
            raise Problem("bad_origin", f"a page of {origin[:100]!r} may not use this agent")
        if request.query_string and request.match_info.http_exception is None:
            name = next(iter(request.query), request.query_string)[:100]
            raise Problem("unknown_parameter", f"this route takes no query parameter {name}; leave it out", name)
        return await handler(request)

    return checked


def known_host(host: str, listened: Iterable[str]) -> bool:
    """Whether a Host header names loopback or an address of ours; the port does not matter (it may be forwarded)."""
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]]+))(?::[0-9]{1,5})?", host)
    if not found:
        return False
    name = (found[1] or found[2]).lower()
    if name == "localhost" or name in listened:
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def same_origin(origin: str, host: str) -> bool:
    """Whether a page of ``origin`` came from the same host and port."""
    try:
        return urlsplit(origin).netloc.lower() == host.lower() and host != ""
    except ValueError:
        return False


async def read_body(request: web.Request) -> bytes:
    """The body, at most 64 KiB within ten seconds; a larger one is not read to its end. Raises Problem."""
    check_length(request)
    if request.body_exists and request.content_type != "application/json":
        shown = request.headers.get("Content-Type", "none")[:100]
        raise Problem("unsupported_media_type", f"Content-Type is {shown}; use application/json")
    raw = bytearray()
    try:
        async with asyncio.timeout(BODY_SEC):
            async for chunk in request.content.iter_any():
                raw += chunk
                if len(raw) > MAX_BODY:
                    raise too_large()
    except TimeoutError:
        raise Problem("timeout", f"the body did not arrive within {BODY_SEC:g} s") from None
    except web.RequestPayloadError as problem:
        raise Problem("invalid_json", f"the body cannot be read: {problem}"[:200]) from None
    return bytes(raw)


def check_length(request: web.Request) -> None:
    """Raise Problem when the declared body is too large."""
    if (request.content_length or 0) > MAX_BODY:
        raise too_large()


def too_large() -> Problem:
    """The answer to a body over the limit."""
    return Problem("too_large", f"the body is larger than {MAX_BODY // 1024} KiB")


async def expect(request: web.Request) -> web.StreamResponse | None:
    """Say ``100 Continue`` only to a body that may come."""
    try:
        check_length(request)
    except Problem as problem:
        return refuse(problem, Connection="close")
    if request.headers.get("Expect", "").lower() != "100-continue":
        return refuse(of_status(417))
    if request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    return None


async def dress(_: web.Request, response: web.StreamResponse) -> None:
    """Headers of every answer."""
    for name, value in HEADERS.items():
        response.headers[name] = value
