"""The YANG model among SONiC's: tried beside them first, since one broken model breaks it for the whole switch."""

from __future__ import annotations

import contextlib
import importlib
import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sonic_telegen.install.files import Copy, Problem

MODELS = Path("/usr/local/yang-models")
MODEL = Path("/usr/share/sonic-telegen/yang/sonic-telegen.yang")

Load = Callable[[Path], None]  # raises when the models of a folder do not load together


def model(models: Path = MODELS, source: Path = MODEL) -> Copy | None:
    """Where our model goes; None where there are none of SONiC's."""
    return Copy(source, models / source.name) if models.is_dir() else None


def tried(copy: Copy, load: Load | None) -> str:
    """A notice, or nothing. Problem when SONiC's models load without ours and not with it."""
    if load is None:
        return f"{copy.target} is placed untried: there is no sonic_yang to try it with"
    ours = copy.target.name
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for other in copy.target.parent.glob("*.yang"):
            if other.name != ours:
                (folder / other.name).symlink_to(other)
        (folder / ours).symlink_to(copy.source)
        if (why := _problem(load, folder)) is None:
            return ""
        (folder / ours).unlink()
        if _problem(load, folder) is not None:
            return f"the models in {copy.target.parent} do not load, ours or not: {why}"
    raise Problem(f"{ours} does not load beside this image's YANG models and was not placed: {why}")


def sonic_yang() -> Load | None:
    """SONiC's loader, None where there is none."""
    try:
        module: Any = importlib.import_module("sonic_yang")
    except ImportError:
        return None

    def load(folder: Path) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            module.SonicYang(str(folder)).loadYangModel()

    return load


def _problem(load: Load, folder: Path) -> str | None:
    try:
        load(folder)
    except Exception as problem:  # whatever libyang's binding raises
        return str(problem) or type(problem).__name__
    return None
