"""The accounts and keys that a seed gives, and their file."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


class SimulatedAccount(msgspec.Struct, frozen=True, kw_only=True):
    """One account with its two keys; a real exchange would not know the private halves."""

    index: int
    uid: int
    email: str
    api_key: str
    api_secret: str
    ed25519_api_key: str
    ed25519_private_key: str


class Credential(msgspec.Struct, frozen=True):
    """What an API key stands for: an account, and a secret or a public key to check signatures by."""

    account: int
    secret: bytes = b""
    public_key: Ed25519PublicKey | None = None


def make_account(seed: int, index: int) -> SimulatedAccount:
    """Return the account that this seed always gives at this index."""
    private = Ed25519PrivateKey.from_private_bytes(_digest(seed, index, "ed25519"))
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return SimulatedAccount(
        index=index,
        uid=350_000_000 + index,
        email=f"account{index}@simulator.example",
        api_key=_key_text(seed, index, "key"),
        api_secret=_key_text(seed, index, "secret"),
        ed25519_api_key=_key_text(seed, index, "ed25519-key"),
        ed25519_private_key=pem.decode(),
    )


def credentials(accounts: list[SimulatedAccount]) -> dict[str, Credential]:
    """Return what each API key stands for."""
    found: dict[str, Credential] = {}
    for account in accounts:
        found[account.api_key] = Credential(account.index, secret=account.api_secret.encode())
        private = serialization.load_pem_private_key(account.ed25519_private_key.encode(), None)
        assert isinstance(private, Ed25519PrivateKey)
        found[account.ed25519_api_key] = Credential(account.index, public_key=private.public_key())
    return found


def write_private_bytes(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    draft.replace(path)


def write_private(path: Path, text: str) -> None:
    """Write a text that only its owner can read."""
    write_private_bytes(path, text.encode())


def write_keys(path: Path, accounts: list[SimulatedAccount]) -> None:
    """Write keys.json: one entry per account."""
    rows = [
        {
            "email": account.email,
            "api_key": account.api_key,
            "api_secret": account.api_secret,
            "ed25519_api_key": account.ed25519_api_key,
            "ed25519_private_key": account.ed25519_private_key,
        }
        for account in accounts
    ]
    write_private(path, json.dumps(rows, indent=1))


def _digest(seed: int, index: int, purpose: str) -> bytes:
    return hashlib.sha256(f"simulator {seed} {index} {purpose}".encode()).digest()


def _key_text(seed: int, index: int, purpose: str) -> str:
    """Return 64 letters and digits, as Binance's keys are."""
    raw = hashlib.sha512(_digest(seed, index, purpose)).digest()
    return base64.b64encode(raw).decode().replace("+", "a").replace("/", "b").replace("=", "")[:64]
