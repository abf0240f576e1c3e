"""Sign requests: HMAC-SHA256 in hex, or Ed25519 in base64, by the kind of the secret."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key


class Signer(Protocol):
    """Knows one secret, and shows it to nobody."""

    def sign(self, payload: str) -> str:
        """Return the signature as the exchange wants it written."""


class HmacSigner:
    """Signs with a shared secret."""

    __slots__ = ("_secret",)

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def sign(self, payload: str) -> str:
        """Return HMAC-SHA256 in hex."""
        return hmac.digest(self._secret, payload.encode(), "sha256").hex()

    def __repr__(self) -> str:
        return "HmacSigner(…)"


class Ed25519Signer:
    """Signs with a private key."""

    __slots__ = ("_key",)

    def __init__(self, pem: str) -> None:
        key = load_pem_private_key(pem.encode(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise TypeError("the private key is not an Ed25519 key")
        self._key = key

    def sign(self, payload: str) -> str:
        """Return the signature in base64."""
        return base64.b64encode(self._key.sign(payload.encode())).decode()

    def __repr__(self) -> str:
        return "Ed25519Signer(…)"


class Credentials:
    """An account's key with its signer. Never logged: its repr shows neither."""

    __slots__ = ("api_key", "signer")

    def __init__(self, api_key: str, api_secret: str) -> None:
        self.api_key = api_key
        self.signer: Signer = signer_for(api_secret)

    def __repr__(self) -> str:
        return "Credentials(…)"


def signer_for(api_secret: str) -> Signer:
    """Return the signer that fits the secret: a PEM private key, or a shared secret."""
    if api_secret.startswith("-----BEGIN"):
        return Ed25519Signer(api_secret)
    return HmacSigner(api_secret)


def rest_query(parameters: Mapping[str, str | int]) -> str:
    """Return the query as it is signed and sent: in the given order, percent-encoded first."""
    return "&".join(f"{name}={quote(str(value), safe='')}" for name, value in parameters.items())


def ws_payload(parameters: Mapping[str, str | int]) -> str:
    """Return what a WebSocket API request signs: all parameters sorted by name."""
    return "&".join(f"{name}={parameters[name]}" for name in sorted(parameters))
