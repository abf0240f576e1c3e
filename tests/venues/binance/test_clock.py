from __future__ import annotations

from venues.binance.clock import ClockSample, ExchangeClock

MS = 1_000_000


def sample(*, offset_ms: int, round_trip_ms: int, asked_ms: int = 1_000_000) -> ClockSample:
    """Return a question that took equally long both ways."""
    server_ms = asked_ms + round_trip_ms // 2 + offset_ms
    return ClockSample(asked_ms * MS, server_ms, (asked_ms + round_trip_ms) * MS)


def test_without_a_measurement_both_clocks_are_equal() -> None:
    assert ExchangeClock().now_ms(5_999_999) == 5


def test_the_offset_is_found_to_within_the_cut_of_a_millisecond() -> None:
    clock = ExchangeClock()
    clock.take([sample(offset_ms=1_270, round_trip_ms=20)] * 3)
    assert clock.now_ms(2_000_000 * MS) == 2_001_270
    assert clock.round_trip_ns == 20 * MS


def test_slow_answers_do_not_count() -> None:
    clock = ExchangeClock()
    quick = [sample(offset_ms=10, round_trip_ms=2)] * 4
    clock.take([*quick, *[sample(offset_ms=900, round_trip_ms=800)] * 3])
    assert clock.now_ms(0) == 10


async def test_a_measurement_asks_as_often_as_told() -> None:
    times = iter(range(0, 1_000 * MS, MS))
    asked = []

    async def ask() -> int:
        asked.append(1)
        return 50

    clock = ExchangeClock()
    await clock.measure(ask, lambda: next(times), 5)
    assert len(asked) == 5
    assert clock.measured_ns == 9 * MS
