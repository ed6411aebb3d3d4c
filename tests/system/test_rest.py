"""The facade inside the agent: the documented curl lines, exact counts, and an agent that REST never hurts."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from sonic_telegen.demo.namespace import in_namespace
from tests.support.box import REPOSITORY, Box, wait_for
from tests.support.certificates import Authority
from tests.support.net import FRAME
from tests.support.patience import allowed, times
from tests.support.rest import Answer, Events, UnixConnection, ask, schemathesis

README = """
curl -sS -X POST http://127.0.0.1:8080/jobs/start   -H 'Content-Type: application/json'   -d '{
    "port": "Ethernet0",
    "direction": "ingress"
  }'
curl -sS http://127.0.0.1:8080/jobs/<job_id>
curl -sS -X POST http://127.0.0.1:8080/jobs/<job_id>/stop
"""
START, GET, STOP = re.findall(r"^curl .*?(?=^curl|\Z)", README, re.DOTALL | re.MULTILINE)


@pytest.fixture
def box() -> Iterator[Box]:
    with Box() as made:
        yield made


@pytest.fixture
def open_box(box: Box) -> Box:
    """Its agent listens on a unix socket, and on 127.0.0.1:8080 of its namespace."""
    box.start(TELEGEN_LISTEN=f"unix:{sock(box)},127.0.0.1:8080")
    wait_for(lambda: box.about("listen") == f"unix:{sock(box)},127.0.0.1:8080", what=box.log)
    return box


def sock(box: Box) -> Path:
    return box.directory / "rest.sock"


def get(box: Box, path: str) -> Answer:
    return ask(UnixConnection(sock(box)), "GET", path)


def post(box: Box, path: str, body: object = None) -> Answer:
    return ask(UnixConnection(sock(box)), "POST", path, body)


def printed(box: Box, line: str) -> str:
    """What the line prints in the switch's namespace."""
    command = [*box.command()[:2], "sh", "-c", line]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=allowed(30)).stdout


def shell(box: Box, line: str) -> Any:
    """The same, as JSON."""
    return json.loads(printed(box, line))


def test_the_documented_curl_lines_work_word_for_word(open_box: Box) -> None:
    started = shell(open_box, START)
    assert started == {"job_id": started["job_id"], "status": "starting", "interface": "Ethernet0"}
    open_box.wait_status(started["job_id"], "running")
    shown = shell(open_box, GET.replace("<job_id>", started["job_id"]))
    assert (shown["status"], shown["port"], shown["visibility"]) == ("running", "Ethernet0", "cpu-path")
    assert shell(open_box, STOP.replace("<job_id>", started["job_id"]))["status"] == "stopping"
    open_box.wait_status(started["job_id"], "stopped")


def test_the_commands_of_the_reference_answer_what_it_says(open_box: Box) -> None:
    """Members and their types are compared; the values are those of another day."""
    text = (REPOSITORY / "docs" / "rest.md").read_text()
    for line, kind, answer in re.findall(r"```sh\n(.*?)```\n\n```(json|text)\n(.*?)```", text, re.DOTALL):
        if kind == "json":
            assert shape(shell(open_box, line)) == shape(json.loads(answer)), line
        else:
            told = printed(open_box, line).splitlines()
            assert [part.partition(" ")[0] for part in told] == [part.partition(" ")[0] for part in answer.splitlines()]
        if "jobs/start" in line:
            open_box.wait_status("uplink", "running")
            wait_for(lambda: open_box.about("otlp_last_success"), what=open_box.log)


def shape(value: Any) -> Any:
    """Names and types."""
    if isinstance(value, dict):
        return {name: shape(member) for name, member in value.items()}
    return type(value).__name__


def test_with_the_documented_defaults_the_answer_names_erspan0(box: Box) -> None:
    box.start(TELEGEN_MIRROR_MODE="")
    wait_for(lambda: box.about("listen") == "127.0.0.1:8080", what=box.log)
    started = shell(box, START)
    assert started["interface"] == "erspan0"
    assert box.wait_status(started["job_id"], "degraded")["interface"] == "erspan0"


