"""Amazon's certificates and what they signed. Loads cryptography: 8 MB that only a topic of SNS is worth."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from handlers.intake.signatures import Untrusted


def key_of(certificate: bytes) -> RSAPublicKey:
    """Raises Untrusted."""
    try:
        key = x509.load_pem_x509_certificate(certificate).public_key()
    except ValueError:
        raise Untrusted("what is at the certificate's address is no certificate") from None
    if not isinstance(key, RSAPublicKey):
        raise Untrusted("the certificate has no RSA key")
    return key


def verify(key: RSAPublicKey, given: bytes, message: bytes, version: str) -> None:
    """Raises Untrusted."""
    hashed = SHA256() if version == "2" else SHA1()  # noqa: S303  # Amazon's v1
    try:
        key.verify(given, message, PKCS1v15(), hashed)
    except InvalidSignature:
        raise Untrusted("the signature does not fit the message") from None
