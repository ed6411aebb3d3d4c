"""An image without an engine: unpacked, and started in namespaces with what `docker run` would give it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.support.box import wait_for
from tests.support.machine import MEMCG, kernel_release
from tests.support.patience import allowed

# What Docker leaves a container that asks for nothing.
DOCKER = (
    *("audit_write", "chown", "dac_override", "fowner", "fsetid", "kill", "mknod", "net_bind_service", "net_raw"),
    *("setfcap", "setgid", "setpcap", "setuid", "sys_chroot"),
)

# The root file system is the image's, read-only, under an overlay; /dev, /proc and /sys as an engine makes them.
_INSIDE = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$WORK"
mkdir "$WORK/root" "$WORK/upper" "$WORK/work"
mount -t overlay overlay -o "lowerdir=$IMAGE,upperdir=$WORK/upper,workdir=$WORK/work" "$WORK/root"
cd "$WORK/root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 tmpfs dev
for node in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9"; do
    set_to() { mknod -m 666 "dev/$1" c "$2" "$3"; }
    set_to $node
done
mkdir -m 1777 dev/shm
printf '%s\\n' "$VOLUMES" | while IFS=: read -r from to how; do
    [ -n "$from" ] || continue
    if [ -d "$from" ]; then mkdir -p ".$to"; else mkdir -p ".${to%/*}" && touch ".$to"; fi
    mount --rbind "$from" ".$to"
    [ "$how" != ro ] || mount -o remount,bind,ro ".$to"
done
exec setpriv --bounding-set="$CAPS" --inh-caps=-all chroot "$WORK/root" /usr/bin/env -i "$@"
"""


@dataclass(frozen=True, slots=True)
class Image:
    """The unpacked root, and what the image says of how it is run."""

    root: Path
    config: Mapping[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        """What it sets itself."""
        return dict(item.split("=", 1) for item in self.config["Env"])


@contextlib.contextmanager
def unpacked(archive: Path) -> Iterator[Image]:
    """An archive of `docker save`'s layout."""
    with tempfile.TemporaryDirectory(prefix=f"telegen-image-{os.getpid()}-") as place:
        outer, root = Path(place) / "archive", Path(place) / "root"
        root.mkdir()
        outer.mkdir()
        subprocess.run(["tar", "-C", str(outer), "-xf", str(archive)], check=True)
        (manifest,) = json.loads((outer / "manifest.json").read_text())
        for layer in manifest["Layers"]:
            subprocess.run(["tar", "-C", str(root), "--numeric-owner", "-xf", str(outer / layer)], check=True)
        yield Image(root, json.loads((outer / manifest["Config"]).read_text())["config"])


class Container:
    """``docker run --network=… --ulimit memlock=-1 --cap-add … -v … -e … IMAGE ARGUMENTS``, inside ``with``."""

    def __init__(
        self,
        image: Image,
        namespace: str,
        *arguments: str,
        caps: Sequence[str] = (),
        volumes: Sequence[str] = (),
        memlock: str = "",
        **env: str,
    ) -> None:
        self._image, self._namespace = image, namespace
        self._arguments = arguments or tuple(image.config["Cmd"])
        self._only = ",".join(["-all", *(f"+{cap}" for cap in (*DOCKER, *caps))])
        self._volumes, self._env = volumes, image.environment | env
        # Not everybody may raise it, and no other kernel asks for it.
        limit = memlock or ("unlimited" if kernel_release() < MEMCG else "")
        self._limit = ["prlimit", f"--memlock={limit}"] if limit else []
        self.pid = 0

    def __enter__(self) -> Self:
        self._stack = contextlib.ExitStack()
        with contextlib.ExitStack() as stack:
            self._work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"telegen-run-{os.getpid()}-")))
            self._log = stack.enter_context(tempfile.TemporaryFile())
            # The mount that hides it goes with the namespace; the folder outside stays empty.
            self._process = subprocess.Popen(
                [
                    *self._limit,
                    *("nsenter", f"--net=/run/netns/{self._namespace}"),
                    *("unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child"),
                    *("sh", "-c", _INSIDE, "sh"),
                    *(f"{name}={value}" for name, value in self._env.items()),
                    *self._image.config["Entrypoint"],
                    *self._arguments,
                ],
                env={
                    "PATH": os.environ["PATH"],
                    "WORK": str(self._work),
                    "IMAGE": str(self._image.root),
                    "VOLUMES": "\n".join(self._volumes),
                    "CAPS": self._only,
                },
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
            )
            stack.callback(self.kill)
            children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
            wait_for(lambda: self._process.poll() is not None or children.read_text().strip(), 10, "its first process")
            self.pid = int(children.read_text() or 0) if self._process.poll() is None else 0
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            print(self.log()[-4000:])
        self._stack.close()

    @property
    def root(self) -> Path:
        """Its root as it sees it."""
        return Path(f"/proc/{self.pid}/root")

    def log(self) -> str:
        """What it wrote so far."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def exec(self, *command: str) -> subprocess.CompletedProcess[str]:
        """``docker exec``."""
        inside = ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--net", "--ipc", "--root", "--wdns=/"]
        env = [f"{name}={value}" for name, value in self._env.items()]
        become = ["setpriv", f"--bounding-set={self._only}", "--inh-caps=-all", "env", "-i", *env]
        whole = [*inside, *become, *command]
        return subprocess.run(whole, capture_output=True, text=True, check=False, timeout=allowed(60))

    def kill(self, number: int = signal.SIGKILL) -> int:
        """Signal the container's first process, and wait for its end; the exit status."""
        if self._process.poll() is None and self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
        elif self._process.poll() is None:
            self._process.kill()
        return self._process.wait(allowed(30))

    def wait(self, timeout: float = 30) -> int:
        """Until it ends by itself; the exit status."""
        return self._process.wait(allowed(timeout))