def test_what_was_sent_is_what_is_told(open_box: Box) -> None:
    job = post(open_box, "/jobs/start", {"port": "Ethernet0", "direction": "both"}).body["job_id"]
    open_box.wait_status(job, "running")
    open_box.switch.send("Ethernet0", [FRAME] * 100)
    open_box.switch.send_out("Ethernet0", [FRAME] * 30)
    wait_for(lambda: get(open_box, f"/jobs/{job}").body["packets"] == 130)
    assert get(open_box, f"/jobs/{job}/results").body["bytes"] == 130 * len(FRAME)
    found = {hook["direction"]: hook for hook in get(open_box, "/interfaces").body["interfaces"]}
    assert (found["ingress"]["packets"], found["egress"]["packets"]) == (100, 30)
    assert sum(found["ingress"]["classes"]["ipv4"]["histogram"]) == 100
    status = get(open_box, "/status").body
    assert (status["pid"], status["jobs_running"]) == (open_box.pid, 1)
    assert (get(open_box, "/healthz").status, get(open_box, "/readyz").status) == (200, 200)


def test_a_stream_tells_every_sample_and_the_end(open_box: Box) -> None:
    job = post(open_box, "/jobs/start", {"port": "Ethernet0"}).body["job_id"]
    open_box.wait_status(job, "running")
    connection = UnixConnection(sock(open_box))
    with contextlib.closing(connection):
        connection.request("GET", f"/jobs/{job}/stream")
        events = Events(connection.getresponse())
        events.next()
        open_box.switch.send("Ethernet0", [FRAME] * 10)
        while (event := events.next())[1]["packets"] != 10:
            assert event[0] == "message"
        post(open_box, f"/jobs/{job}/stop")
        while (event := events.next())[0] == "message":
            pass
        assert (event[0], event[1]["status"], event[1]["packets"]) == ("end", "stopped", 10)
        assert events.next() == ("", None)


def test_a_port_of_the_table_that_the_kernel_lacks_is_pending(open_box: Box) -> None:
    open_box.config.hset("PORT|Ethernet8", mapping={"admin_status": "up"})
    job = post(open_box, "/jobs/start", {"port": "Ethernet8"}).body["job_id"]
    assert open_box.wait_status(job, "pending")["reason"] == "netdev_absent"
    assert post(open_box, "/jobs/start", {"port": "Ethernet99"}).body["field"] == "port"


def test_a_port_in_use_costs_no_telemetry_and_is_taken_later(box: Box) -> None:
    taken = in_namespace(box.switch.namespace, lambda: socket.create_server(("127.0.0.1", 8080)))
    with taken:
        box.start()
        wait_for(lambda: "127.0.0.1:8080: another process listens" in box.about("listen_error"), what=box.log)
        box.job("a", port="Ethernet0")
        box.wait_status("a", "running")
        assert box.about("listen") == ""
    wait_for(lambda: box.about("listen") == "127.0.0.1:8080", 40, box.log)
    assert box.about("listen_error") == ""


def test_nothing_is_listened_for_and_nothing_imported_when_no_address_is_given(box: Box) -> None:
    box.start(TELEGEN_LISTEN="")
    box.job("a", port="Ethernet0")
    box.wait_status("a", "running")
    assert "aiohttp" not in Path(f"/proc/{box.pid}/maps").read_text()
    assert (box.about("listen"), box.about("listen_error")) == ("", "")


def test_a_wrong_address_ends_the_start_with_the_remedy(box: Box) -> None:
    done = subprocess.run(
        box.command("run"),
        env={**os.environ, **box.environment, "TELEGEN_LISTEN": "8080"},
        capture_output=True,
        text=True,
        timeout=allowed(30),
        check=False,
    )
    assert done.returncode == 2
    assert "TELEGEN_LISTEN='8080': use host:port" in done.stderr


