"""A throw-away PKI: one CA for servers and clients, and one key that signs ServiceAccount tokens."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFE = timedelta(days=2)
_NAMES = [x509.DNSName(name) for name in ("localhost", "kubernetes", "kubernetes.default.svc")]
_ADDRESSES = [x509.IPAddress(ipaddress.ip_address(one)) for one in ("127.0.0.1", "10.0.0.1")]


class Authority:
    """A CA in a folder: `ca.crt`, and `<name>.crt` and `<name>.key` for each that it issues."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder, self._key, self._name = folder, _new_key(), _subject("flyball-test-ca", None)
        self._certificate = self._sign(self._name, self._key.public_key(), authority=True)
        self.ca = folder / "ca.crt"
        self.ca.write_bytes(_pem(self._certificate))

    def client(self, name: str, common_name: str, group: str | None = None) -> tuple[Path, Path]:
        """Certificate and key by which the apiserver knows `common_name`, in `group`."""
        return self._issue(name, _subject(common_name, group), serving=False)

    def server(self, name: str) -> tuple[Path, Path]:
        """Certificate and key of a server on 127.0.0.1."""
        return self._issue(name, _subject(name, None), serving=True)

    def token_keys(self) -> tuple[Path, Path]:
        """Public and private key of ServiceAccount tokens."""
        key, public, private = _new_key(), self._folder / "sa.pub", self._folder / "sa.key"
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        public.write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, spki))
        _write_key(private, key)
        return public, private

    def _issue(self, name: str, subject: x509.Name, serving: bool) -> tuple[Path, Path]:
        key, certificate, private = _new_key(), self._folder / f"{name}.crt", self._folder / f"{name}.key"
        certificate.write_bytes(_pem(self._sign(subject, key.public_key(), serving=serving)))
        _write_key(private, key)
        return certificate, private

    def _sign(
        self,
        subject: x509.Name,
        public: ec.EllipticCurvePublicKey,
        authority: bool = False,
        serving: bool = False,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + _LIFE)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
            .add_extension(_usage(authority), critical=True)
        )
        if not authority:
            purposes = [ExtendedKeyUsageOID.CLIENT_AUTH] + [ExtendedKeyUsageOID.SERVER_AUTH] * serving
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        if serving:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([*_NAMES, *_ADDRESSES]), critical=False
            )
        return builder.sign(self._key, hashes.SHA256())


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _subject(common_name: str, group: str | None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if group:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
    return x509.Name(parts)


def _usage(authority: bool) -> x509.KeyUsage:
    names = (
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "encipher_only",
        "decipher_only",
    )
    off = dict.fromkeys(names, False)
    return x509.KeyUsage(digital_signature=True, key_cert_sign=authority, crl_sign=authority, **off)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
