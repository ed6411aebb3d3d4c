"""``make test-image``: the package on a Debian with systemd, under that Debian's stock kernel in QEMU.

``python -m tests.image.run SUITE DEB OUTDIR [PART ...]``. The parts of the story are ``guest/<part>.sh``: ``bare`` is a
Debian without anything of SONiC, ``ladder`` each way to the programs, ``live`` a switch's day, ``again`` the same root
after a reboot, ``moved`` a new image with the old one's rows. OUTDIR/<part> receives ``log``, ``journal``, ``dmesg``
and ``console``. Root, 2 GB of memory, minutes.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.image import variants
from tests.support.relocating import relocating
from tests.vm import initramfs, vmrun
from tests.vm.fetch_kernels import SUITES, fetch
from tests.vm.host import HostError, cache_dir, require_root
from tests.vm.virtiofs import share

HERE = Path(__file__).parent
PARTS = ("bare", "ladder", "live", "again", "moved")
TIMEOUT_SEC = 5400.0  # of a part: on a quiet machine a third of it is enough
SAVED = "etc/sonic/rows"  # what an image upgrade keeps, as SONiC keeps /etc/sonic


def prepare(part: str, suite: str, kernel: vmrun.Machine, out: Path) -> None:
    """The root file system that the part begins with, in OUT/root; the kernel's modules are in it."""
    root, rows = out / "root", out / "rows"
    if part == "again":
        return
    if (root / SAVED).exists():
        shutil.copy(root / SAVED, rows)
    more = ["python3-bpfcc"] if part == "ladder" else []
    subprocess.run([str(HERE / "root.sh"), suite, str(root), *more], check=True)
    if part != "bare":
        subprocess.run([str(HERE / "sonic.sh"), str(root)], check=True)
    if part == "moved":
        rows.touch()
        shutil.copy(rows, root / SAVED)
        (root / "host").mkdir()
        shutil.copy(out / "vm/first.deb", root / "host/sonic-telegen.deb")
    modules = root / "usr/lib/modules" / kernel.release
    shutil.copytree(kernel.kernel / "lib/modules" / kernel.release, modules, symlinks=True)
    story = root / "etc/systemd/system/telegen-story.service"
    shutil.copy(HERE / "guest/telegen-story.service", story)
    wants = root / "etc/systemd/system/multi-user.target.wants"
    (wants / story.name).symlink_to(f"/etc/systemd/system/{story.name}")


def share_with_guest(deb: Path, out: Path) -> None:
    """What the guest finds as /.vm: its scripts and three builds of the package."""
    shared = out / "vm"
    shared.mkdir()
    shutil.copytree(HERE / "guest", shared / "guest")
    shutil.copy(deb, shared / "first.deb")
    shutil.copy(relocating(), shared / "relocating.o")
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        variants.second(deb, shared / "second.deb", Path(scratch) / "second")
        variants.old(deb, shared / "old.deb", Path(scratch) / "old")


def boot(machine: vmrun.Machine, root: Path, vm: Path, part: str) -> vmrun.Result:
    """One boot; what ``guest/<part>.sh`` ended with. Its log is shown as it grows."""
    for name in vmrun.RESULTS:
        (vm / name).unlink(missing_ok=True)
    (vm / "part").write_text(part)
    late, shown, until = False, 0, time.monotonic() + machine.timeout
    with tempfile.TemporaryDirectory(prefix="telegen-image-") as scratch, vmrun.children() as processes:
        initrd = Path(scratch) / "initrd.gz"
        initramfs.build(machine.kernel, machine.release, "", initrd, HERE / "guest/init.sh")
        devices: list[str] = []
        for tag, source in (("root", root), ("out", vm)):
            daemon, arguments = share(tag, source, True, Path(scratch))
            processes.append(daemon)
            devices += arguments
        emulator = subprocess.Popen(
            vmrun.qemu(machine, initrd, vm / "console", devices), stdin=subprocess.DEVNULL, start_new_session=True
        )
        processes.append(emulator)
        while emulator.poll() is None and not late:
            time.sleep(1)
            late = time.monotonic() > until
            shown = _show(vm / "log", shown)
    _show(vm / "log", shown)
    return vmrun.collect(vm, late)


def _show(log: Path, shown: int) -> int:
    """Print what came to the log behind its first ``shown`` bytes; how many those are now."""
    text = log.read_bytes() if log.exists() else b""
    sys.stdout.write(text[shown:].decode(errors="replace"))
    sys.stdout.flush()
    return max(shown, len(text))


def told(part: str, suite: str, machine: vmrun.Machine, out: Path, began: float, result: vmrun.Result) -> str:
    """Keep the part's files; the line that sums it up."""
    (out / part).mkdir(exist_ok=True)
    for name in (*vmrun.RESULTS, "journal", "debug-dump"):
        if (out / "vm" / name).exists():
            shutil.copy(out / "vm" / name, out / part / name)
    for line in result.complaints:
        print(f"kernel: {line}")
    if result.code > 1:
        print(vmrun.text(out / "vm/console")[-3000:])
    words = next((line for line in result.log.splitlines() if "checks passed" in line), "no end of the story")
    how = "ok" if result.code == 0 else f"FAILED ({result.code})"
    return f"{suite} {machine.release} {part}: {how}: {words}; {time.monotonic() - began:.0f} s in all"


def main() -> int:
    """Command line entry: 0 when every check of every part passed."""
    parser = argparse.ArgumentParser("run", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("suite", choices=("bookworm", "trixie"))
    parser.add_argument("deb", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; default all")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    vmrun.stop_on_signals()
    series = next(name for name, suite in SUITES.items() if suite == asked.suite)
    lines, failed = [], False
    try:
        require_root("running a VM")
        machine = vmrun.Machine(fetch(series, cache_dir()), memory=2048, timeout=TIMEOUT_SEC)
        out = asked.out.absolute()
        kept = asked.parts and asked.parts[0] in ("again", "moved")  # they go on from what live left
        if not kept:
            subprocess.run(["rm", "-rf", "--one-file-system", str(out)], check=True)
        subprocess.run(["rm", "-rf", "--one-file-system", str(out / "vm")], check=True)
        out.mkdir(parents=True, exist_ok=True)
        share_with_guest(asked.deb, out)
        for part in asked.parts or PARTS:
            began = time.monotonic()
            prepare(part, asked.suite, machine, out)
            print(f"=== {asked.suite} {machine.release} {part}", flush=True)
            result = boot(machine, out / "root", out / "vm", part)
            lines.append(told(part, asked.suite, machine, out, began, result))
            failed = failed or result.code != 0
    except HostError as error:
        print(f"run: {error}", file=sys.stderr)
        return vmrun.NO_BOOT
    print("\n".join(lines))
    if not asked.parts:
        shutil.rmtree(out / "root")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
