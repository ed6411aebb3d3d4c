"""In CI a test may be skipped only for what the machine answered; elsewhere a skip is a skip."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
LAZY = 'import pytest\ndef test_lazy():\n    pytest.skip("later")\n'
MARKED = 'import pytest\n@pytest.mark.skip(reason="machine: ")\ndef test_marked():\n    pass\n'
MODULE = 'import pytest\npytest.importorskip("no_such_module")\n'
TOLD = (
    'import pytest\n@pytest.mark.skipif(True, reason="machine: ip link add type erspan: Operation not supported")\n'
    "def test_told():\n    pass\n"
)


def outcome(folder: Path, source: str, ci: str) -> tuple[int, str]:
    """Exit status and output of pytest on one test file under our conftest."""
    tests = folder / "tests"
    (tests / "unit").mkdir(parents=True)
    shutil.copy(CONFTEST, tests)
    (tests / "unit" / "test_it.py").write_text(source)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests)],
        env={**os.environ, "CI": ci},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("source", [LAZY, MARKED, MODULE], ids=["in the test", "by a mark without answer", "module"])
def test_a_skip_without_an_answer_fails_in_ci(source: str, tmp_path: Path) -> None:
    code, output = outcome(tmp_path, source, "true")
    assert code != 0
    assert "skipped in CI" in output


def test_a_skip_with_the_machines_answer_is_one(tmp_path: Path) -> None:
    code, output = outcome(tmp_path, TOLD, "true")
    assert (code, "1 skipped" in output) == (0, True), output


def test_elsewhere_a_skip_is_a_skip(tmp_path: Path) -> None:
    code, output = outcome(tmp_path, LAZY, "")
    assert (code, "1 skipped" in output) == (0, True), output
