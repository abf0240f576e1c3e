"""Nearly empty answers of the families that are not simulated, which clients ask for on loading."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from venues.simulator.exchange import SimulatedExchange
from venues.simulator.rest import json_answer
from venues.simulator.settlement import MS_NS

EMPTY_LISTS = (
    "/sapi/v1/margin/allPairs",
    "/sapi/v1/margin/isolated/allPairs",
    "/sapi/v1/margin/allAssets",
    "/sapi/v1/asset/tradeFee",
)
FUTURES = ("/fapi/v1", "/dapi/v1", "/eapi/v1")


class OtherFamilies:
    """Wallet, futures and options as an exchange that lists nothing in them."""

    def __init__(self, exchange: SimulatedExchange, now_ns: Any) -> None:
        self.exchange = exchange
        self.now_ns = now_ns

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of this face."""
        found = [web.get(path, self.empty_list) for path in EMPTY_LISTS]
        for root in FUTURES:
            found.append(web.get(f"{root}/exchangeInfo", self.exchange_info))
            found.append(web.get(f"{root}/ping", self.ping))
            found.append(web.get(f"{root}/time", self.time))
        found.append(web.get("/sapi/v1/capital/config/getall", self.coins))
        found.append(web.get("/sapi/v1/system/status", self.system_status))
        found.extend(
            web.route("*", f"/{root}/{{tail:.*}}", self.unknown)
            for root in ("sapi", "fapi", "dapi", "eapi", "papi")
        )
        return found

    async def ping(self, http: web.Request) -> web.Response:
        """Answer."""
        return json_answer(200, {})

    async def time(self, http: web.Request) -> web.Response:
        """Return the exchange's time."""
        return json_answer(200, {"serverTime": self.now_ns() // MS_NS})

    async def empty_list(self, http: web.Request) -> web.Response:
        """Return nothing."""
        return json_answer(200, [])

    async def system_status(self, http: web.Request) -> web.Response:
        """Say that all is well."""
        return json_answer(200, {"status": 0, "msg": "normal"})

    async def exchange_info(self, http: web.Request) -> web.Response:
        """Return a family without symbols."""
        family = {
            "timezone": "UTC",
            "serverTime": self.now_ns() // MS_NS,
            "rateLimits": [],
            "exchangeFilters": [],
            "assets": [],
            "symbols": [],
            "optionSymbols": [],
        }
        return json_answer(200, family)

    async def coins(self, http: web.Request) -> web.Response:
        """Return the assets of the listed symbols, none of which can be withdrawn."""
        markets = self.exchange.markets.values()
        assets = sorted({asset for one in markets for asset in (one.listing.base, one.listing.quote)})
        return json_answer(200, [coin(asset) for asset in assets])

    async def unknown(self, http: web.Request) -> web.Response:
        """Refuse what is not simulated."""
        return json_answer(404, {"code": -1000, "msg": "Not simulated."})


def coin(asset: str) -> dict[str, Any]:
    """Return an asset without networks."""
    zero = "0"
    return {
        "coin": asset,
        "depositAllEnable": False,
        "withdrawAllEnable": False,
        "name": asset,
        "free": zero,
        "locked": zero,
        "freeze": zero,
        "withdrawing": zero,
        "ipoing": zero,
        "ipoable": zero,
        "storage": zero,
        "isLegalMoney": False,
        "trading": True,
        "networkList": [],
    }
