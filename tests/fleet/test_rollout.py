"""The playbook of contrib/fleet, played by Ansible against an agent, with stand-ins for sonic-db-cli and config."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support.box import CONFIG_DB, REPOSITORY, STATE_DB, Box
from tests.support.fleetfiles import FLEET

PLAYER = REPOSITORY / "build" / "fleet" / "bin" / "ansible-playbook"
SONIC_DB_CLI = f"""#!{sys.executable}
import sys
import redis
name, *words = sys.argv[1:]
db = {{"CONFIG_DB": {CONFIG_DB}, "STATE_DB": {STATE_DB}}}[name]
print(redis.Redis(unix_socket_path="SOCKET", db=db, decode_responses=True).execute_command(*words) or "")
"""
ROWS = json.loads((FLEET / "rollout" / "jobs.json").read_text())["TELEGEN_JOB"]


def play(box: Box, folder: Path, *variables: str) -> subprocess.CompletedProcess[str]:
    """Play it against this machine as the only switch of the inventory."""
    commands = folder / "bin"
    commands.mkdir(exist_ok=True)
    for name, text in (
        ("sonic-db-cli", SONIC_DB_CLI.replace("SOCKET", str(box.redis.socket))),
        ("config", f'#!/bin/sh\necho "$@" >>{folder}/saved\n'),
    ):
        (commands / name).write_text(text)
        (commands / name).chmod(0o755)
    inventory = folder / "inventory"
    inventory.write_text(
        "[switches]\nleaf1 ansible_connection=local ansible_python_interpreter=/usr/bin/python3 ansible_become=false\n"
    )
    extra = [word for one in variables for word in ("-e", one)]
    return subprocess.run(
        [str(PLAYER), "-i", str(inventory), "playbook.yml", *extra],
        cwd=FLEET / "rollout",
        env={
            **os.environ,
            "PATH": f"{commands}:{os.environ['PATH']}",
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_HOME": str(folder / "ansible"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
        },
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def test_rows_are_rolled_out_until_the_agent_says_that_they_run_and_taken_back(tmp_path: Path) -> None:
    with Box() as box:
        box.start()
        done = play(box, tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        for job, row in ROWS.items():
            assert box.config.hgetall(f"TELEGEN_JOB|{job}") == row
            assert box.told(job)["status"] == "running"
        assert (tmp_path / "saved").read_text() == "save -y\n"
        done = play(box, tmp_path, "job_state=absent")
        assert done.returncode == 0, done.stdout + done.stderr
        assert box.config.keys("TELEGEN_JOB|*") == []


def test_a_job_that_does_not_run_stops_the_roll_out(tmp_path: Path) -> None:
    with Box() as box:
        box.start()
        rows = {"TELEGEN": {"GLOBAL": {"max_jobs": "8"}}, "TELEGEN_JOB": {"far": {"port": "Ethernet128"}}}
        done = play(box, tmp_path, "wait_seconds=2", json.dumps({"rows": rows}))
        assert done.returncode != 0
        assert box.told("far")["status"] == "pending"
        assert not (tmp_path / "saved").exists()
