"""What the gate holds of our exposure moves with the market, too."""

from __future__ import annotations

from risk.codes import Scope
from tests.trading.engine.engine_desk import PRICE, intent
from tests.trading.engine.scripted_venue import fill
from trading.engine.engine import Engine

ONE_SECOND_OF_TICKS = 20


def gross(engine: Engine, scope: Scope, slot: int) -> int:
    return engine.gate.exposure(scope, slot)[1]


def test_a_position_is_valued_at_the_price_of_now_without_any_order(engine, clock):
    decision = engine.submit(intent(), engine.clock())
    lots = engine.ledger.orders[decision.client_order_id].quantity_lots
    engine.on_order_report(fill(decision, 1, lots, lots))
    before = gross(engine, Scope.ACCOUNT, 1)
    assert before > 0
    engine.on_quote("BTCUSDT", 2 * PRICE - 1, 100, 2 * PRICE + 1, 100)
    for _ in range(ONE_SECOND_OF_TICKS):
        engine.on_timer(clock.pass_ms(50))
    assert gross(engine, Scope.ACCOUNT, 1) == 2 * before
    assert gross(engine, Scope.TENANT, 1) == 2 * before
