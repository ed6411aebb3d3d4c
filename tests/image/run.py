"""``make test-image``: the package on a Debian with systemd, under that Debian's stock kernel in QEMU.

``python -m tests.image.run SUITE DEB OUTDIR``. Two boots of one root file system: ``guest/first.sh`` installs the
package with apt, tries it and upgrades it under traffic, ``guest/second.sh`` is what comes after a reboot and purges
it. OUTDIR/<part> receives ``log``, ``journal``, ``dmesg`` and ``console``. Root, 2 GB of memory, minutes.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.vm import initramfs, vmrun
from tests.vm.fetch_kernels import SUITES, fetch
from tests.vm.host import HostError, cache_dir, require_root
from tests.vm.virtiofs import share

HERE = Path(__file__).parent
PARTS = ("first", "second")
TIMEOUT_SEC = 1500.0


def second_build(deb: Path, target: Path, scratch: Path) -> None:
    """The same package as a newer version of another commit, which is what an upgrade needs."""
    tree = scratch / "tree"
    subprocess.run(["dpkg-deb", "--raw-extract", str(deb), str(tree)], check=True)
    control = tree / "DEBIAN" / "control"
    control.write_text(re.sub(r"^Version: (.*)$", r"Version: \1+second", control.read_text(), flags=re.MULTILINE))
    note = tree / "usr/lib/python3/dist-packages/sonic_telegen/build.json"
    note.write_text('{"version": "dev", "commit": "second", "date": "2026-01-01T00:00:00Z"}\n')
    subprocess.run(["dpkg-deb", "-Zgzip", "-z1", "--root-owner-group", "--build", str(tree), str(target)], check=True)


def prepare(suite: str, kernel: vmrun.Machine, deb: Path, out: Path) -> Path:
    """The root file system, with the kernel's modules and the stand-in for SONiC."""
    root = out / "root"
    subprocess.run([str(HERE / "root.sh"), suite, str(root)], check=True)
    subprocess.run([str(HERE / "sonic.sh"), str(root)], check=True)
    modules = root / "usr/lib/modules" / kernel.release
    shutil.copytree(kernel.kernel / "lib/modules" / kernel.release, modules, symlinks=True)
    story = root / "etc/systemd/system/telegen-story.service"
    shutil.copy(HERE / "guest/telegen-story.service", story)
    wants = root / "etc/systemd/system/multi-user.target.wants"
    (wants / story.name).symlink_to(f"/etc/systemd/system/{story.name}")
    share_with_guest = out / "vm"
    share_with_guest.mkdir()
    shutil.copytree(HERE / "guest", share_with_guest / "guest")
    shutil.copy(deb, share_with_guest / "first.deb")
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        second_build(deb, share_with_guest / "second.deb", Path(scratch))
    return root


def boot(machine: vmrun.Machine, root: Path, vm: Path, part: str) -> vmrun.Result:
    """One boot; what ``guest/<part>.sh`` ended with."""
    for name in vmrun.RESULTS:
        (vm / name).unlink(missing_ok=True)
    (vm / "part").write_text(part)
    late = False
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
        try:
            emulator.wait(machine.timeout)
        except subprocess.TimeoutExpired:
            late = True
    return vmrun.collect(vm, late)


def main() -> int:
    """Command line entry."""
    parser = argparse.ArgumentParser("run", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("suite", choices=("bookworm", "trixie"))
    parser.add_argument("deb", type=Path)
    parser.add_argument("out", type=Path)
    asked = parser.parse_args()
    vmrun.stop_on_signals()
    series = next(name for name, suite in SUITES.items() if suite == asked.suite)
    try:
        require_root("running a VM")
        machine = vmrun.Machine(fetch(series, cache_dir()), memory=2048, timeout=TIMEOUT_SEC)
        out = asked.out.absolute()
        subprocess.run(["rm", "-rf", "--one-file-system", str(out)], check=True)
        out.mkdir(parents=True)
        root = prepare(asked.suite, machine, asked.deb, out)
        for part in PARTS:
            began = time.monotonic()
            result = boot(machine, root, out / "vm", part)
            (out / part).mkdir()
            for name in (*vmrun.RESULTS, "journal", "debug-dump"):
                if (out / "vm" / name).exists():
                    shutil.copy(out / "vm" / name, out / part / name)
            seconds = time.monotonic() - began
            print(f"=== {asked.suite}, {machine.release}, {part} boot: exit code {result.code}, {seconds:.0f} s")
            print(result.log, flush=True)
            for line in result.complaints:
                print(f"kernel: {line}")
            if result.code:
                print(vmrun.text(out / "vm/console")[-3000:], flush=True)
                return 1
    except HostError as error:
        print(f"run: {error}", file=sys.stderr)
        return vmrun.NO_BOOT
    shutil.rmtree(out / "root")
    return 0


if __name__ == "__main__":
    sys.exit(main())
