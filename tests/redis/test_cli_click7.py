"""The command line's own tests once more, on the click 7.0 that SONiC has up to 202505."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLICK7 = ROOT / "build" / "click7"


def test_the_command_line_passes_its_tests_on_click_7() -> None:
    assert (CLICK7 / "click").is_dir(), (
        f"no click 7.0 in {CLICK7}; run the tests by `make test-redis`, which puts it there"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/redis/cli"],
        env={**os.environ, "PYTHONPATH": str(CLICK7), "TELEGEN_TEST_CLICK": "7.0"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
