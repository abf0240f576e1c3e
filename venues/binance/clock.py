"""The exchange's clock, told from ours: several questions, the quick answers count."""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable, Sequence

import msgspec

NS_PER_MS = 1_000_000


class ClockSample(msgspec.Struct, frozen=True):
    """One question for the time: when it left, what was answered, when the answer came."""

    asked_ns: int
    server_ms: int
    answered_ns: int

    @property
    def round_trip_ns(self) -> int:
        """How long the question took."""
        return self.answered_ns - self.asked_ns

    @property
    def offset_ns(self) -> int:
        """The exchange's clock less ours, if both ways took equally long.

        The answer is cut to whole milliseconds, so that its middle is half of one later.
        """
        middle_ns = (self.asked_ns + self.answered_ns) // 2
        return self.server_ms * NS_PER_MS + NS_PER_MS // 2 - middle_ns


class ExchangeClock:
    """Converts our time into the exchange's. Until the first measurement they are taken as equal."""

    def __init__(self) -> None:
        self.offset_ns = 0
        self.round_trip_ns = 0
        self.measured_ns = 0

    def now_ms(self, now_ns: int) -> int:
        """Return the exchange's time in ms for our own time."""
        return (now_ns + self.offset_ns) // NS_PER_MS

    async def measure(
        self, ask: Callable[[], Awaitable[int]], clock: Callable[[], int], samples: int
    ) -> None:
        """Ask so many times and take over the result; raises what `ask` raises."""
        taken = []
        for _ in range(samples):
            asked_ns = clock()
            server_ms = await ask()
            taken.append(ClockSample(asked_ns, server_ms, clock()))
        self.take(taken)

    def take(self, samples: Sequence[ClockSample]) -> None:
        """Take over the median offset of the quicker half of the samples."""
        quick = sorted(samples, key=lambda sample: sample.round_trip_ns)[: max(1, (len(samples) + 1) // 2)]
        self.offset_ns = statistics.median_low(sample.offset_ns for sample in quick)
        self.round_trip_ns = quick[0].round_trip_ns
        self.measured_ns = max(sample.answered_ns for sample in samples)
