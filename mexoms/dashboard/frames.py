"""What a browser has not been told yet, conflated to the newest row per id, as frames to send."""

from __future__ import annotations

from typing import Any

import msgspec

Row = dict[str, Any]

#: Rows that may wait for a slow browser; over it they are dropped and a snapshot follows.
PENDING_ROWS_MAX = 2_000
DESK_TABLES = ("accounts", "orders", "fills", "positions", "balances", "refusals", "kill_switches")


class Outbox:
    """One browser's pending frames. Every frame takes the next number, so that a gap shows."""

    def __init__(self) -> None:
        self.sequence = 0
        self.wants_snapshot = True
        self.market: dict[str, Row] = {}
        self.desk: dict[str, dict[str, Row]] = {}
        self.beat = False
        self._pending_rows = 0
        self._market_was_last = False

    @property
    def waiting(self) -> bool:
        """Return whether there is anything to send."""
        return bool(self.wants_snapshot or self.market or self.desk or self.beat)

    def add_rows(self, rows: dict[str, list[Row]]) -> None:
        """Take changed rows; a newer one replaces its elder. Too many become a snapshot."""
        for table, changed in rows.items():
            pending = self.desk.setdefault(table, {})
            before = len(pending)
            pending.update((row["id"], row) for row in changed)
            self._pending_rows += len(pending) - before
        if self._pending_rows > PENDING_ROWS_MAX:
            self.want_snapshot()

    def add_market(self, row: Row) -> None:
        """Take a symbol's market; only the newest is kept."""
        self.market[row["symbol"]] = row

    def want_snapshot(self) -> None:
        """Drop the desk's pending rows: a snapshot says all that they would have said."""
        self.wants_snapshot = True
        self._drop_desk()

    def begin_snapshot(self) -> None:
        """Note that the snapshot is being read; rows that change meanwhile follow it."""
        self.wants_snapshot = False
        self._drop_desk()

    def snapshot_frames(self, desk: dict[str, list[Row]], market: dict[str, Row]) -> list[str]:
        """Return the two frames that begin the browser's picture anew."""
        self.market.clear()
        self.beat = False
        return [self._frame("snapshot", "desk", desk), self._frame("snapshot", "market", market)]

    def next_delta(self) -> str | None:
        """Return the next frame, desk and market in turn; empty after a beat, None when all is told."""
        if self.market and (self._market_was_last is False or not self.desk):
            return self._market_delta()
        if self.desk:
            return self._desk_delta()
        if self.beat:
            self.beat = False
            return self._frame("delta", "market", {})
        return None

    def _market_delta(self) -> str:
        frame = self._frame("delta", "market", self.market)
        self.market.clear()
        self.beat, self._market_was_last = False, True
        return frame

    def _desk_delta(self) -> str:
        frame = self._frame(
            "delta", "desk", {table: list(rows.values()) for table, rows in self.desk.items()}
        )
        self._drop_desk()
        self.beat, self._market_was_last = False, False
        return frame

    def _drop_desk(self) -> None:
        self.desk.clear()
        self._pending_rows = 0

    def _frame(self, kind: str, topic: str, data: Any) -> str:
        self.sequence += 1
        frame = {"seq": self.sequence, "type": kind, "topic": topic, "data": data}
        return msgspec.json.encode(frame).decode()
