"""Binance spot passes the venue contract against the simulated exchange."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.venues.contract import ALICE, BOB, Desk, VenueContract
from tests.venues.listener import Heard
from tests.venues.simulator_process import SimulatorProcess, running_simulator
from venues.binance.spot import BinanceSpot, BinanceSpotLimits, BinanceSpotUrls

__all__ = ["running_simulator"]

LIMITS = BinanceSpotLimits(ack_timeout_ms=1_000, reconnect_delay_min_ms=20, connection_stable_after_ms=0)


@pytest.fixture
async def desk(running_simulator: SimulatorProcess) -> AsyncIterator[Desk]:
    exchange = running_simulator
    urls = BinanceSpotUrls(rest=f"{exchange.url}/api", stream=exchange.ws_url, ws_api=exchange.ws_api_url)
    venue, heard = BinanceSpot(urls, limits=LIMITS), Heard()
    instruments = {instrument.symbol: instrument for instrument in await venue.instruments()}
    for account, key in zip((ALICE, BOB), exchange.keys, strict=False):
        venue.add_account(account, key["api_key"], key["api_secret"])
    try:
        await venue.start(heard)
        await venue.watch_market([instruments["BTCUSDT"]])
        await venue.watch_accounts([ALICE, BOB])
        await heard.until("both accounts", lambda: {(ALICE, True), (BOB, True)} <= set(heard.account_live))
        yield Desk(venue, heard, instruments["BTCUSDT"], exchange)
    finally:
        exchange.control("faults", method="DELETE")
        await venue.stop()


class TestBinanceSpot(VenueContract):
    """Every case of the contract."""
