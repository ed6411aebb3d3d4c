"""contrib/fleet as it stands, started in a switch's namespace: rotel for the site, vmagent as gateway, Prometheus.

Only what names a machine is replaced in the files (addresses, paths), and how long batches wait.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from sonic_telegen.demo.namespace import RUN, in_namespace
from tests.fleet.programs import Programs
from tests.support.box import wait_for
from tests.support.certificates import Authority
from tests.support.fleetfiles import FLEET, flags, replaced

T = TypeVar("T")
SITE_GRPC, SITE_HTTP, GATEWAY, PROMETHEUS = 14317, 14318, 18429, 19090
OTLP = f"https://localhost:{GATEWAY}/opentelemetry"


class Chain:
    """Alive inside ``with``, in the network namespace ``namespace``; its ports are the namespace's own."""

    def __init__(self, namespace: str, programs: Programs) -> None:
        self._namespace, self._programs = namespace, programs
        self._stack = contextlib.ExitStack()
        self.pids: dict[str, int] = {}

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"telegen-fleet-{os.getpid()}-")))
            self.authority = Authority(self.folder)
            self.client = self.authority.issue("client")
            self._stack = stack
            self._prometheus()
            self._gateway()
            self._site()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def inside(self, function: Callable[[], T]) -> T:
        """Call it in the namespace."""
        return in_namespace(self._namespace, function)

    def query(self, expr: str) -> list[dict[str, Any]]:
        """What Prometheus answers; AssertionError with its complaint if it refuses."""
        return list(self.ask("query", query=expr)["result"])

    def ask(self, what: str, **parameters: str) -> Any:
        """Prometheus' HTTP interface, with the client's certificate."""
        url = f"https://localhost:{PROMETHEUS}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        context = ssl.create_default_context(cafile=self.authority.ca)
        context.load_cert_chain(*self.client)

        def get() -> Any:
            try:
                with urllib.request.urlopen(url, timeout=10, context=context) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                return json.load(error)

        told = self.inside(get)
        assert told["status"] == "success", f"{parameters}: {told.get('error')}"
        return told["data"]

    def logs(self) -> str:
        """The last of what all of them wrote."""
        return "\n".join(f"{path.name}: {path.read_text()[-1500:]}" for path in sorted(self.folder.glob("*.log")))

    def _prometheus(self) -> None:
        for name in ("prometheus.yml", "prometheus-web.yml", "alerts.yml"):
            shutil.copy(FLEET / name, self.folder)
        certificate, key = self.authority.issue("prometheus")
        shutil.copy(certificate, self.folder / "server.pem")
        shutil.copy(key, self.folder / "server.key")
        shutil.copy(self.authority.ca, self.folder / "clients-ca.pem")
        self._start(
            "prometheus",
            lambda: self.ask("status/buildinfo"),
            [
                str(self._programs.prometheus),
                f"--config.file={self.folder / 'prometheus.yml'}",
                f"--web.config.file={self.folder / 'prometheus-web.yml'}",
                f"--storage.tsdb.path={self.folder / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{PROMETHEUS}",
                "--web.enable-remote-write-receiver",
                "--log.level=warn",
            ],
        )

    def _gateway(self) -> None:
        certificate, key = self.authority.issue("gateway")
        own, own_key = self.client
        here = {
            "-httpListenAddr": f"127.0.0.1:{GATEWAY}",
            "-tlsCertFile": str(certificate),
            "-tlsKeyFile": str(key),
            "-remoteWrite.url": f"https://localhost:{PROMETHEUS}/api/v1/write",
            "-remoteWrite.tlsCAFile": str(self.authority.ca),
            "-remoteWrite.tlsCertFile": str(own),
            "-remoteWrite.tlsKeyFile": str(own_key),
            "-remoteWrite.tmpDataPath": str(self.folder / "queue"),
        }
        given = replaced(flags((FLEET / "gateway.flags").read_text()), here)
        command = [str(self._programs.vmagent), *given, "-remoteWrite.flushInterval=100ms"]
        self._start("gateway", lambda: self.inside(lambda: _connects(GATEWAY)), command)

    def _site(self) -> None:
        spec = importlib.util.find_spec("rotel")
        assert spec and spec.origin, "rotel is not installed"
        here = {
            "ROTEL_OTLP_GRPC_ENDPOINT": f"127.0.0.1:{SITE_GRPC}",
            "ROTEL_OTLP_HTTP_ENDPOINT": f"127.0.0.1:{SITE_HTTP}",
            "ROTEL_OTLP_EXPORTER_ENDPOINT": OTLP,
            "SSL_CERT_FILE": str(self.authority.ca),
            "ROTEL_METRICS_BATCH_TIMEOUT": "200ms",
        }
        given = dict(line.split("=", 1) for line in replaced(flags((FLEET / "site.env").read_text()), here))
        command = [str(Path(spec.origin).parent / "rotel-agent"), "start"]
        self._start("site", lambda: self.inside(lambda: _connects(SITE_GRPC)), command, given)

    def _start(
        self, name: str, up: Callable[[], object], command: list[str], environment: Mapping[str, str] | None = None
    ) -> None:
        with (self.folder / f"{name}.log").open("w") as log:
            process = subprocess.Popen(
                ["nsenter", f"--net={RUN / self._namespace}", *command],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
            )
        self._stack.callback(_end, process)
        self.pids[name] = process.pid  # nsenter has become it
        self._await(name, process, up)

    def _await(self, name: str, process: subprocess.Popen[bytes], up: Callable[[], object]) -> None:
        def answers() -> bool:
            assert process.poll() is None, f"{name} ended: {self.logs()}"
            try:
                return bool(up())
            except (OSError, ValueError):
                return False

        wait_for(answers, 20, lambda: f"{name} does not start: {self.logs()}")


def _connects(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
