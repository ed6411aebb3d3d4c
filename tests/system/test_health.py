"""``sonic-telegen health`` beside a real agent: what a container's health check hears."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from tests.support.box import REPOSITORY, Box, wait_for


def health(box: Box, **env: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **box.environment, **env}
    return subprocess.run(
        box.command("health"), env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("where", ["127.0.0.1:8080", "unix", ""])
def test_a_living_agent_is_well_and_a_dead_one_is_not(where: str) -> None:
    with Box(("Ethernet0",), receiver=False) as box:
        listen = f"unix:{box.directory}/rest.sock" if where == "unix" else where
        box.start(TELEGEN_LISTEN=listen)
        if listen:
            wait_for(lambda: box.about("listen") == listen, what=box.log)
        done = health(box, TELEGEN_LISTEN=listen)
        assert (done.returncode, done.stderr) == (0, "")
        box.kill()
        done = health(box, TELEGEN_LISTEN=listen)
        assert done.returncode == 1
        assert ("cannot be asked" if listen else "no agent runs") in done.stderr


def test_an_agent_that_stands_still_is_not_well() -> None:
    with Box(("Ethernet0",), receiver=False) as box:
        box.start()
        wait_for(lambda: box.about("listen") == "127.0.0.1:8080", what=box.log)
        assert box.agent is not None
        box.agent.send_signal(signal.SIGSTOP)
        try:
            done = health(box)
        finally:
            box.agent.send_signal(signal.SIGCONT)
        assert done.returncode == 1
        assert "timed out" in done.stderr
