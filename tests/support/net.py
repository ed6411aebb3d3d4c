"""Namespaces, ports and strangers for the kernel tests; strangers are made by iproute2, never by our own code."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sonic_telegen.demo.namespace import RUN
from tests.support.patience import allowed

FRAME = b"\xff" * 6 + b"\x02\0\0\0\0\1" + b"\x08\x00" + b"\x45" + bytes(45)  # 60 bytes that look like IPv4


def until(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Poll ``condition`` until it is true or the time is over; returns its last answer."""
    deadline = time.monotonic() + allowed(seconds)
    while not condition():
        if time.monotonic() > deadline:
            return condition()
        time.sleep(0.005)
    return True


def run_in(namespace: str, *command: str) -> str:
    """Standard output of a command run inside a named network namespace; an error carries its stderr."""
    done = subprocess.run(
        ["nsenter", f"--net={RUN / namespace}", *command],
        capture_output=True,
        text=True,
        timeout=allowed(30),
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} in {namespace}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def tc(namespace: str, words: str) -> str:
    """``tc <words>`` inside the namespace."""
    return run_in(namespace, "tc", *words.split())


def tc_json(namespace: str, words: str) -> list[dict[str, Any]]:
    """``tc -json <words>``, decoded; an empty answer is an empty list."""
    found: list[dict[str, Any]] = json.loads(run_in(namespace, "tc", "-json", *words.split()) or "[]")
    return found


def named_namespaces() -> set[str]:
    """What is under /run/netns now."""
    return {path.name for path in Path(RUN).iterdir()} if RUN.exists() else set()
