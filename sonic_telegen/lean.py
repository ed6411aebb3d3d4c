"""Packages and modules that wait until something needs their content; for the daemon's process alone.

A package imports all that it has when one part of it is asked for: asyncio clients, NDB, 9P, tables of charsets, an
HTTP client. The daemon needs ``redis.connection``, ``pyroute2.netlink`` and ``aiohttp.web``. Others are imported where
only a rare case uses them: protobuf's messages in pure Python with its text format, an archive to import from. Here
one stands in ``sys.modules`` with its path but without its content: its parts are imported as ever, and the first
other name that is asked of it runs its code, so nothing is missing, only later.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import threading
from importlib.util import find_spec, module_from_spec
from typing import Any

# requests, imported behind a proxy only, asks charset_normalizer and idna for names and versions; what they do is for
# text and foreign hosts.
PACKAGES = (
    "zipfile",
    "redis",
    "pyroute2",
    "charset_normalizer",
    "idna",
    "aiohttp",
    "google.protobuf.internal.python_message",
)
_at_work = threading.RLock()


def defer(package: str) -> None:
    """Let ``package`` be imported without its content; one loaded already or absent stays so."""
    parent, _, last = package.rpartition(".")
    try:
        spec = None if package in sys.modules else find_spec(package)  # imports the parents
    except ModuleNotFoundError:
        return
    if spec is None or spec.loader is None:
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
                    from importlib.metadata import PackageNotFoundError, version

                    with contextlib.suppress(PackageNotFoundError):
                        return version(package)
                if spec.submodule_search_locations and find_spec(f"{package}.{name}") is not None:
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
    if parent:
        setattr(sys.modules[parent], last, module)
