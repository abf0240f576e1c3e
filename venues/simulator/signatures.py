"""Who signed a request: HMAC-SHA256 in hex or Ed25519 in base64, over the text that was sent."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import unquote

from cryptography.exceptions import InvalidSignature

from venues.simulator.accounts import Credential
from venues.simulator.errors import Refusal, missing

TIMESTAMP_AHEAD_MAX_MS = 1000
RECV_WINDOW_MS = 5000
RECV_WINDOW_MAX_MS = 60_000
MICROSECONDS_FROM = 10**15
SIGNATURE = "signature"


def rest_payload(query: str, body: str) -> str:
    """Return what a REST request signs: the query and the form body as sent, without the signature."""
    return _without_signature(query) + _without_signature(body)


def websocket_payload(parameters: Mapping[str, str]) -> str:
    """Return what a WebSocket API request signs: its parameters sorted by name."""
    return "&".join(f"{name}={parameters[name]}" for name in sorted(parameters) if name != SIGNATURE)


def check_signature(credential: Credential, payload: str, signature: str) -> None:
    """Refuse a signature that the key did not make."""
    if not signature:
        raise missing(SIGNATURE)
    if not _is_genuine(credential, payload.encode(), unquote(signature)):
        raise Refusal(-1022, "Signature for this request is not valid.")


def check_time(timestamp: int, recv_window_ms: float, now_ms: int) -> None:
    """Refuse a request from the future, or one that is older than its window."""
    if timestamp >= MICROSECONDS_FROM:
        timestamp //= 1000
    if timestamp > now_ms + TIMESTAMP_AHEAD_MAX_MS:
        raise Refusal(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now_ms - timestamp > recv_window_ms:
        raise Refusal(-1021, "Timestamp for this request is outside of the recvWindow.")


def _without_signature(text: str) -> str:
    return "&".join(part for part in text.split("&") if not part.startswith(SIGNATURE + "="))


def _is_genuine(credential: Credential, payload: bytes, signature: str) -> bool:
    if credential.public_key is None:
        expected = hmac.new(credential.secret, payload, hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected, signature)
    try:
        credential.public_key.verify(base64.b64decode(signature, validate=True), payload)
    except (InvalidSignature, binascii.Error):
        return False
    return True
