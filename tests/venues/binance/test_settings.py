from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest

from venues.binance.rest import REFUSED_URL, client_class
from venues.binance.settings import BinanceSpotUrls, EgressRefused
from venues.binance.spot import BinanceSpot
from venues.binance.weights import Weights
from venues.settings import load_venues

CONFIG = Path(__file__).resolve().parents[3] / "configs" / "venues.yaml"
REAL = "https://api.binance.com/api"
LOCAL = BinanceSpotUrls(
    rest="http://127.0.0.1:9000/api", stream="ws://127.0.0.1:9000", ws_api="ws://127.0.0.1:9000/ws-api/v3"
)


def test_the_shipped_configuration_is_valid_and_each_environment_keeps_to_its_hosts() -> None:
    venues = load_venues(CONFIG).binance_spot
    assert set(venues) == {"simulator", "testnet", "production"}
    hosts = [set(settings.urls.allowed_hosts) for settings in venues.values()]
    assert sum(len(one) for one in hosts) == len(set().union(*hosts)), "no host in two environments"


def test_a_field_that_the_schema_does_not_know_is_an_error(tmp_path: Path) -> None:
    changed = tmp_path / "venues.yaml"
    changed.write_text(CONFIG.read_text().replace("ws_api:", "wsapi:"))
    with pytest.raises(msgspec.ValidationError):
        load_venues(changed)


@pytest.mark.parametrize("field", ["rest", "stream", "ws_api"])
def test_a_local_configuration_with_one_real_address_does_not_even_start(field: str) -> None:
    with pytest.raises(EgressRefused, match=r"api\.binance\.com"):
        BinanceSpot(msgspec.structs.replace(LOCAL, **{field: REAL}))


@pytest.mark.parametrize("url", ["http://127.0.0.1@api.binance.com/", "http://127.0.0.1.evil.com", "", "//x"])
def test_an_address_that_only_looks_allowed_is_refused(url: str) -> None:
    with pytest.raises(EgressRefused):
        LOCAL.checked(url)


def test_every_address_of_the_library_is_replaced() -> None:
    client = client_class(LOCAL, Weights(None, time.time_ns))
    addresses = {name: getattr(client, name) for name in dir(client) if name.endswith("_URL")}
    assert addresses.pop("API_URL") == LOCAL.rest
    assert len(addresses) > 10
    assert set(addresses.values()) == {REFUSED_URL}
    written = [value for name in dir(client) if isinstance(value := getattr(client, name), str)]
    assert [value for value in written if "binance." in value and "://" in value] == []
