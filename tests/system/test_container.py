"""The container's entrypoint without an image: this machine's root stands in, with this tree installed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from sonic_telegen.demo.switch import Switch
from tests.support.box import CONFIG_DB, wait_for
from tests.support.container import Container, Image
from tests.support.curl import answered, ask, listens, rows, told
from tests.support.objects import bpffs
from tests.support.rootimage import INSTALLED, this_root

FRAMES = [bytes(12) + b"\x08\x00" + bytes(50)] * 30
OWN = Path("run/redis/sonic-db/redis.sock")


@pytest.fixture
def image() -> Image:
    return this_root()


@pytest.fixture
def switch() -> Iterator[Switch]:
    with Switch(("Ethernet0",)) as made:
        yield made


def test_with_net_admin_and_bpf_alone_a_port_is_counted(image: Image, switch: Switch) -> None:
    with (
        bpffs() as pins,
        Container(
            image, switch.namespace, caps=("net_admin", "bpf"), volumes=[*INSTALLED, f"{pins}:/sys/fs/bpf"]
        ) as run,
    ):
        wait_for(lambda: listens(switch), 30, run.log)
        job = ask(switch, "POST", "/jobs/start", {"port": "Ethernet0"})[1]["job_id"]
        answered(switch, job, "running", run)
        switch.send("Ethernet0", FRAMES)
        with rows(run.root / OWN) as state:
            wait_for(lambda: told(state, job).get("packets") == "30", 15, lambda: str(told(state, job)))
        assert run.exec("/usr/sbin/sonic-telegen", "health").returncode == 0
        assert job in run.exec("/usr/bin/telegen", "show", "job", job).stdout
        assert run.kill(signal.SIGTERM) == 0, run.log()


def test_sys_admin_in_place_of_bpf_and_perfmon_is_enough_for_a_job_that_asks(image: Image, switch: Switch) -> None:
    """Docker 20.10 knows neither of the two; and on SONiC REST is a unix socket alone."""
    listen = "unix:/run/sonic-telegen/telegen.sock"
    with (
        bpffs() as pins,
        Container(
            *(image, switch.namespace),
            caps=("net_admin", "sys_admin"),
            volumes=[*INSTALLED, f"{pins}:/sys/fs/bpf"],
            TELEGEN_LISTEN=listen,
        ) as run,
    ):
        wait_for(lambda: run.exec("/usr/sbin/sonic-telegen", "health").returncode == 0, 30, run.log)
        assert not listens(switch)
        with rows(run.root / OWN, CONFIG_DB) as config:
            config.hset("TELEGEN_JOB|a", mapping={"port": "Ethernet0", "l4_dport": "179", "ip_proto": "tcp"})
        with rows(run.root / OWN) as state:
            wait_for(lambda: told(state, "a").get("status") == "running", 15, lambda: str(told(state, "a")))


def test_a_folder_of_redis_that_is_not_sonics_is_left_alone(image: Image, switch: Switch, tmp_path: Path) -> None:
    with Container(image, switch.namespace, volumes=[*INSTALLED, f"{tmp_path}:/run/redis"]) as wrong:
        assert wrong.wait() == 1
        assert "set REDIS_SOCKET" in wrong.log()
    assert not any(tmp_path.iterdir())


def test_it_ends_with_a_redis_that_was_its_own(image: Image, switch: Switch) -> None:
    with Container(image, switch.namespace, volumes=INSTALLED, TELEGEN_MIRROR_MODE="placeholder") as run:
        wait_for(lambda: listens(switch), 30, run.log)
        children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
        (pid,) = [int(child) for child in children if Path(f"/proc/{child}/comm").read_text() == "redis-server\n"]
        os.kill(pid, signal.SIGKILL)
        assert run.wait() == 1
        assert "redis-server ended" in run.log()


def test_a_root_that_cannot_be_written_is_told(image: Image, switch: Switch) -> None:
    with Container(image, switch.namespace, volumes=[*INSTALLED, "/etc:/run:ro"]) as wrong:
        assert wrong.wait() == 1
        assert "needs a writable /run" in wrong.log()
        assert "Traceback" not in wrong.log()


def test_without_a_bpf_file_system_the_job_says_what_to_mount(image: Image, switch: Switch) -> None:
    with Container(image, switch.namespace, caps=("net_admin", "bpf"), volumes=INSTALLED) as run:
        wait_for(lambda: listens(switch), 30, run.log)
        job = ask(switch, "POST", "/jobs/start", {"port": "Ethernet0"})[1]["job_id"]
        found = answered(switch, job, "failed", run)
        assert "no BPF file system is mounted at /sys/fs/bpf" in found["message"]


def test_every_variable_of_the_command_is_in_force(image: Image, switch: Switch) -> None:
    given = {
        "TELEGEN_MIRROR_MODE": "erspan",
        "TELEGEN_ERSPAN_NAME": "mon7",
        "TELEGEN_ERSPAN_DEV": "Ethernet0",
        "TELEGEN_ERSPAN_REMOTE": "192.0.2.100",
        "TELEGEN_ERSPAN_LOCAL": "192.0.2.10",
        "TELEGEN_ERSPAN_KEY": "42",
        "TELEGEN_ERSPAN_TTL": "32",
        "TELEGEN_ERSPAN_TOS": "8",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317",
    }
    with Container(image, switch.namespace, volumes=INSTALLED, **given) as run:
        wait_for(lambda: listens(switch), 30, run.log)
        with rows(run.root / OWN) as state:
            told = cast("dict[str, str]", state.hgetall("TELEGEN_TABLE|SETTINGS"))
    fields = {variable: variable.removeprefix("TELEGEN_").lower() for variable in given}
    fields["OTEL_EXPORTER_OTLP_ENDPOINT"] = "otlp_endpoint"
    assert {variable: told[field] for variable, field in fields.items()} == given
    assert {variable: told[f"{field}_origin"] for variable, field in fields.items()} == {name: name for name in given}
