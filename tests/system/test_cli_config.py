"""``telegen job`` and ``telegen global`` move a running agent: what they say they did is what the agent tells."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.box import REPOSITORY, Box, wait_for
from tests.support.net import FRAME
from tests.support.patience import allowed


@pytest.fixture
def box() -> Iterator[Box]:
    with Box() as made:
        for port in ("Ethernet0", "Ethernet4"):
            made.config.hset(f"PORT|{port}", mapping={"admin_status": "up", "alias": f"alias-of-{port}"})
        made.start()
        yield made


def telegen(box: Box, *arguments: str, status: int = 0, **env: str) -> str:
    """What the command printed, outside the switch's namespace as an operator of a container is."""
    done = subprocess.run(
        [sys.executable, "-m", "sonic_telegen.cli", *arguments],
        env={**os.environ, "TELEGEN_DB_CONFIG": str(box.redis.config), **env},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=allowed(60),
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


def test_a_job_is_added_counts_is_stopped_and_goes(box: Box) -> None:
    telegen(box, "job", "add", "a", "--port", "alias-of-Ethernet0", "--direction", "both", SONIC_CLI_IFACE_MODE="alias")
    assert box.wait_status("a", "running")["interface"] == "Ethernet0"

    box.switch.send("Ethernet0", [FRAME] * 20)
    wait_for(lambda: box.told("a").get("packets") == "20", what=lambda: str(box.told("a")))

    telegen(box, "job", "disable", "a")
    assert box.wait_status("a", "stopped")["reason"] == "disabled"
    telegen(box, "job", "enable", "a")
    box.wait_status("a", "running")
    telegen(box, "job", "update", "a", "--port", "Ethernet4", "--clear", "direction")
    wait_for(
        lambda: (box.told("a").get("interface"), box.told("a").get("direction")) == ("Ethernet4", "ingress"),
        what=lambda: str(box.told("a")),
    )
    telegen(box, "job", "del", "a")
    assert box.wait_status("a", "stopped")["reason"] == "deleted"


def test_what_the_command_line_refuses_never_reaches_the_agent(box: Box) -> None:
    telegen(box, "job", "add", "good", "--port", "all")
    box.wait_status("good", "running")

    assert "Error: port='Ethernet8': " in telegen(box, "job", "add", "bad", "--port", "Ethernet8", status=2)
    assert "Error: max_jobs='0': use " in telegen(box, "global", "max-jobs", "0", status=2)

    assert box.config.keys("TELEGEN*") == ["TELEGEN_JOB|good"]
    assert box.told("bad") == {}


def test_a_global_setting_is_in_force_and_unset_again(box: Box) -> None:
    telegen(box, "job", "add", "a", "--port", "Ethernet0")
    telegen(box, "job", "add", "b", "--port", "Ethernet4")
    box.wait_status("a", "running")
    box.wait_status("b", "running")

    telegen(box, "global", "max-jobs", "1")
    wait_for(lambda: box.settings("max_jobs") == ("1", "TELEGEN|GLOBAL"), what=lambda: str(box.settings("max_jobs")))
    wait_for(lambda: {box.told(job).get("status") for job in "ab"} == {"running", "pending"})

    telegen(box, "global", "unset", "max-jobs")
    wait_for(lambda: box.settings("max_jobs") == ("64", "default"), what=lambda: str(box.settings("max_jobs")))
    box.wait_status("a", "running")
    box.wait_status("b", "running")
