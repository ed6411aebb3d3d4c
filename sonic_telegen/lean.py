"""Packages whose ``__init__`` waits until something needs it; for the daemon's process alone.

Each imports all that it has when one part of it is asked for: asyncio clients, NDB, 9P, tables of charsets, an HTTP
client. The daemon needs ``redis.connection``, ``pyroute2.netlink`` and ``aiohttp.web``. Here a package stands in
``sys.modules`` with its path but without its content: its parts are imported as ever, and the first other name that
is asked of the package runs its ``__init__``, so nothing is missing, only later.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import threading
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec, module_from_spec
from typing import Any

# requests asks charset_normalizer and idna for their names and versions; what they do is for text and foreign hosts.
PACKAGES = ("redis", "pyroute2", "charset_normalizer", "idna", "aiohttp")
_at_work = threading.RLock()


def defer(package: str) -> None:
    """Let parts of ``package`` be imported without its ``__init__``; a package loaded already or absent stays so."""
    if package in sys.modules or (spec := find_spec(package)) is None or spec.loader is None:
        return
    loader, module = spec.loader, module_from_spec(spec)
    content = vars(module)
    begun = False

    def missing(name: str) -> Any:
        nonlocal begun
        with _at_work:
            if name in content:
                return content[name]  # another thread was faster
            if not begun:
                if name == "__version__":
                    with contextlib.suppress(PackageNotFoundError):
                        return version(package)
                if find_spec(f"{package}.{name}") is not None:
                    return importlib.import_module(f"{package}.{name}")
                begun = True
                try:
                    loader.exec_module(module)
                except BaseException:
                    begun = False
                    raise
                if content.get("__getattr__") is missing:
                    del content["__getattr__"]
                return getattr(module, name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=module)

    content["__getattr__"] = missing
    sys.modules[package] = module
