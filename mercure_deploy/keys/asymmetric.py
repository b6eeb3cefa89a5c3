"""RSA and EC keys as text: PEM and JWK, by `cryptography`, which is imported only where such a key is at hand.

The import costs a third of the tool's start-up, and the default algorithm does not need it.
"""

import base64
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
    from cryptography.x509 import Name

    PublicKey = EllipticCurvePublicKey | RSAPublicKey

UNBORN = "<new key>"
_RSA_BITS = 3072
# the least that lcobucci/jwt signs with (RFC 7518, section 3.3)
_LEAST_RSA_BITS = 2048


def private_pem(algorithm: str) -> str:
    """A new private key, RS256 (3072 bits) or ES256 (P-256), as PKCS8 PEM without passphrase."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    private: EllipticCurvePrivateKey | RSAPrivateKey
    if algorithm == "RS256":
        private = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    else:
        private = ec.generate_private_key(ec.SECP256R1())
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return private.private_bytes(serialization.Encoding.PEM, pkcs8, plain).decode()


class Pem(NamedTuple):
    """A key of somebody's: `public` as we write it, the private half as PKCS8 where it is there.

    `algorithm` is None where it is for none that this tool knows.
    """

    public: str
    private: str | None
    algorithm: str | None


def read(text: str) -> Pem | None:
    """What a PEM holds, private or public, in whatever form; None when it cannot be read without a passphrase."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization as of

    plain = (of.Encoding.PEM, of.PrivateFormat.PKCS8, of.NoEncryption())
    try:
        if "PRIVATE KEY" in text:
            private = of.load_pem_private_key(text.strip().encode(), password=None)
            key, secret = private.public_key(), private.private_bytes(*plain).decode()
        else:
            key, secret = of.load_pem_public_key(text.strip().encode()), None
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return None
    public = key.public_bytes(of.Encoding.PEM, of.PublicFormat.SubjectPublicKeyInfo).decode().rstrip("\n")
    return Pem(public, secret, next((each for each in ("RS256", "ES256") if _fits(key, each)), None))


class Certificate(NamedTuple):
    """Of an X.509 certificate: common names of subject and issuer, the DNS names it is for, when it ends and begins."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    ends: datetime
    begins: datetime


def certificate_facts(der: bytes) -> Certificate:
    """What a certificate says of itself. ValueError when it is none."""
    from cryptography import x509

    found = x509.load_der_x509_certificate(der)
    try:
        extension = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = tuple(extension.value.get_values_for_type(x509.DNSName))
    except x509.ExtensionNotFound:
        names = ()
    ends, begins = found.not_valid_after_utc, found.not_valid_before_utc
    return Certificate(_common_name(found.subject), _common_name(found.issuer), names, ends, begins)


def _common_name(name: "Name") -> str:
    from cryptography.x509 import NameOID

    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string()


def _fits(key: object, algorithm: str) -> bool:
    try:
        _fitting(key, algorithm)
    except ValueError:
        return False
    return True


def public_pem(private: str, algorithm: str) -> str:
    """The public half of a private PEM. ValueError when it is no key or does not fit the algorithm."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(private.encode(), password=None)
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("is no private key without a passphrase") from error
    return _pem(_fitting(key.public_key(), algorithm))


def canonical(public: str, algorithm: str) -> str:
    """The same public key, written by us: text of others must not reach a Caddyfile. ValueError when it is none."""
    return _pem(_fitting(_load(public), algorithm))


def jwk(public: str) -> dict[str, str]:
    """The JWK of a public PEM (RFC 7518, sections 6.2.1 and 6.3.1)."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    if public == UNBORN:
        return {"kty": UNBORN}
    key = _load(public)
    if isinstance(key, RSAPublicKey):
        rsa = key.public_numbers()
        return {"kty": "RSA", "n": _number(rsa.n), "e": _number(rsa.e)}
    point = cast("EllipticCurvePublicKey", key).public_numbers()
    return {"kty": "EC", "crv": "P-256", "x": _number(point.x, 32), "y": _number(point.y, 32)}


def _load(public: str) -> object:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        return load_pem_public_key(public.encode())
    except UnsupportedAlgorithm as error:
        raise ValueError("is no public key") from error


def _fitting(key: object, algorithm: str) -> "PublicKey":
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    if algorithm == "RS256" and isinstance(key, RSAPublicKey) and key.key_size >= _LEAST_RSA_BITS:
        return key
    if algorithm == "ES256" and isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return key
    raise ValueError("does not fit the algorithm")


def _pem(key: "PublicKey") -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode().rstrip("\n")


def _number(number: int, length: int | None = None) -> str:
    """Base64url of the big-endian bytes, without padding."""
    size = length or (number.bit_length() + 7) // 8
    return base64.urlsafe_b64encode(number.to_bytes(size, "big")).decode().rstrip("=")
