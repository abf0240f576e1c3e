"""What accounts refuses, each with a stable code that the API hands on."""

from __future__ import annotations

from typing import Any, ClassVar


class AccountsError(Exception):
    """Base of what the caller did wrong; `status` is the HTTP answer, `detail` has the particulars."""

    code: ClassVar[str] = "accounts_error"
    status: ClassVar[int] = 400

    def __init__(self, message: str, **detail: Any) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail


class TokenInvalid(AccountsError):
    """No such token. Whether it never was or is another tenant's is not told."""

    code = "token_invalid"
    status = 401


class TokenExpired(AccountsError):
    """The token's time is over."""

    code = "token_expired"
    status = 401


class TokenRevoked(AccountsError):
    """Somebody took the token back."""

    code = "token_revoked"
    status = 401


class NotAMember(AccountsError):
    """The person has no place at this desk, or none any more."""

    code = "not_a_member"
    status = 403


class ScopeUnknown(AccountsError):
    """There is no such scope."""

    code = "scope_unknown"


class ScopeMissing(AccountsError):
    """The token's scopes or the person's role do not allow this."""

    code = "scope_missing"
    status = 403


class RoleUnknown(AccountsError):
    """There is no such role."""

    code = "role_unknown"


class AccountInvalid(AccountsError):
    """The account's kind, main account or names contradict each other."""

    code = "account_invalid"


class TooManySubaccounts(AccountsError):
    """The venue gives a main account no more subaccounts."""

    code = "too_many_subaccounts"
    status = 409


class UnknownToken(AccountsError):
    """The tenant has no such token."""

    code = "unknown_token"
    status = 404


class KeyRingError(Exception):
    """Base of what keeps sealed keys shut. Never the caller's fault, and never worked around."""

    code: ClassVar[str] = "key_ring_error"


class KeyRingMissing(KeyRingError):
    """The ring's file is not there."""

    code = "key_ring_missing"


class KeyRingUnsafe(KeyRingError):
    """Others can read the ring's file, or it says nothing that is a key ring."""

    code = "key_ring_unsafe"


class SecretUnreadable(KeyRingError):
    """The ring has no such key, or the ciphertext is not the one that was sealed for this row."""

    code = "secret_unreadable"
