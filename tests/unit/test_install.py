"""What the package puts in folders of SONiC: found by asking Python, tried first, whole or not at all."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sonic_telegen.install import plugins, tables, yang
from sonic_telegen.install.files import Copy, Problem

OURS = b"# of sonic-telegen\n"


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    (tmp_path / "there").mkdir()
    (tmp_path / "telegen.py").write_bytes(OURS)
    return Copy(tmp_path / "telegen.py", tmp_path / "there" / "telegen.py")


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_copy_is_placed_and_removed_and_leaves_nothing(copy: Copy) -> None:
    copy.place()
    assert files(copy.target.parent) == {"telegen.py": OURS}
    copy.remove()
    copy.remove()
    assert files(copy.target.parent) == {}


def test_a_newer_copy_takes_the_place_of_an_older_one_and_of_what_python_compiled_of_it(copy: Copy) -> None:
    copy.target.write_bytes(b"# older, of sonic-telegen\n")
    compiled = copy.target.parent / "__pycache__"
    compiled.mkdir()
    (compiled / "telegen.cpython-311.pyc").write_bytes(b"old")
    (compiled / "other.cpython-311.pyc").write_bytes(b"a stranger's")
    copy.place()
    assert files(copy.target.parent) == {"telegen.py": OURS, "__pycache__/other.cpython-311.pyc": b"a stranger's"}


def test_a_strangers_file_is_neither_overwritten_nor_removed(copy: Copy) -> None:
    copy.target.write_bytes(b"a docker extension's\n")
    with pytest.raises(Problem, match="not ours; move it away"):
        copy.place()
    copy.remove()
    assert files(copy.target.parent) == {"telegen.py": b"a docker extension's\n"}


def test_a_folder_that_takes_no_file_is_told_with_its_name(copy: Copy) -> None:
    copy.target.parent.rmdir()
    with pytest.raises(Problem, match=r"there/telegen\.py cannot be written: No such file or directory"):
        copy.place()


@pytest.fixture
def sonic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The packages of sonic-utilities, where Python finds them."""
    for command in plugins.COMMANDS:
        folder = tmp_path / command / "plugins"
        folder.mkdir(parents=True)
        for path in (folder.parent / "__init__.py", folder.parent / "main.py", folder / "__init__.py"):
            path.touch()
        for name in (command, f"{command}.plugins"):
            monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for command in plugins.COMMANDS:
        sys.modules.pop(command, None)


def test_plugins_go_where_python_finds_sonics_plugin_packages(sonic: Path) -> None:
    targets = [copy.target for copy in plugins.plugins()]
    assert targets == [sonic / command / "plugins" / "telegen.py" for command in ("config", "show", "clear")]
    assert all(b"def register(" in copy.source.read_bytes() for copy in plugins.plugins())


def test_a_package_that_is_called_config_by_chance_gets_no_plugin(sonic: Path) -> None:
    (sonic / "config" / "main.py").unlink()
    assert [copy.target.parent.parent.name for copy in plugins.plugins()] == ["show", "clear"]


@pytest.mark.parametrize("wrong", [b"raise RuntimeError", b"import nothing_of_this_name", b"this is no Python"])
def test_a_broken_command_line_of_sonic_gets_no_plugin_and_stops_nothing(sonic: Path, wrong: bytes) -> None:
    (sonic / "config" / "__init__.py").write_bytes(wrong)
    assert [copy.target.parent.parent.name for copy in plugins.plugins()] == ["show", "clear"]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "sonic-port.yang").write_text("module sonic-port {}")
    (tmp_path / "sonic-telegen.yang").write_text("module sonic-telegen {}")
    return tmp_path / "models"


def model(models: Path) -> Copy:
    found = yang.model(models, models.parent / "sonic-telegen.yang")
    assert found is not None
    return found


def test_the_model_is_tried_with_every_model_of_the_switch_and_not_with_an_older_one_of_ours(models: Path) -> None:
    (models / "sonic-telegen.yang").write_text("an older one")
    seen: list[dict[str, bytes]] = []
    assert yang.tried(model(models), lambda folder: seen.append(files(folder))) == ""
    assert seen == [{"sonic-port.yang": b"module sonic-port {}", "sonic-telegen.yang": b"module sonic-telegen {}"}]


def test_a_model_that_breaks_the_switchs_is_refused(models: Path) -> None:
    def load(folder: Path) -> None:
        if (folder / "sonic-telegen.yang").exists():
            raise RuntimeError("leafref to nothing")

    with pytest.raises(Problem, match="was not placed: leafref to nothing"):
        yang.tried(model(models), load)


def test_models_that_are_broken_without_ours_are_told_and_no_reason_to_refuse(models: Path) -> None:
    def load(folder: Path) -> None:
        raise RuntimeError("sonic-port is broken")

    assert yang.tried(model(models), load).endswith("do not load, ours or not: sonic-port is broken")


def test_a_box_without_sonics_models_gets_none(tmp_path: Path) -> None:
    assert yang.model(tmp_path / "none", tmp_path) is None


def test_rows_of_a_saved_configuration_are_found(tmp_path: Path) -> None:
    saved = tmp_path / "config_db.json"
    saved.write_text('{"PORT": {"Ethernet0": {}}, "TELEGEN_JOB": {"b": {}, "a": {}}, "TELEGEN": {"GLOBAL": {}}}')
    assert tables.saved(saved) == ["TELEGEN_JOB|a", "TELEGEN_JOB|b", "TELEGEN|GLOBAL"]


@pytest.mark.parametrize("text", ["", "[]", '{"TELEGEN_JOB": 3}', "{"])
def test_a_saved_configuration_that_makes_no_sense_holds_no_rows(tmp_path: Path, text: str) -> None:
    (tmp_path / "config_db.json").write_text(text)
    assert tables.saved(tmp_path / "config_db.json") == []
    assert tables.saved(tmp_path / "none.json") == []
