"""A switch, a pin directory and processes of the product, as root or as the packaged agent would be."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sonic_telegen.demo.switch import Switch
from tests.support.machine import MEMCG, kernel_release
from tests.support.objects import bpffs

ROOT = Path(__file__).parents[2]
OBJECT = ROOT / "build" / "telegen.bpf.o"

# The tree may lie where another user cannot go, as below /root; he sees it at /mnt, in a mount namespace of his own.
_AT_MNT = 'mount --bind "$0" /mnt && cd /mnt && exec "$@"'


_HIDE_BTF = 'mount -t tmpfs none /sys/kernel/btf && exec "$@"'


@dataclass(frozen=True, slots=True)
class Identity:
    """Who runs the product; ``capabilities`` are all that he has, None for root with everything."""

    name: str
    uid: int = 0
    capabilities: tuple[str, ...] | None = None

    def prefix(self) -> list[str]:
        """The command that becomes him; RLIMIT_MEMLOCK is raised as the unit's LimitMEMLOCK=infinity does it."""
        if self.capabilities is None:
            return []
        only = ",".join(["-all", *(f"+{name}" for name in self.capabilities)])
        become = [f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups", "--no-new-privs"]
        sets = [f"--bounding-set={only}", f"--inh-caps={only}", f"--ambient-caps={only}"]
        see = ["unshare", "--mount", "sh", "-c", _AT_MNT, str(ROOT)]
        limit = ["prlimit", "--memlock=unlimited"] if kernel_release() < MEMCG else []
        return [*see, *limit, "setpriv", *become, *sets]

    def path(self, path: Path) -> str:
        """Where he finds a file of the tree."""
        inside = self.capabilities is not None and path.is_relative_to(ROOT)
        return str(Path("/mnt") / path.relative_to(ROOT)) if inside else str(path)


SUPERUSER = Identity("root")
PACKAGED = Identity("capabilities", 65534, ("bpf", "net_admin", "perfmon"))
WITHOUT_BPF = Identity("without CAP_BPF", 65534, ("net_admin", "perfmon"))
WITHOUT_PERFMON = Identity("without CAP_PERFMON", 65534, ("bpf", "net_admin"))
IDENTITIES = (SUPERUSER, PACKAGED)


class Actor:
    """A process of ``actor.py``; ``privileges`` is what it said of itself."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        try:
            self.privileges: Mapping[str, int] = self._read()
        except BaseException:
            self.kill()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()

    def ask(self, **jobs: tuple[str, str] | Mapping[str, str]) -> dict[str, Any]:
        """Run a pass with these rows, or (port, direction) of them, and return what it found."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(jobs) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the actor died: exit code {self._process.wait(60)}"
        found: dict[str, Any] = json.loads(line)
        return found

    def kill(self) -> None:
        """SIGKILL, and wait for the end; idempotent."""
        self._process.kill()
        self._process.wait(60)
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()


@dataclass(frozen=True, slots=True)
class Scene:
    """One switch with the places that one identity's agents share, one after the other."""

    identity: Identity
    switch: Switch
    pins: Path
    state: Path

    def actor(self, bpf_object: Path = OBJECT, *btf: Path, hide_btf: bool = False) -> Actor:
        """Start a process inside the switch's namespace (only the network's: bpffs stays visible).

        ``btf`` is its TELEGEN_BTF_PATH; with ``hide_btf`` the kernel shows it no types.
        """
        who = self.identity
        enter = ["nsenter", f"--net=/run/netns/{self.switch.namespace}"]
        program = [who.path(Path(sys.executable)), "-m", "tests.vm.lean"]
        hide = ["unshare", "--mount", "sh", "-ec", _HIDE_BTF, "sh"] if hide_btf else []
        words = [who.path(bpf_object), str(self.pins), str(self.state), *(who.path(path) for path in btf)]
        return Actor([*enter, *hide, *who.prefix(), *program, *words])


@contextlib.contextmanager
def scene(identity: Identity, *ports: str) -> Iterator[Scene]:
    """A scene for ``identity``, with Ethernet0 when no ports are named; nothing of it is left behind."""
    with contextlib.ExitStack() as stack:
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"tgvm-{os.getpid()}-")))
        os.chown(state, identity.uid, identity.uid)
        pins = stack.enter_context(bpffs()) / "pins"
        pins.mkdir(0o750)
        os.chown(pins, identity.uid, identity.uid)
        switch = stack.enter_context(Switch(ports or ["Ethernet0"]))
        yield Scene(identity, switch, pins, state)
