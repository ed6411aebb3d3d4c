"""``climb``: the programs by the first way that holds, and why those before it did not. Never a silent step down.

1. The object, on a kernel with BTF or without: it needs none (``core``).
2. An object that does relocate, with ``TELEGEN_BTF_PATH`` where the kernel shows no BTF (``core-btf-file``).
3. Compiled on the box by bcc from the packaged source (``bcc``), when the object cannot be read or does not load.

What is no matter of the object (capabilities, memory, somebody's pins) would stop all ways: it is raised as it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from sonic_telegen.errors import KernelError, NotSupported, VerifierRejected
from sonic_telegen.kernel import compiled, compiler
from sonic_telegen.kernel.loader import CORE, KERNEL_BTF, Loaded, Rung, load, load_rung
from sonic_telegen.kernel.migrate import Hooks

BCC = "bcc"
NO_BTF = "this kernel shows no BTF"
_OF_THE_FILE = ("open BPF object", "read constant", "find program", "find map")


def climb(
    object_path: Path,
    pin_dir: Path,
    hooks: Hooks,
    btf_path: Path | None = None,
    clock: Callable[[], int] = time.time_ns,
    job_object: Path | None = None,
    source: Path | None = None,
) -> Loaded:
    """As ``loader.load``; with the reason where it is not the first way. ``source`` is what bcc compiles."""
    btf = str(btf_path) if btf_path else None
    try:
        found = load(object_path, pin_dir, hooks, btf, clock, job_object)
    except KernelError as problem:
        if not _of_the_object(problem):
            raise
        return _compiled(problem, pin_dir, hooks, clock, job_object, source)
    if not KERNEL_BTF.exists():
        how = "the object needs none" if found.loader == CORE else f"TELEGEN_BTF_PATH={btf} stands in"
        found.reason = f"{NO_BTF}: {how}"
    return found


def _of_the_object(problem: KernelError) -> bool:
    """Whether another object for the same programs may do better."""
    return isinstance(problem, NotSupported | VerifierRejected) or problem.operation in _OF_THE_FILE


def _compiled(
    first: KernelError,
    pin_dir: Path,
    hooks: Hooks,
    clock: Callable[[], int],
    job_object: Path | None,
    source: Path | None,
) -> Loaded:
    path = source or compiler.packaged(compiled.SOURCE)
    try:
        code = compiled.compile_interface(path)
        rung = Rung(BCC, lambda: compiled.Compiled(str(path), code))
        found = load_rung(rung, pin_dir, hooks, clock, job_object)
    except KernelError as second:
        first.args = (f"{first}; nor could bcc help: {second}",)
        raise first from second
    problem = f"{first.operation} on {first.target}: {first.problem}"
    found.reason = f"the object did not load ({problem}): compiled here from {path}"
    return found