def test_an_address_of_the_network_is_served_to_certificates_only(box: Box, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("server")
    box.start(
        TELEGEN_LISTEN="0.0.0.0:8443",
        TELEGEN_TLS_CERT=str(certificate),
        TELEGEN_TLS_KEY=str(key),
        TELEGEN_TLS_CLIENT_CA=str(authority.ca),
    )
    wait_for(lambda: box.about("listen") == "0.0.0.0:8443", what=box.log)
    own, own_key = authority.issue("operator")
    url = f"curl -sS --cacert {authority.ca} https://127.0.0.1:8443/version"
    assert shell(box, f"{url} --cert {own} --key {own_key}")["version"]
    with pytest.raises(subprocess.CalledProcessError):
        shell(box, url)


def test_a_burst_fills_max_jobs_exactly_and_all_of_them_run(open_box: Box) -> None:
    def start(_: int) -> int:
        return post(open_box, "/jobs/start", {"port": "Ethernet0"}).status

    beyond = times(936)
    with ThreadPoolExecutor(max(4, times(32))) as pool:  # one that waits 5 s for the others is refused
        statuses = list(pool.map(start, range(64 + beyond)))
    assert (statuses.count(201), statuses.count(429)) == (64, beyond)
    assert len(get(open_box, "/jobs").body["jobs"]) == 64
    wait_for(lambda: open_box.about("jobs_running") == "64", 20)


COMMANDS = """
import sys
from sonic_telegen.swsscommon.swsscommon import ConfigDBConnector, SonicDBConfig
SonicDBConfig.load_sonic_db_config(sys.argv[1])
config = ConfigDBConnector(use_unix_socket_path=True)
config.connect(wait_for_init=False)
for number in range(60):
    config.set_entry("TELEGEN_JOB", f"j{number}", {"port": "Ethernet4", "owner": "cli", "duration_sec": "900"})
    config.set_entry("TELEGEN_JOB", f"c{number}", {"port": "Ethernet4", "owner": "cli"})
    config.set_entry("TELEGEN_JOB", f"c{number}", None)
"""


def test_two_doors_that_write_at_once_leave_whole_rows_and_every_job_runs(open_box: Box) -> None:
    """The other door is a process that writes as SONiC's commands do; half of its jobs have the names of ours."""
    open_box.config.hset("TELEGEN|GLOBAL", "max_jobs", "512")
    writer = subprocess.Popen([sys.executable, "-c", COMMANDS, str(open_box.redis.config)], cwd=REPOSITORY)
    statuses = [
        post(open_box, "/jobs/start", {"port": "Ethernet0", "job_id": f"j{number}"}).status for number in range(60)
    ]
    assert writer.wait(allowed(60)) == 0
    assert set(statuses) <= {201, 409}
    jobs = get(open_box, "/jobs").body["jobs"]
    rows = {job["job_id"]: (job["port"], job["owner"], job["duration_sec"]) for job in jobs if "owner" in job}
    assert rows == {f"j{number}": ("Ethernet4", "cli", 900) for number in range(60)}
    wait_for(lambda: open_box.about("jobs_running") == "60", 20, open_box.log)
    assert post(open_box, "/jobs/j1/stop").body["error"] == "not_owner"


def test_schemathesis_finds_nothing_while_jobs_run(open_box: Box, tmp_path: Path) -> None:
    """Without the streams, which never end; and what it started can all be stopped."""
    open_box.config.hset("TELEGEN|GLOBAL", "max_jobs", "512")
    done = schemathesis(
        "http://127.0.0.1:8080/openapi.json",
        tmp_path,
        "--max-examples=15",
        "--exclude-path-regex=/stream$",
        prefix=open_box.command()[:2],
    )
    assert done.returncode == 0, done.stdout[-8000:]
    for job in get(open_box, "/jobs").body["jobs"]:
        post(open_box, f"/jobs/{quote(job['job_id'])}/stop")
    wait_for(lambda: open_box.about("jobs") == "0", 20, open_box.log)


def test_redis_that_restarts_is_a_503_and_no_end(open_box: Box) -> None:
    open_box.redis.stop()
    wait_for(lambda: get(open_box, "/jobs").status == 503)
    assert get(open_box, "/readyz").body["error"] == "not_ready"
    open_box.redis.start()
    open_box.config.set("CONFIG_DB_INITIALIZED", "1")
    wait_for(lambda: get(open_box, "/readyz").status == 200, 20, open_box.log)
    job = post(open_box, "/jobs/start", {"port": "Ethernet0"}).body["job_id"]
    open_box.wait_status(job, "running", 20)


@pytest.mark.parametrize("hurt", ["streams", "hanging redis"])
def test_the_agent_ends_as_asked_whatever_clients_do(open_box: Box, hurt: str) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            connection = stack.enter_context(contextlib.closing(UnixConnection(sock(open_box))))
            connection.request("GET", "/interfaces/stream")
            connection.getresponse()
        if hurt == "hanging redis":
            os.kill(open_box.redis.pid, signal.SIGSTOP)
            stack.callback(os.kill, open_box.redis.pid, signal.SIGCONT)
            asking = threading.Thread(target=_try, args=(open_box,))
            asking.start()
            stack.callback(asking.join)
        assert open_box.agent is not None
        open_box.agent.send_signal(signal.SIGTERM)
        assert open_box.agent.wait(allowed(10)) == 0
    assert not sock(open_box).exists()


def _try(box: Box) -> None:
    with contextlib.suppress(OSError, http.client.HTTPException):
        get(box, "/jobs")
