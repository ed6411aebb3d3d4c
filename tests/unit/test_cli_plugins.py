"""A plug-in loads where SONiC has click and nothing of ours: it must never keep SONiC's own commands from running."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.support.sonic_cli import Loader, roots

CLI = Path(__file__).parents[2] / "sonic_telegen" / "cli"
PLUGINS = [name for name in ("config", "show", "clear") if (CLI / f"{name}.py").exists()]
ROOT = {"config": "config", "show": "show", "clear": "sonic-clear"}

# Loads the plug-in as a file alone, with everything but click and the standard library out of reach.
ALONE = """
import importlib.util, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in sys.stdlib_module_names | {"click", "plugin"}:
            raise ModuleNotFoundError(f"{name} is not here", name=name)

sys.meta_path.insert(0, Refuse())
import click
spec = importlib.util.spec_from_file_location("plugin", sys.argv[1])
plugin = importlib.util.module_from_spec(spec)
spec.loader.exec_module(plugin)
root = click.Group()
plugin.register(root)
print(*root.commands)
"""


def load(path: Path) -> str:
    """Names of the commands that it registers."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", PLUGINS)
def test_a_plugin_file_stands_alone_on_click_and_the_standard_library(name: str, tmp_path: Path) -> None:
    copy = tmp_path / "telegen.py"
    shutil.copy(CLI / f"{name}.py", copy)
    assert load(copy) == "telegen\n"


def test_an_import_of_something_else_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text("import redis\ndef register(cli): pass\n")
    with pytest.raises(AssertionError, match="redis is not here"):
        load(tmp_path / "plugin.py")


@pytest.mark.parametrize("name", PLUGINS)
def test_sonics_loader_finds_it_in_a_package_of_plugins(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / f"{name}_of_sonic" / "plugins"
    (package / "auto").mkdir(parents=True)
    for folder in (package.parent, package, package / "auto"):
        (folder / "__init__.py").write_text("")
    (package / "broken.py").write_text("import nothing_of_this_name\n")
    shutil.copy(CLI / f"{name}.py", package / "telegen.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    root, loader = roots()[ROOT[name]], Loader()

    loader.load(importlib.import_module(f"{package.parent.name}.plugins"), root)

    assert sorted(root.commands) == ["techsupport", "telegen"]
    assert loader.complaints == [
        f"failed to import plugin {package.parent.name}.plugins.broken: No module named 'nothing_of_this_name'"
    ]


@pytest.mark.parametrize("name", PLUGINS)
def test_a_command_of_the_same_name_is_not_replaced(name: str) -> None:
    root, other = roots()[ROOT[name]], click.Command("telegen")
    root.add_command(other)
    with pytest.raises(Exception, match=r"^telegen already exists in CLI$"):
        importlib.import_module(f"sonic_telegen.cli.{name}").register(root)
    assert root.commands["telegen"] is other


def test_without_the_rest_of_the_package_a_command_says_so(tmp_path: Path) -> None:
    copy = tmp_path / "telegen.py"
    shutil.copy(CLI / "config.py", copy)
    script = ALONE + 'root(["telegen", "job", "del", "x"], prog_name="config")\n'
    done = subprocess.run(
        [sys.executable, "-I", "-c", script, str(copy)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr == (
        "Error: sonic-telegen is not installed as a whole (sonic_telegen is not here); install it anew\n"
    )
