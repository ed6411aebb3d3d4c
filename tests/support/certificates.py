"""A throw-away CA made by openssl: server and client certificates for loopback, valid for a day."""

from __future__ import annotations

import subprocess
from pathlib import Path


class Authority:
    """A CA in ``folder``; ``ca`` is its certificate."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder, self._name = folder, name
        self.ca, self._key = folder / f"{name}.crt", folder / f"{name}.key"
        subject = ("-subj", f"/CN=telegen test {name}")
        self.openssl("req", "-x509", *_NEW_KEY, "-keyout", self._key, "-out", self.ca, "-days", "1", *subject)

    def issue(self, name: str) -> tuple[Path, Path]:
        """Certificate and key for localhost and 127.0.0.1."""
        certificate, key = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        request, extension = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        extension.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self.openssl("req", *_NEW_KEY, "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        signer = ("-CA", self.ca, "-CAkey", self._key, "-CAcreateserial", "-days", "1", "-extfile", extension)
        self.openssl("x509", "-req", "-in", request, "-out", certificate, *signer)
        return certificate, key

    @staticmethod
    def openssl(*words: str | Path) -> None:
        """Run it; an error raises."""
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=30)


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
