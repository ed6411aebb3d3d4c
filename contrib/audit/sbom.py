"""The bill of materials of the package, CycloneDX 1.6 in JSON: ``sbom.py SITE PIP_REPORT SOURCE_DATE_EPOCH OUT``.

SITE is the folder that pip filled, whose metadata is what was installed; PIP_REPORT (``pip install --report``) has the
hash of each wheel that was taken. Nothing in it depends on where or when it was made, but for the given date.
"""

from __future__ import annotations

import datetime
import json
import sys
import uuid
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from contrib.audit.locks import asked
from sonic_telegen.version import VERSION

ROOT = Path(__file__).parents[2]
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://github.com/platformbuilds/telegen-sonic")
_LICENSES = LicenseFactory()
_SPDX = {  # what metadata older than PEP 639 says
    "Apache 2": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "3-Clause BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
}


def bom(site: Iterable[Distribution], hashes: dict[str, str], version: str, date: datetime.datetime) -> Bom:
    """The agent, what ``site`` holds, and which of it needs which."""
    found = {canonicalize_name(one.metadata["Name"]): one for one in site}
    parts = {name: _component(name, one, hashes.get(name)) for name, one in sorted(found.items())}
    agent = Component(
        name="sonic-telegen",
        version=version,
        type=ComponentType.APPLICATION,
        bom_ref=f"pkg:deb/sonic-telegen@{version}",
        purl=PackageURL("deb", None, "sonic-telegen", version),
        licenses=[_LICENSES.make_from_string("Apache-2.0")],
    )
    content = [version, *(f"{name} {one.version} {hashes.get(name)}" for name, one in sorted(found.items()))]
    named = uuid.uuid5(NAMESPACE, "\n".join(content))
    made = Bom(components=parts.values(), serial_number=named, metadata=BomMetaData(component=agent, timestamp=date))
    made.register_dependency(agent, _of(parts, asked(ROOT, "runtime")))
    for name, one in found.items():
        made.register_dependency(parts[name], _of(parts, map(Requirement, one.requires or ())))
    return made


def render(made: Bom) -> str:
    """The document; ``ValueError`` if CycloneDX's own schema refuses it."""
    text: str = JsonV1Dot6(made).output_as_string(indent=1)
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if problem is not None:
        raise ValueError(f"no valid CycloneDX 1.6: {problem}")
    return text + "\n"


def wheels(report: str) -> dict[str, str]:
    """The sha256 of each wheel that pip installed, by name."""
    return {
        canonicalize_name(one["metadata"]["name"]): one["download_info"]["archive_info"]["hashes"]["sha256"]
        for one in json.loads(report)["install"]
    }


def _component(name: str, one: Distribution, sha256: str | None) -> Component:
    return Component(
        name=name,
        version=one.version,
        type=ComponentType.LIBRARY,
        bom_ref=f"pkg:pypi/{name}@{one.version}",
        purl=PackageURL("pypi", None, name, one.version),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256)] if sha256 else [],
        licenses=[_license(one)],
    )


def _license(one: Distribution) -> License:
    stated = one.metadata["License-Expression"] or one.metadata["License"]
    if not stated or "\n" in stated:
        classes = (one.metadata.get_all("Classifier") or []) if stated is None or "\n" in stated else []
        stated = next((line.rpartition(" :: ")[2] for line in classes if line.startswith("License :: ")), "unstated")
    return _LICENSES.make_from_string(_SPDX.get(stated, stated))


def _of(parts: Mapping[NormalizedName, Component], needs: Iterable[Requirement]) -> list[Component]:
    holding = (need for need in needs if need.marker is None or need.marker.evaluate({"extra": ""}))
    return [parts[name] for name in sorted({canonicalize_name(need.name) for need in holding} & set(parts))]


def main() -> None:
    """Write the document."""
    site, report, epoch, out = sys.argv[1:]
    date = datetime.datetime.fromtimestamp(int(epoch), datetime.UTC)
    made = bom(distributions(path=[site]), wheels(Path(report).read_text()), VERSION, date)
    Path(out).write_text(render(made))


if __name__ == "__main__":
    main()
