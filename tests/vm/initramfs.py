"""The initramfs of a test VM: busybox, the modules that reach the host's root over virtiofs, and our init script."""

from __future__ import annotations

import gzip
import lzma
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.vm.host import HostError, require

GUEST = Path(__file__).parent / "guest"
MODULES = ("virtio_pci", "virtio_rng", "overlay", "virtiofs")


def module_files(kernel: Path, release: str) -> list[Path]:
    """Files of ``MODULES`` and what they depend on, in loading order; a name that is missing is built in."""
    base = kernel / "lib" / "modules" / release
    pairs = (line.split(":") for line in (base / "modules.dep").read_text().splitlines())
    needs = {name: depends.split() for name, depends in pairs}
    by_name = {re.sub(r"\.ko(\.\w+)?$", "", Path(name).name).replace("-", "_"): name for name in needs}
    order: dict[str, None] = {}
    for module in MODULES:
        if module in by_name:
            order |= dict.fromkeys([*reversed(needs[by_name[module]]), by_name[module]])
    return [base / name for name in order]


def _plain(module: Path) -> tuple[str, bytes]:
    """Name and bytes of the module as busybox' insmod wants them: not compressed."""
    data = module.read_bytes()
    if module.suffix == ".xz":
        return module.stem, lzma.decompress(data)
    if module.suffix != ".ko":
        raise HostError(f"{module}: only .ko and .ko.xz are known")
    return module.name, data


def build(kernel: Path, release: str, command: str, target: Path, init: Path = GUEST / "init.sh") -> None:
    """Write the compressed archive for this kernel to ``target``; ``init`` has ``command`` run by bash."""
    with tempfile.TemporaryDirectory(dir=target.parent) as name:
        root = Path(name)
        for part in ("bin", "dev", "proc", "sys", "modules"):
            (root / part).mkdir()
        shutil.copy(require("busybox"), root / "bin/busybox")
        modules = [_plain(path) for path in module_files(kernel, release)]
        for module, data in modules:
            (root / "modules" / module).write_bytes(data)
        (root / "modules.list").write_text("".join(f"{module}\n" for module, _ in modules))
        (root / "vm.conf").write_text(f"RELEASE={release}\nKERNEL={shlex.quote(str(kernel))}\n")
        (root / "command.sh").write_text(command)
        shutil.copy(GUEST / "run.sh", root / "run.sh")
        shutil.copy(init, root / "init")
        (root / "init").chmod(0o755)
        files = "".join(f"{path.relative_to(root)}\n" for path in sorted(root.rglob("*")))
        archive = subprocess.run(
            [require("cpio"), "-o", "-H", "newc", "--quiet"],
            cwd=root,
            input=files.encode(),
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
    target.write_bytes(gzip.compress(archive, compresslevel=1))
