"""The key ring: seals the venues' secrets with AES-256-GCM, each for its own row.

The ring is a file of keys outside the database, so that a copy of the database
opens nothing. What is sealed is bound to its table, column, tenant and row: a
ciphertext copied to another row does not open. Nothing here falls back: a
missing ring, key or match raises.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import stat
from pathlib import Path
from typing import NamedTuple, Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from accounts.errors import KeyRingMissing, KeyRingUnsafe, SecretUnreadable

KEY_BYTES = 32
NONCE_BYTES = 12


class Sealed(NamedTuple):
    """A nonce and its ciphertext in one, and the id of the ring's key that sealed it."""

    key_id: str
    ciphertext: bytes


class Place(NamedTuple):
    """Where a sealed value belongs; it opens nowhere else."""

    table: str
    column: str
    tenant_id: UUID
    row_id: UUID

    def bound(self) -> bytes:
        """Return the associated data of the seal."""
        return "|".join(map(str, self)).encode()


class KeyRing:
    """The ring's keys in memory: `active` seals, all of them open."""

    def __init__(self, active: str, keys: dict[str, bytes]) -> None:
        self.active = active
        self._keys = keys

    def __repr__(self) -> str:
        return f"<KeyRing of {len(self._keys)} keys>"

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the ring of the file; raises KeyRingMissing or KeyRingUnsafe."""
        try:
            mode = path.stat().st_mode
            text = path.read_text()
        except OSError as error:
            raise KeyRingMissing(f"the key ring {path} cannot be read: {error.strerror}") from None
        if stat.S_IMODE(mode) & 0o077:
            raise KeyRingUnsafe(f"others may read the key ring {path}: chmod 600")
        try:
            data = json.loads(text)
            keys = {name: base64.b64decode(key, validate=True) for name, key in data["keys"].items()}
            active = str(data["active"])
        except (ValueError, TypeError, KeyError, AttributeError):
            raise KeyRingUnsafe(f"{path} is no key ring") from None
        if active not in keys or any(len(key) != KEY_BYTES for key in keys.values()):
            raise KeyRingUnsafe(f"{path} lacks its active key, or a key has the wrong length")
        return cls(active, keys)

    @classmethod
    def load_or_create(cls, path: Path) -> Self:
        """Return the ring of the file, made with one new key where there is none."""
        if not path.exists():
            cls("", {}).with_new_key().save(path, replace=False)
        return cls.load(path)

    def with_new_key(self) -> KeyRing:
        """Return a ring that seals with a new key and opens with the old ones, too."""
        key_id = f"k{len(self._keys) + 1}-{secrets.token_hex(4)}"
        return KeyRing(key_id, {**self._keys, key_id: secrets.token_bytes(KEY_BYTES)})

    def without_old_keys(self) -> KeyRing:
        """Return a ring of the active key alone."""
        return KeyRing(self.active, {self.active: self._keys[self.active]})

    def save(self, path: Path, *, replace: bool = True) -> None:
        """Write the file in one synced step, readable by its owner alone.

        Without `replace` an existing file stays: two processes that make the
        first ring at once must end with the same one.
        """
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        keys = {name: base64.b64encode(key).decode() for name, key in self._keys.items()}
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(json.dumps({"active": self.active, "keys": keys}, indent=1))
            file.flush()
            os.fsync(file.fileno())
        if replace:
            draft.rename(path)
        else:
            keep_first(draft, path)
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def seal(self, secret: str, place: Place) -> Sealed:
        """Return the secret, sealed for its place with the active key."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = AESGCM(self._keys[self.active]).encrypt(nonce, secret.encode(), place.bound())
        return Sealed(self.active, nonce + sealed)

    def open(self, sealed: Sealed, place: Place) -> str:
        """Return the secret; raises SecretUnreadable where key, place or ciphertext do not fit."""
        key = self._keys.get(sealed.key_id)
        if key is None:
            raise SecretUnreadable(f"the key ring has no key {sealed.key_id}")
        nonce, ciphertext = sealed.ciphertext[:NONCE_BYTES], sealed.ciphertext[NONCE_BYTES:]
        try:
            return AESGCM(key).decrypt(nonce, ciphertext, place.bound()).decode()
        except (InvalidTag, ValueError):
            raise SecretUnreadable(f"a sealed {place.table}.{place.column} does not open") from None


def keep_first(draft: Path, path: Path) -> None:
    """Give the draft the name unless another has it already."""
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
