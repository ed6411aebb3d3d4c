"""Where SONiC looks for plug-ins of its command lines: asked of Python, as sonic-package-manager does."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import sonic_telegen.cli
from sonic_telegen.install.files import Copy

COMMANDS = ("config", "show", "clear")
_NAME = "telegen.py"


def plugins() -> Iterator[Copy]:
    """One for each command of sonic-utilities that is installed."""
    ours = Path(sonic_telegen.cli.__file__).parent
    for command in COMMANDS:
        if (folder := folder_of(command)) is not None:
            yield Copy(ours / f"{command}.py", folder / _NAME)


def folder_of(command: str) -> Path | None:
    """The folder of ``<command>.plugins``; None where SONiC's package of that name is not installed."""
    try:
        found = find_spec(f"{command}.plugins")
    except Exception:  # to find plugins in it the package itself is imported, and it may be anything
        return None
    if found is None or not found.origin:
        return None
    folder = Path(found.origin).parent
    return folder if (folder.parent / "main.py").is_file() else None  # else a package that has the name by chance
