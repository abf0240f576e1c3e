"""Which accounts may trade, and how each comes to: live stream, then reconciled, then ready."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from trading.engine.journal import Journal
from trading.engine.observer import Observer
from trading.records import AccountStateChanged
from trading.types import Account
from venues.base import VenueError

if TYPE_CHECKING:
    from risk.gate import Gate
    from trading.engine.background import Background

log = logging.getLogger(__name__)

INCOMPLETE, STALE, READY = "incomplete", "stale", "ready"
#: Accounts that are reconciled at once; the others wait their turn.
RECONCILED_AT_ONCE_MAX = 8
#: Pauses after a reconciliation that failed; the last repeats.
RETRY_PAUSES_MS = (500, 1_000, 2_000, 5_000, 15_000)
#: Between two reconciliations of an account: somebody who trades there busily must not use up our weight.
REPEAT_PAUSE_MS = 2_000
NS_PER_MS = 1_000_000


class AccountStates:
    """The state of every account. Only a ready one passes the gate."""

    def __init__(
        self,
        *,
        accounts: Sequence[Account],
        gate: Gate,
        journal: Journal,
        observers: Sequence[Observer],
        in_step_ns: dict[int, int],
        born_ns: dict[int, int],
    ) -> None:
        """`in_step_ns` says when each account last agreed with the exchange, `born_ns` when it first did."""
        self.born_ns = dict(born_ns)
        self._accounts = {account.slot: account for account in accounts}
        self._gate = gate
        self._journal = journal
        self._observers = observers
        self._in_step_ns = dict(in_step_ns)
        self.states = dict.fromkeys(self._accounts, INCOMPLETE)

    def is_ready(self, account: int) -> bool:
        """Return whether the account may trade."""
        return self.states.get(account) == READY

    def in_step_ns(self, account: int) -> int:
        """Return when the account was last known to agree with the exchange, 0 for never."""
        return self._in_step_ns.get(account, 0)

    def all_in_step_ns(self) -> dict[int, int]:
        """Return when each account was last known to agree with the exchange."""
        return dict(self._in_step_ns)

    def note_in_step(self, account: int, at_ns: int) -> None:
        """Note that ours and the exchange's facts agreed at the time."""
        self._in_step_ns[account] = at_ns

    def change(self, account: int, state: str, reason: str, now_ns: int) -> None:
        """Put the account into a state: the gate first, then the journal, then who listens."""
        self._gate.set_account_ready(account, state == READY)
        if self.states[account] == READY and state != READY:
            self._in_step_ns[account] = now_ns
        if state == READY:
            self.born_ns.setdefault(account, now_ns)
        if self.states[account] == state:
            return
        self.states[account] = state
        owner = self._accounts[account]
        record = AccountStateChanged(
            tenant_id=owner.tenant_id, account_id=owner.id, account=account, state=state, reason=reason
        )
        self._journal.note((record,), now_ns)
        for observer in self._observers:
            observer.on_account_state(account, state, now_ns)


class AccountRecovery:
    """Reconciles accounts whose streams came (back) to life, a few at a time, until each is ready."""

    def __init__(
        self,
        *,
        states: AccountStates,
        background: Background,
        clock: Callable[[], int],
        reconcile: Callable[[int], Awaitable[None]],
        first: frozenset[int] = frozenset(),
    ) -> None:
        """`first` are accounts that somebody waits for: with many accounts the last wait minutes."""
        self._first = first
        self._states = states
        self._background = background
        self._clock = clock
        self._reconcile = reconcile
        self._live: set[int] = set()
        self._due_ns: dict[int, int] = {}
        self._failures: dict[int, int] = {}
        self._running: set[int] = set()
        self._again: set[int] = set()
        self._ended_ns: dict[int, int] = {}

    def on_live(self, account: int, live: bool, now_ns: int) -> None:
        """The account's events flow again, or do not."""
        if live:
            self._live.add(account)
            self._ended_ns.pop(account, None)
            self.request(account, "its stream is live again", now_ns)
            return
        self._live.discard(account)
        self._due_ns.pop(account, None)
        if self._states.is_ready(account):
            self._states.change(account, STALE, "the stream of its events is lost", now_ns)

    def request(self, account: int, reason: str, now_ns: int) -> None:
        """Let the account trade no more until it has been reconciled."""
        if account not in self._states.states:
            return
        if self._states.is_ready(account):
            self._states.change(account, STALE, reason, now_ns)
        if account in self._running:
            self._again.add(account)
        elif account in self._live:
            earliest_ns = self._ended_ns.get(account, 0) + REPEAT_PAUSE_MS * NS_PER_MS
            self._due_ns.setdefault(account, max(now_ns, earliest_ns))

    def on_timer(self, now_ns: int) -> None:
        """Begin what is due and has room."""
        if not self._due_ns:
            return
        due = [account for account, due_ns in self._due_ns.items() if due_ns <= now_ns]
        for account in sorted(due, key=lambda one: (one not in self._first, self._due_ns[one])):
            if len(self._running) >= RECONCILED_AT_ONCE_MAX:
                return
            del self._due_ns[account]
            self._running.add(account)
            self._background.spawn(self._run(account), f"reconcile account {account}")

    async def _run(self, account: int) -> None:
        self._again.discard(account)
        try:
            await self._reconcile(account)
        except VenueError as error:
            self._retry_later(account, error)
            return
        finally:
            self._running.discard(account)
        now_ns = self._ended_ns[account] = self._clock()
        self._failures.pop(account, None)
        if account in self._again:
            self.request(account, "it changed while it was reconciled", now_ns)
        elif account in self._live:
            self._states.change(account, READY, "", now_ns)

    def _retry_later(self, account: int, error: VenueError) -> None:
        failures = self._failures[account] = self._failures.get(account, 0) + 1
        pause_ms = RETRY_PAUSES_MS[min(failures, len(RETRY_PAUSES_MS)) - 1]
        log.warning("account %d is not reconciled, again in %d ms: %s", account, pause_ms, error.text)
        if account in self._live:
            self._due_ns[account] = self._clock() + pause_ms * NS_PER_MS
