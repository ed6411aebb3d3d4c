"""The image as the README says to run it: a row in, counts out of Redis and over OTLP, and what it says else."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sonic_telegen.demo.receiver import Receiver
from sonic_telegen.demo.redisd import RedisServer
from sonic_telegen.demo.switch import Switch
from tests.support.box import wait_for
from tests.support.container import Container, Image
from tests.support.curl import answered, ask, exported, listens, rows, told
from tests.support.objects import bpffs

SEED = ("net_admin", "bpf")
BTF = "/sys/kernel/btf:/sys/kernel/btf:ro"
FRAMES = [bytes(12) + b"\x08\x00" + bytes(50)] * 30
OWN = Path("run/redis/sonic-db/redis.sock")


@pytest.fixture
def mounts() -> Iterator[list[str]]:
    with bpffs() as place:
        yield [f"{place}:/sys/fs/bpf", BTF]


def test_the_command_of_the_readme_counts_and_exports(
    image: Image, switch: Switch, receiver: Receiver, mounts: list[str]
) -> None:
    endpoint = f"127.0.0.1:{receiver.grpc_port}"
    fast = {"OTEL_METRIC_EXPORT_INTERVAL": "1000"}
    with Container(
        image, switch.namespace, caps=SEED, volumes=mounts, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, **fast
    ) as running:
        wait_for(lambda: listens(switch), 30, running.log)
        status, answer = ask(switch, "POST", "/jobs/start", {"port": "Ethernet0", "direction": "ingress"})
        assert status in (200, 201, 202), answer
        job = answer["job_id"]
        answered(switch, job, "running", running)
        switch.send("Ethernet0", FRAMES)
        with rows(running.root / OWN) as state:
            wait_for(lambda: told(state, job).get("packets") == "30", 15, lambda: str(told(state, job)))
            assert told(state, job)["bytes"] == str(30 * 64)
        wait_for(lambda: exported(receiver, "bpf.packets") == 30, 15, lambda: str(receiver.latest()))
        assert running.exec("sonic-telegen", "health").returncode == 0
        shown = running.exec("telegen", "show", "job", job, "--json")
        assert (shown.returncode, job in shown.stdout) == (0, True), shown.stderr
        assert ask(switch, "POST", f"/jobs/{job}/stop")[0] == 200
        assert running.kill(signal.SIGTERM) == 0, running.log()


@pytest.mark.parametrize(("caps", "status"), [(SEED, "failed"), ((*SEED, "perfmon"), "running")])
def test_a_job_that_asks_needs_perfmon_and_is_told_so(
    image: Image, switch: Switch, mounts: list[str], caps: tuple[str, ...], status: str
) -> None:
    with Container(image, switch.namespace, caps=caps, volumes=mounts) as running:
        wait_for(lambda: listens(switch), 30, running.log)
        body = {"port": "Ethernet0", "filter": "tcp port 179", "result_detail": "flows"}
        job = ask(switch, "POST", "/jobs/start", body)[1]["job_id"]
        found = answered(switch, job, status, running)
        assert ("--cap-add PERFMON" in found["message"]) == (status == "failed")
        notice = ask(switch, "GET", "/status")[1]["notice"]
        assert ("--cap-add PERFMON" in notice) == (status == "failed")


@pytest.mark.parametrize("given", ["mounted", "socket"])
def test_a_switch_has_its_redis_used(image: Image, switch: Switch, mounts: list[str], given: str) -> None:
    with RedisServer() as server:
        with rows(server.socket, 4) as config:
            config.set("CONFIG_DB_INITIALIZED", "1")
            config.hset("TELEGEN_JOB|uplink", mapping={"port": "Ethernet0"})
        if given == "socket":
            volumes, env = [f"{server.directory}:/redis"], {"REDIS_SOCKET": "/redis/redis.sock"}
        else:
            written = json.loads(server.config.read_text())
            written["INSTANCES"]["redis"]["unix_socket_path"] = "/var/run/redis/redis.sock"
            (server.directory / "sonic-db").mkdir()
            (server.directory / "sonic-db" / "database_config.json").write_text(json.dumps(written))
            volumes, env = [f"{server.directory}:/run/redis"], {}
        with (
            Container(image, switch.namespace, caps=SEED, volumes=[*mounts, *volumes], **env) as running,
            rows(server.socket) as state,
        ):
            wait_for(lambda: told(state, "uplink").get("status") == "running", 30, running.log)
            switch.send("Ethernet0", FRAMES)
            wait_for(lambda: told(state, "uplink").get("packets") == "30", 15, lambda: str(told(state, "uplink")))
            assert "uplink" in running.exec("telegen", "show", "job", "uplink").stdout


def test_the_placeholder_needs_no_capability_and_no_mount(image: Image, switch: Switch) -> None:
    with Container(image, switch.namespace, TELEGEN_MIRROR_MODE="placeholder") as running:
        wait_for(lambda: listens(switch), 30, running.log)
        job = ask(switch, "POST", "/jobs/start", {"port": "Ethernet0", "direction": "ingress"})[1]["job_id"]
        found = answered(switch, job, "degraded", running)
        assert found["interface"] == "erspan0"
        assert running.exec("sonic-telegen", "health").returncode == 0


def test_without_any_capability_it_stays_and_names_them(image: Image, switch: Switch, mounts: list[str]) -> None:
    with Container(image, switch.namespace, volumes=mounts) as running:
        wait_for(lambda: listens(switch), 30, running.log)
        job = ask(switch, "POST", "/jobs/start", {"port": "Ethernet0"})[1]["job_id"]
        found = answered(switch, job, "failed", running)
        assert "--cap-add BPF --cap-add NET_ADMIN --cap-add PERFMON" in found["message"]
        assert "Traceback" not in running.log()


def test_other_commands_go_to_the_agent(image: Image, switch: Switch) -> None:
    with Container(image, switch.namespace, "--version") as asked:
        assert asked.wait() == 0
        assert asked.log().startswith("sonic-telegen 0.")
    with Container(image, switch.namespace, "run", TELEGEN_LOG_LEVEL="loud") as wrong:
        assert wrong.wait() == 2
        assert "TELEGEN_LOG_LEVEL" in wrong.log()


def test_a_folder_of_redis_without_its_description_is_refused(image: Image, switch: Switch, tmp_path: Path) -> None:
    with Container(image, switch.namespace, volumes=[f"{tmp_path}:/run/redis"]) as wrong:
        assert wrong.wait() == 1
        assert "set REDIS_SOCKET" in wrong.log()
    assert not any(tmp_path.iterdir()), "nothing was written to what is not ours"


def test_the_container_ends_with_its_redis(image: Image, switch: Switch, mounts: list[str]) -> None:
    with Container(image, switch.namespace, caps=SEED, volumes=mounts) as running:
        wait_for(lambda: listens(switch), 30, running.log)
        running.exec("redis-cli", "-s", f"/{OWN}", "shutdown", "nosave")
        assert running.wait() == 1
        assert "redis-server ended" in running.log()
