"""A deferred package imports by parts, and is whole as soon as anything else of it is asked for."""

from __future__ import annotations

import importlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sonic_telegen import lean

INIT = """\
from {name}.part import VALUE
from {name}.heavy import WEIGHT
whole = True
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Name of a package that can be imported: its ``__init__`` imports ``part`` and ``heavy``."""
    name = f"telegen_lean_{tmp_path.name.replace('-', '_')}"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").write_text(INIT.format(name=name))
    (folder / "part.py").write_text("VALUE = 1\n")
    (folder / "heavy.py").write_text("WEIGHT = 2\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    for loaded in [module for module in sys.modules if module.split(".")[0] == name]:
        del sys.modules[loaded]


def test_a_part_comes_without_the_rest(package: str) -> None:
    lean.defer(package)
    assert importlib.import_module(f"{package}.part").VALUE == 1
    assert f"{package}.heavy" not in sys.modules
    assert importlib.import_module(package).part.VALUE == 1
    assert f"{package}.heavy" not in sys.modules


def test_another_name_makes_the_package_whole(package: str) -> None:
    lean.defer(package)
    part = importlib.import_module(f"{package}.part")
    module = importlib.import_module(package)
    assert module.WEIGHT == 2
    assert module.whole
    assert module.part is part
    assert module.heavy is sys.modules[f"{package}.heavy"]
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = module.nothing_such


def test_from_import_takes_a_part_or_the_whole(package: str) -> None:
    lean.defer(package)
    names: dict[str, object] = {}
    exec(f"from {package} import part", names)
    assert f"{package}.heavy" not in sys.modules
    exec(f"from {package} import WEIGHT", names)
    assert names["WEIGHT"] == 2
    with pytest.raises(ImportError, match="nothing_such"):
        exec(f"from {package} import nothing_such", names)


def test_an_init_that_fails_fails_again_the_next_time(package: str, tmp_path: Path) -> None:
    source = tmp_path / package / "__init__.py"
    source.write_text("raise ImportError('a library is absent')\n")
    lean.defer(package)
    module = importlib.import_module(package)
    for _ in range(2):
        with pytest.raises(ImportError, match="a library is absent"):
            _ = module.WEIGHT


def test_threads_that_ask_at_once_all_get_it(package: str, tmp_path: Path) -> None:
    source = tmp_path / package / "__init__.py"
    source.write_text("import time\ntime.sleep(0.05)\n" + source.read_text() + "runs = globals().get('runs', 0) + 1\n")
    lean.defer(package)
    module, found = importlib.import_module(package), []
    threads = [threading.Thread(target=lambda: found.append(module.WEIGHT)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (found, module.runs) == ([2] * 8, 1)


def test_a_module_waits_too_and_is_found_by_every_way_to_import_it(package: str) -> None:
    heavy = f"{package}.heavy"
    (Path(sys.path[0]) / package / "__init__.py").write_text("")
    lean.defer(heavy)
    names: dict[str, object] = {}
    exec(f"import {heavy}\nfrom {package} import heavy\nimport {heavy} as again", names)
    assert "WEIGHT" not in vars(sys.modules[heavy])
    assert names["heavy"] is names["again"] is sys.modules[heavy] is importlib.import_module(package).heavy
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = sys.modules[heavy].nothing_such
    exec(f"from {heavy} import WEIGHT", names)
    assert names["WEIGHT"] == 2


def test_a_loaded_or_absent_package_stays_as_it_is(package: str) -> None:
    module = importlib.import_module(package)
    lean.defer(package)
    assert sys.modules[package] is module
    for absent in ("telegen_no_such_package", "telegen_no_such_package.part", f"{package}.no_such_part"):
        lean.defer(absent)
        assert absent not in sys.modules


def test_the_daemon_leaves_out_what_it_does_not_use() -> None:
    """Each of these costs half a megabyte or more; the packages work as ever when they are asked for."""
    script = """
import sys
from sonic_telegen import lean
for package in lean.PACKAGES:
    lean.defer(package)
import sonic_telegen.agent, sonic_telegen.rest.facade
from sonic_telegen.settings import OtlpSettings
from sonic_telegen.telemetry.otlp import Exporter
Exporter(OtlpSettings(endpoint="localhost", protocol="http/protobuf"), {}).close()
unused = ["requests", "opentelemetry.sdk", "opentelemetry.context", "google.protobuf.text_format",
          "redis.asyncio", "redis.cluster", "pyroute2.ndb.main", "pyroute2.netlink.rtnl.tcmsg", "multiprocessing",
          "charset_normalizer.api", "idna.core", "aiohttp.client", "logging.handlers"]
print([module for module in unused if module in sys.modules])
import redis, pyroute2, charset_normalizer, idna, aiohttp, zipfile, google.protobuf.internal.python_message
print(redis.Redis.__name__, pyroute2.IPRoute.__name__, charset_normalizer.from_bytes(b"a").best(),
      idna.encode("b\\u00fccher.example"), aiohttp.ClientSession.__name__, aiohttp.__version__ > "3",
      zipfile.ZipFile.__name__, google.protobuf.internal.python_message.GeneratedProtocolMessageType.__name__)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    whole = "Redis IPRoute a b'xn--bcher-kva.example' ClientSession True ZipFile GeneratedProtocolMessageType"
    assert done.stdout.splitlines() == ["[]", whole]
