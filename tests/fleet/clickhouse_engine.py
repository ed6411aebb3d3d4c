"""ClickHouse's engine behind as much of its HTTP interface as rotel's exporter uses: ``clickhouse_engine.py FOLDER``.

A query is in the address; what is posted with it are its rows, uncompressed. Runs in build/fleet, which has chdb.
Prints its port; one query at a time, as the engine has one session.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from chdb.session import Session


class Handler(BaseHTTPRequestHandler):
    """One request."""

    session: Session
    turn = threading.Lock()
    folder: Path
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Run the query; an insert takes its rows from the body."""
        asked = parse_qs(urlsplit(self.path).query)
        body, query = self._body(), asked["query"][0] if "query" in asked else ""
        try:
            with self.turn:
                self._answer(200, self._run(query, asked, body))
        except Exception as error:  # whatever the engine says is for the client
            self._answer(500, str(error).encode())

    def _run(self, query: str, asked: dict[str, list[str]], body: bytes) -> bytes:
        if query.startswith("INSERT"):
            return self._insert(query, asked["database"][0], body)
        return self.session.query(body.decode(), "JSONEachRow").bytes() or b""

    def _insert(self, query: str, database: str, rows: bytes) -> bytes:
        with tempfile.NamedTemporaryFile(dir=self.folder) as file:
            file.write(rows)
            file.flush()
            head, form = query.replace("INSERT INTO ", f"INSERT INTO {database}.").rsplit(" FORMAT ", 1)
            self.session.query(f"{head} FROM INFILE '{file.name}' FORMAT {form}")
        return b""

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def main() -> None:
    """Serve until ended."""
    Handler.folder = Path(sys.argv[1])
    Handler.session = Session(str(Handler.folder / "data"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
