"""Certificates for a test: an authority of its own, and what it signs for loopback."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest

x509 = pytest.importorskip("cryptography.x509")
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402


class Authority:
    """An authority that nobody knows but by its file.

    Args:
        folder: where its files are written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "An authority")])
        extensions = [x509.BasicConstraints(ca=True, path_length=0)]
        certificate = self._sign(self._name, self._key, extensions, days=30)
        self.file = folder / "authority.pem"
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def context(self, host: str = "127.0.0.1", *, days: int = 30) -> ssl.SSLContext:
        """Return what a server of loopback needs.

        Args:
            host: the address that its certificate is for.
            days: how long it is valid; it was made 60 days ago where that is below 0.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "A server")])
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))])
        certificate = self._sign(name, key, [names], days)
        file = self._folder / "server.pem"
        plain = serialization.NoEncryption()
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _sign(
        self, name: "x509.Name", key: "ec.EllipticCurvePrivateKey", extensions: list[object], days: int
    ) -> "x509.Certificate":
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=60))
            .not_valid_after(now + timedelta(days=days))
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self._key, hashes.SHA256())
