"""Signatures against published vectors."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.venues.simulator.exchange_desk import MS, Desk
from venues.simulator.accounts import Credential
from venues.simulator.errors import Refusal
from venues.simulator.signatures import check_signature, rest_payload, websocket_payload

VECTORS = Path(__file__).resolve().parents[4] / "shared" / "data" / "vectors" / "signing_vectors.json"


def vectors(name: str) -> list[dict]:
    if not VECTORS.exists():
        pytest.skip(f"{VECTORS} is absent")
    return [one for one in json.loads(VECTORS.read_text())["vectors"] if name in one["alg"]]


def test_published_hmac_signatures_are_genuine_and_any_change_is_not():
    found = vectors("HMAC")
    assert found
    for one in found:
        credential = Credential(0, secret=one["secret"].encode())
        check_signature(credential, one["payload"], one["signature"])
        with pytest.raises(Refusal, match="Signature for this request is not valid"):
            check_signature(credential, one["payload"] + "0", one["signature"])


def test_the_published_ed25519_signature_is_genuine_and_any_change_is_not():
    for one in vectors("Ed25519"):
        key = load_pem_private_key(one["private_key"].encode(), None)
        assert isinstance(key, Ed25519PrivateKey)
        credential = Credential(0, public_key=key.public_key())
        check_signature(credential, one["payload"], one["signature"])
        with pytest.raises(Refusal):
            check_signature(credential, one["payload"], "AAAA")
        with pytest.raises(Refusal):
            check_signature(credential, one["payload"] + "0", one["signature"])


def test_the_published_websocket_request_is_rebuilt_by_sorting_its_parameters():
    for one in vectors("params sorted"):
        pairs = parse_qsl(one["payload"])
        assert websocket_payload(dict(reversed(pairs)) | {"signature": "x"}) == one["payload"]


def test_a_rest_request_signs_query_then_body_without_the_signature():
    assert (
        rest_payload("symbol=LTCBTC&side=BUY", "quantity=1&signature=ab")
        == "symbol=LTCBTC&side=BUYquantity=1"
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"signature": "0" * 64}, -1022),
        ({"signature": ""}, -1102),
        ({"apiKey": "short"}, -2014),
        ({"apiKey": "a" * 64}, -2015),
        ({"timestamp": "soon"}, -1100),
        ({"recvWindow": "60001"}, -1131),
    ],
)
def test_a_request_that_is_not_properly_signed_is_refused_with_the_right_code(change, code):
    assert Desk().ask("account.status", 0, **change).code == code


@pytest.mark.parametrize(
    ("age_ms", "window", "code"), [(5000, None, 0), (5001, None, -1021), (50, "49", -1021)]
)
def test_an_old_request_is_refused_by_its_window(age_ms, window, code):
    desk = Desk()
    timing = {"timestamp": desk.now_ns // MS - age_ms} | ({"recvWindow": window} if window else {})
    assert desk.ask("account.status", 0, **timing).code == code


@pytest.mark.parametrize(("ahead_ms", "code"), [(1000, 0), (1001, -1021)])
def test_a_request_from_the_future_is_refused(ahead_ms, code):
    desk = Desk()
    reply = desk.ask("account.status", 0, timestamp=desk.now_ns // MS + ahead_ms)
    assert reply.code == code
    assert not code or reply.text == "Timestamp for this request was 1000ms ahead of the server's time."
