"""The web application: the route table's handlers behind the guard."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aiohttp import web

from sonic_telegen.rest import guard
from sonic_telegen.rest.about import About
from sonic_telegen.rest.body import RESERVED
from sonic_telegen.rest.capture import Download
from sonic_telegen.rest.hooks import Hooks
from sonic_telegen.rest.jobs import Jobs
from sonic_telegen.rest.routes import JOB, ROUTES
from sonic_telegen.rest.streams import Streams
from sonic_telegen.rest.tables import Tables


def make_app(tables: Tables, hooks: Hooks, streams: Streams, listened: Callable[[], Iterable[str]]) -> web.Application:
    """The application; ``listened`` are the hosts of the addresses that we listen on."""
    app = web.Application(middlewares=[guard.errors, guard.guard(listened)])
    app.on_response_prepare.append(guard.dress)
    rooms = (Jobs(tables, hooks), Download(tables, hooks), About(tables, hooks, streams))
    for route in ROUTES:
        handler = next(getattr(room, route.operation) for room in rooms if hasattr(room, route.operation))
        path = route.path
        if path == JOB:  # GET /jobs/start is answered by the route of that name: 405
            path = path.replace("{job_id}", f"{{job_id:(?!(?:{'|'.join(RESERVED)})$)[^{{}}/]+}}")
        if route.method == "GET":
            app.router.add_get(path, handler, expect_handler=guard.expect)
        else:
            app.router.add_route(route.method, path, handler, expect_handler=guard.expect)
    return app
