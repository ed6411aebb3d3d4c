"""The agent as a process of its own in the switch's namespace; pins, state and log are where only this demo looks."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import sonic_telegen
from sonic_telegen.demo.namespace import RUN

_STOP_SEC = 5.0  # the agent promises two
_DETACH_SEC = 20.0
_KEPT = ("TELEGEN_BPF_OBJ", "TELEGEN_BTF_PATH", "TELEGEN_LOG_LEVEL")  # of the caller's own settings


class Daemon:
    """``python -m sonic_telegen`` in a network namespace; ``environment`` is added to a clean one.

    ``directory`` gets its log and its state. Attributes: ``pins`` (a folder in a BPF file system), ``log`` (path).
    """

    def __init__(self, namespace: str, directory: Path, pins: Path, environment: Mapping[str, str]) -> None:
        self._namespace, self.pins = namespace, pins
        self.log = directory / "agent.log"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "TELEGEN_")) or k in _KEPT}
        self._environment = {
            **inherited,
            "PYTHONPATH": str(Path(sonic_telegen.__file__).parents[1]),
            "TELEGEN_PIN_DIR": str(pins),
            "TELEGEN_STATE_DIR": str(directory / "state"),
            **environment,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it dies with us should we be killed, and Ctrl-C in our terminal does not reach it."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self._command()],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )

    @property
    def exit_code(self) -> int | None:
        """None while it runs or before it was started."""
        return self._process.poll() if self._process else None

    def stop(self) -> str:
        """SIGTERM and wait; what was wrong about its end, empty if nothing. Filters and pins stay. Idempotent."""
        process, self._process = self._process, None
        if process is None:
            return ""
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(_STOP_SEC)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return f"the agent did not end within {_STOP_SEC:.0f} s of SIGTERM"
        return f"the agent ended with exit status {code}" if code else ""

    def detach(self) -> str:
        """Remove every filter and pin of it, as a package's purge does; what could not be removed, empty if nothing."""
        problem = ""
        try:
            done = subprocess.run(
                self._command("detach", "--all"),
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_DETACH_SEC,
                check=False,
                process_group=0,
            )
            if done.returncode:
                problem = f"detach --all ended with exit status {done.returncode}: {done.stderr.strip()[-2000:]}"
            elif self.pins.exists():
                problem = f"detach --all left pins in {self.pins}"
        except subprocess.TimeoutExpired:
            problem = f"detach --all took longer than {_DETACH_SEC:.0f} s"
        if self.pins.exists():
            shutil.rmtree(self.pins, ignore_errors=True)
        return problem

    def tail(self, lines: int = 15) -> str:
        """The last lines of its log."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""

    def _command(self, *words: str) -> list[str]:
        # nsenter, not `ip netns exec`: that one mounts a fresh /sys and so hides bpffs.
        return ["nsenter", f"--net={RUN / self._namespace}", sys.executable, "-m", "sonic_telegen", *words]
