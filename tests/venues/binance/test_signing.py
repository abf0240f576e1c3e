from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from tests.venues.recorded import recorded
from venues.binance.rest import client_class
from venues.binance.settings import BinanceSpotUrls
from venues.binance.signing import Credentials, rest_query, signer_for, ws_payload
from venues.binance.weights import Weights

URLS = BinanceSpotUrls(rest="http://127.0.0.1/api", stream="ws://127.0.0.1", ws_api="ws://127.0.0.1")


def vector(name: str) -> dict[str, Any]:
    vectors = json.loads(recorded("vectors/signing_vectors.json").read_text())["vectors"]
    found: dict[str, Any] = next(entry for entry in vectors if entry["id"] == name)
    return found


@pytest.mark.parametrize("name", ["rest-hmac-ascii", "ws-api-hmac-ascii"])
def test_hmac_signatures_equal_the_documented_ones(name: str) -> None:
    known = vector(name)
    assert signer_for(known["secret"]).sign(known["payload"]) == known["signature"]


def test_ed25519_signatures_equal_the_known_one() -> None:
    known = vector("ed25519-pkcs8")
    assert signer_for(known["private_key"]).sign(known["payload"]) == known["signature"]


def test_a_rest_query_is_written_in_the_documented_form() -> None:
    known = vector("rest-hmac-ascii")
    assert rest_query(dict(parse_qsl(known["payload"]))) == known["payload"]


def test_a_websocket_payload_is_sorted_by_name() -> None:
    known = vector("ws-api-hmac-ascii")
    parameters = dict(reversed(parse_qsl(known["payload"])))
    assert ws_payload(parameters) == known["payload"]


def test_what_is_not_ascii_is_encoded_before_it_is_signed() -> None:
    assert rest_query({"symbol": "币安USDT", "note": "a b&c"}) == (
        "symbol=%E5%B8%81%E5%AE%89USDT&note=a%20b%26c"
    )


@given(st.dictionaries(st.text("abcXYZ", min_size=1), st.text("abc019.-", min_size=1), min_size=1))
def test_websocket_signatures_equal_those_of_python_binance(parameters: dict[str, str]) -> None:
    oracle = ClientWithoutSession("key", "secret")
    theirs = oracle._sign_ws_params({"timestamp": 1, **parameters}, oracle._generate_ws_api_signature)
    ours: dict[str, str | int] = {"apiKey": "key", "timestamp": 1, **parameters}
    assert signer_for("secret").sign(ws_payload(ours)) == theirs["signature"]


def test_a_key_that_is_not_ed25519_is_refused() -> None:
    with pytest.raises(ValueError, match=r"."):
        signer_for("-----BEGIN PRIVATE KEY-----\nbm90aGluZw==\n-----END PRIVATE KEY-----\n")


def test_neither_key_nor_secret_shows_in_a_repr() -> None:
    pem = (
        Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    )
    for secret in ("very-secret", pem):
        credentials = Credentials("my-api-key", secret)
        shown = repr(credentials) + repr(credentials.signer)
        assert "my-api-key" not in shown
        assert "secret" not in shown
        assert "PRIVATE" not in shown


class ClientWithoutSession(client_class(URLS, Weights(None, time.time_ns))):  # type: ignore[misc]
    """python-binance as the oracle, without a network session."""

    def _init_session(self) -> None:
        return None
