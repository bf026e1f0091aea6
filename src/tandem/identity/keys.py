"""An API key in memory: whose it is, what it may do, and how a signature made with it is checked.

The algorithm is a property of the key; nothing in a request chooses it.
"""

import base64
import binascii
import hashlib
import hmac
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

Verify = Callable[[bytes, str], bool]
"""(what was signed, the signature as sent) -> whether it is genuine."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

RSA_BITS = range(2048, 4096 + 1)
MAX_SIGNATURE = 1024
"""Characters; RSA 4096 takes 684."""

# Public keys of small order verify signatures that nobody made.
_SMALL_ORDER = frozenset(
    bytes.fromhex(point)
    for point in (
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    )
)
_FIELD = 2**255 - 19


class KeyKind(Enum):
    HMAC = "HMAC"
    RSA = "RSA"
    ED25519 = "ED25519"


class Permission(Enum):
    USER_DATA = "USER_DATA"
    TRADE = "TRADE"


class KeyRefused(ValueError):
    """A public key, permission or network that cannot be registered; the message says why."""


@dataclass(slots=True, eq=False)
class ApiKey:
    """Times are microseconds."""

    id: str
    kind: KeyKind
    account: int
    label: str
    permissions: frozenset[Permission]
    networks: tuple[Network, ...]
    """Empty: any address."""
    created_us: int
    verify: Verify = field(repr=False)
    last_used_us: int | None = None
    revoked_us: int | None = None

    def allows_address(self, address: str) -> bool:
        if not self.networks:
            return True
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        return any(parsed in network for network in self.networks)


def hmac_verifier(secret: str) -> Verify:
    """HMAC-SHA256 as hex, in either case."""
    keyed = hmac.new(secret.encode(), digestmod=hashlib.sha256)

    def verify(signed: bytes, signature: str) -> bool:
        if len(signature) != 64 or not signature.isascii():
            return False
        mine = keyed.copy()
        mine.update(signed)
        return hmac.compare_digest(mine.hexdigest(), signature.lower())

    return verify


def public_key_verifier(pem: str) -> tuple[KeyKind, Verify]:
    """RSA (PKCS#1 v1.5 with SHA-256) or Ed25519, signatures in base64. Raises KeyRefused."""
    try:
        key = serialization.load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise KeyRefused("not a public key in PEM (SubjectPublicKeyInfo)") from None
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size not in RSA_BITS:
            raise KeyRefused(f"an RSA key has {RSA_BITS[0]} to {RSA_BITS[-1]} bits, this one has {key.key_size}")
        return KeyKind.RSA, _rsa_verifier(key)
    if isinstance(key, ed25519.Ed25519PublicKey):
        raw = key.public_bytes_raw()
        if raw in _SMALL_ORDER or int.from_bytes(raw, "little") & (2**255 - 1) >= _FIELD:
            raise KeyRefused("this Ed25519 key would accept signatures that nobody made")
        return KeyKind.ED25519, _ed25519_verifier(key)
    raise KeyRefused("only RSA and Ed25519 public keys can be registered")


def _rsa_verifier(key: rsa.RSAPublicKey) -> Verify:
    scheme, digest = padding.PKCS1v15(), SHA256()

    def verify(signed: bytes, signature: str) -> bool:
        raw = _base64(signature)
        if raw is None:
            return False
        try:
            key.verify(raw, signed, scheme, digest)
        except InvalidSignature:
            return False
        return True

    return verify


def _ed25519_verifier(key: ed25519.Ed25519PublicKey) -> Verify:
    def verify(signed: bytes, signature: str) -> bool:
        raw = _base64(signature)
        if raw is None:
            return False
        try:
            key.verify(raw, signed)
        except InvalidSignature:
            return False
        return True

    return verify


def _base64(text: str) -> bytes | None:
    if len(text) > MAX_SIGNATURE:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def read_permissions(names: tuple[str, ...]) -> frozenset[Permission]:
    """Raises KeyRefused."""
    try:
        permissions = frozenset(Permission(name) for name in names)
    except ValueError as error:
        raise KeyRefused(f"{error}; there are USER_DATA and TRADE") from None
    if not permissions:
        raise KeyRefused("a key needs at least one permission")
    return permissions


def read_networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    """CIDR, or single addresses. Raises KeyRefused."""
    try:
        return tuple(ipaddress.ip_network(text) for text in texts)
    except ValueError as error:
        raise KeyRefused(str(error)) from None
