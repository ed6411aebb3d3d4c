"""Run a command as root under one of Debian's stock kernels, in QEMU without KVM.

``python -m tests.vm.vmrun [options] SERIES OUTDIR -- COMMAND [ARG ...]``. The guest's root is the host's, read-only
under an overlay in memory: same paths, same Python. OUTDIR is writable there as /.vm and receives ``log`` (what the
command wrote), ``dmesg``, ``console``, and whatever else the command puts there. A single COMMAND word is a shell line.

Exit code: the command's; 123 when it was 0 but the kernel complained (BUG, WARNING, Oops); 124 when the time was up;
125 when the VM did not get as far as an exit code (the end of the console is shown).
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from tests.vm import initramfs
from tests.vm.fetch_kernels import SUITES, fetch
from tests.vm.host import HostError, cache_dir, require, require_root
from tests.vm.virtiofs import share

COMPLAINT, TIMED_OUT, NO_BOOT = 123, 124, 125
RESULTS = ("rc", "rc.part", "log", "up", "dmesg", "console")
_COMPLAINTS = re.compile(r"\bBUG:|\bWARNING:|\bOops\b|kernel BUG at|general protection fault|Call Trace:")
# tsc=unstable and no_timer_check: the emulated clocks drift under load; mitigations cost time and protect nothing here
_CMDLINE = "console=ttyS0 quiet panic=-1 mitigations=off tsc=unstable no_timer_check nosoftlockup log_buf_len=4M"


@dataclass(frozen=True, slots=True)
class Machine:
    """What to boot: memory in MiB, number of CPUs, seconds until the run is given up."""

    kernel: Path
    memory: int = 1024
    cpus: int = 2
    timeout: float = 600

    @property
    def release(self) -> str:
        """The kernel's release as uname -r says it."""
        return next((self.kernel / "boot").glob("vmlinuz-*")).name.removeprefix("vmlinuz-")


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended: exit code as told above, the command's output, the kernel's complaints."""

    code: int
    log: str
    complaints: tuple[str, ...]


def script(command: list[str], release: str, environment: list[str]) -> str:
    """The shell script for the guest: our directory, PATH and the given variables, then the command."""
    line = command[0] if len(command) == 1 else shlex.join(command)
    kept = {
        "PATH": os.environ["PATH"],
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "TELEGEN_VM": release,
        "TELEGEN_VM_OUT": "/.vm",
    }
    kept |= dict(variable.partition("=")[::2] for variable in environment)
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in kept.items())
    return f"{exports}cd {shlex.quote(str(Path.cwd()))} || exit\n{line}\n"


def qemu(machine: Machine, initrd: Path, console: Path, devices: list[str]) -> list[str]:
    """The emulator's command line; virtiofs needs the guest's memory shared with its daemons."""
    memory = f"memory-backend-memfd,id=mem,size={machine.memory}M,share=on"
    return [
        require("setpriv"), "--pdeathsig", "KILL", require("qemu-system-x86_64"),
        "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", str(machine.cpus), "-m", str(machine.memory),
        "-nographic", "-nodefaults", "-no-reboot", "-object", memory, "-numa", "node,memdev=mem",
        "-kernel", str(machine.kernel / "vmlinux"), "-initrd", str(initrd), "-append", _CMDLINE,
        "-serial", f"file:{console}", "-device", "virtio-rng-pci", *devices,
    ]  # fmt: skip


@contextmanager
def children() -> Iterator[list[subprocess.Popen[bytes]]]:
    """A list of session leaders that are gone with all their group when the block is left, however it is left."""
    processes: list[subprocess.Popen[bytes]] = []
    try:
        yield processes
    finally:
        for process in processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        for process in processes:
            process.wait()


def run(machine: Machine, out: Path, command: list[str], environment: list[str] | None = None) -> Result:
    """Boot, run ``command``, collect; ``out`` is made when absent, results of an earlier run in it are removed."""
    out.mkdir(parents=True, exist_ok=True)
    for name in RESULTS:
        (out / name).unlink(missing_ok=True)
    late = False
    with tempfile.TemporaryDirectory(prefix=f"telegen-vm-{os.getpid()}-") as scratch, children() as processes:
        initrd = Path(scratch) / "initrd.gz"
        initramfs.build(machine.kernel, machine.release, script(command, machine.release, environment or []), initrd)
        devices: list[str] = []
        for tag, source, writable in (("root", Path("/"), False), ("out", out, True)):
            daemon, arguments = share(tag, source, writable, Path(scratch))
            processes.append(daemon)
            devices += arguments
        emulate = qemu(machine, initrd, out / "console", devices)
        emulator = subprocess.Popen(emulate, stdin=subprocess.DEVNULL, start_new_session=True)
        processes.append(emulator)
        try:
            emulator.wait(machine.timeout)
        except subprocess.TimeoutExpired:
            late = True
    return collect(out, late)


def collect(out: Path, late: bool) -> Result:
    """The result of a run that has ended, from the files in ``out``."""
    code = TIMED_OUT if late else int(text(out / "rc") or NO_BOOT)
    seen = (text(out / "dmesg") + "\n" + text(out / "console")).splitlines()
    complaints = tuple(line for line in seen if _COMPLAINTS.search(line))
    return Result(COMPLAINT if complaints and code == 0 else code, text(out / "log"), complaints)


def text(path: Path) -> str:
    """The file's text without its last newline, empty when there is none."""
    return path.read_text(errors="replace").strip() if path.exists() else ""


def _stop(signum: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + signum)


def stop_on_signals() -> None:
    """Leave in order on SIGTERM, SIGINT and SIGHUP, so that no VM outlives us."""
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, _stop)


def main() -> int:
    """Command line entry."""
    summary, _, rest = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=summary, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter, prog="vmrun"
    )
    parser.add_argument("--mem", type=int, default=1024, metavar="MIB", help="memory of the guest, default %(default)s")
    parser.add_argument("--cpus", type=int, default=2, help="CPUs of the guest, default %(default)s")
    parser.add_argument("--timeout", type=float, default=600, metavar="SECONDS", help="default %(default)s")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="a variable for the command")
    parser.add_argument("series", choices=SUITES, help="kernel series")
    parser.add_argument("out", type=Path, help="directory for the results")
    parser.add_argument("command", nargs="+", help="what to run in the guest, after --")
    asked = parser.parse_args()
    stop_on_signals()
    began = time.monotonic()
    try:
        require_root("running a VM (virtiofsd's chroot, a mount namespace)")
        machine = Machine(fetch(asked.series, cache_dir()), asked.mem, asked.cpus, asked.timeout)
        result = run(machine, asked.out.absolute(), asked.command, asked.env)
    except HostError as error:
        print(f"vmrun: {error}", file=sys.stderr)
        return NO_BOOT
    print(result.log, flush=True)
    _report(machine, asked.out, result, time.monotonic() - began)
    return result.code


def _report(machine: Machine, out: Path, result: Result, seconds: float) -> None:
    """One line on how it went, and what explains a failure that the command's own output cannot."""
    booted = text(out / "up")
    words = {TIMED_OUT: f"no end after {machine.timeout:g} s", NO_BOOT: "no exit code from the guest"}
    ended = words.get(result.code, f"exit code {result.code}") if result.code else "passed"
    print(f"[{machine.release}] {ended}; boot {booted or '?'} s, wall {seconds:.0f} s, files in {out}", file=sys.stderr)
    for line in result.complaints[:20]:
        print(f"[{machine.release}] kernel: {line}", file=sys.stderr)
    if result.code in words:
        print(text(out / "console")[-3000:], file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
