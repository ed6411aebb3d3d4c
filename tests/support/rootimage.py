"""The container image without an image: this machine's root stands in, with this tree installed as volumes."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.box import REPOSITORY
from tests.support.container import Image

PACKAGES = "/usr/lib/python3/dist-packages"
SITE = REPOSITORY / ".venv" / "lib" / "python3.11" / "site-packages"
INSTALLED = [
    f"{REPOSITORY}/sonic_telegen:{PACKAGES}/sonic_telegen:ro",
    f"{REPOSITORY}/build:{PACKAGES}/build:ro",
    f"{SITE.resolve()}:/usr/lib/sonic-telegen/site:ro",
    f"{REPOSITORY}/debian/bin/sonic-telegen:/usr/sbin/sonic-telegen:ro",
    f"{REPOSITORY}/debian/bin/telegen:/usr/bin/telegen:ro",
    f"{REPOSITORY}/contrib/docker/entrypoint:/usr/sbin/telegen-container:ro",
]


def this_root() -> Image:
    """What the Dockerfile says of how it is run."""
    text = (REPOSITORY / "contrib" / "docker" / "Dockerfile").read_text()
    said = dict(re.findall(r"^(ENV|ENTRYPOINT|CMD) (.+)$", text, re.MULTILINE))
    assert said["ENTRYPOINT"] == '["/usr/sbin/telegen-container"]'
    return Image(
        Path("/"),
        {
            "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", *said["ENV"].split()],
            "Entrypoint": ["/usr/sbin/telegen-container"],
            "Cmd": ["run"],
        },
    )
