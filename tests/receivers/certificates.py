"""An authority of the tests' own, and what it has signed, in files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Certificates:
    """PEM files of a server that asks its clients for certificates, and of those clients.

    Attributes:
        folder: where they are.
    """

    folder: Path

    def make(self) -> Certificates:
        """Write them: an authority, a server at 127.0.0.1 and a client of it, and another authority."""
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.authority)
        trustme.CA().cert_pem.write_to_path(self.other_authority)
        for name in ("127.0.0.1", "cdc.example"):
            certificate = authority.issue_cert(name, common_name=name)
            chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
            (self.folder / f"{name}.pem").write_bytes(chain)
            key = self.folder / f"{name}.key"
            key.touch(mode=0o600)
            certificate.private_key_pem.write_to_path(key)
        return self

    @property
    def authority(self) -> Path:
        return self.folder / "authority.pem"

    @property
    def other_authority(self) -> Path:
        """It has signed none of these."""
        return self.folder / "other-authority.pem"

    @property
    def server(self) -> tuple[Path, Path]:
        """Certificate and key."""
        return self.folder / "127.0.0.1.pem", self.folder / "127.0.0.1.key"

    @property
    def client(self) -> tuple[Path, Path]:
        """Certificate and key."""
        return self.folder / "cdc.example.pem", self.folder / "cdc.example.key"
