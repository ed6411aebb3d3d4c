"""What a plug-in adds to the start of every SONiC command, beside what importing what it needs at once would add.

Each import in a fresh interpreter that has click already, as SONiC's has; median in milliseconds.
``python -m tests.bench.bench_cli [--json] [--rounds N]``
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

CLI = Path(__file__).parents[2] / "sonic_telegen" / "cli"
TARGET_MS = 30.0
EAGER = "sonic_telegen.cli.jobs, sonic_telegen.swsscommon.swsscommon, tabulate"  # what bodies import

PLUGIN = """
import importlib.util, time, click
began = time.perf_counter()
spec = importlib.util.spec_from_file_location("plugin", {path!r})
plugin = importlib.util.module_from_spec(spec)
spec.loader.exec_module(plugin)
plugin.register(click.Group())
print((time.perf_counter() - began) * 1000)
"""
ALL = f"""
import time, click
began = time.perf_counter()
import {EAGER}
print((time.perf_counter() - began) * 1000)
"""


def measure(rounds: int) -> dict[str, float]:
    """Milliseconds by what was imported; the ways take turns."""
    ways = {path.stem: PLUGIN.format(path=str(path)) for path in plugins()} | {"at once": ALL}
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, script in ways.items():
            done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
            found[name].append(float(done.stdout))
    return {name: statistics.median(times) for name, times in found.items()}


def plugins() -> list[Path]:
    """The files that SONiC imports on every command."""
    return [path for name in ("config", "show", "clear") if (path := CLI / f"{name}.py").exists()]


def main() -> int:
    """Print the times and their ratio to importing everything at once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    found = measure(given.rounds)
    if given.json:
        print(json.dumps(found, indent=2))
        return 0
    print(f"start of a SONiC command, ms, median of {given.rounds}; target {TARGET_MS:.0f} for a plug-in")
    for name, time in found.items():
        print(f"  {name:10}{time:8.2f}{found['at once'] / time:8.1f} times less than at once")
    return 0


if __name__ == "__main__":
    sys.exit(main())
