"""An HTTP proxy on loopback that sends everything to one port and remembers what it was asked for."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit


class Proxy:
    """Takes requests in absolute form and tunnels inside ``with``.

    ``seen`` has (method, target, Proxy-Authorization or empty) of each.
    """

    def __init__(self, to_port: int | None) -> None:
        seen: list[tuple[str, str, str]] = []

        class Handler(BaseHTTPRequestHandler):
            def _note(self) -> None:
                seen.append((self.command, self.path, self.headers.get("Proxy-Authorization", "")))

            def do_POST(self) -> None:
                self._note()
                body = self.rfile.read(int(self.headers["Content-Length"]))
                onward = http.client.HTTPConnection("127.0.0.1", to_port)
                onward.request("POST", urlsplit(self.path).path, body, dict(self.headers))
                answer = onward.getresponse()
                told = answer.read()
                self.send_response_only(answer.status, answer.reason)
                self.send_header("Content-Type", answer.headers.get("Content-Type", ""))
                self.send_header("Content-Length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)
                onward.close()

            def do_CONNECT(self) -> None:
                self._note()
                self.send_response_only(200)
                self.end_headers()
                self.close_connection = True
                with socket.create_connection(("127.0.0.1", to_port)) as onward:
                    back = threading.Thread(target=_pump, args=(onward, self.connection))
                    back.start()
                    _pump(self.connection, onward)
                    back.join()

            def log_message(self, *_: object) -> None:
                pass

        self.seen = seen
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
