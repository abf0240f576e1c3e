"""The engine of one shard: its parts wired together, its start, its timers, its end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from trading.engine.account_states import AccountRecovery, AccountStates
from trading.engine.background import Background
from trading.engine.balances import Balances
from trading.engine.checkpoint import Memory, write_checkpoint
from trading.engine.clock import tick_every
from trading.engine.commands import Commands, handled
from trading.engine.doubts import Doubts
from trading.engine.exposure import Exposure
from trading.engine.journal import Journal, JournalFailed, JournalReader
from trading.engine.kill import Kill
from trading.engine.ledger import Ledger, LiveOrder, reported
from trading.engine.market import Market
from trading.engine.observer import Observer
from trading.engine.order_budget import OrderBudget, RateBudget
from trading.engine.order_path import OrderPath, answer, no_crash
from trading.engine.owed_trades import OwedTrades
from trading.engine.reconcile import Reconciliation
from trading.engine.replay import replay
from trading.records import EngineStarted, EngineStopped
from trading.types import Command, Decision, Desk, Intent, OrderState
from venues.base import Balance, OrderReport, ReportKind, Venue

if TYPE_CHECKING:
    from risk.gate import Gate

log = logging.getLogger(__name__)

#: The halt watcher's pace, which bounds how long a halt takes to reach open orders.
TICK_MS = 50
TICKS_PER_OBSERVER_TIMER = 2
TICKS_PER_REVALUATION = 20
#: A segment of this size is closed with a checkpoint, between two events; writing it takes some 50 ms.
CHECKPOINT_BYTES = 32 << 20


class Engine:
    """One engine. It is the venue's listener, and the desk that strategies act through."""

    def __init__(
        self,
        *,
        desk: Desk,
        venue: Venue,
        gate: Gate,
        journal: Journal,
        rate_budget: RateBudget,
        clock: Callable[[], int],
        observers: Sequence[Observer] = (),
        crash_point: Callable[[str], None] = no_crash,
    ) -> None:
        self.desk = desk
        self.venue = venue
        self.gate = gate
        self.journal = journal
        self.clock = clock
        self.observers: list[Observer] = list(observers)
        self.background = Background()
        self.ledger = Ledger(desk.accounts, desk.instruments)
        self.exposure = Exposure(gate, self.ledger, desk.assets)
        self.market = Market(gate, desk.instruments, self.observers)
        self.budget = OrderBudget(
            rate_budget, venue.name, [(account.slot, account.id) for account in desk.accounts]
        )
        self.order_path = OrderPath(
            shard=desk.shard,
            venue=venue,
            gate=gate,
            journal=journal,
            ledger=self.ledger,
            exposure=self.exposure,
            budget=self.budget,
            quotes=self.market.quotes,
            observers=self.observers,
            follow=self,
            crash_point=crash_point,
        )
        self.kill = Kill(gate=gate, ledger=self.ledger, order_path=self.order_path)
        self.balances = Balances(venue=venue, ledger=self.ledger, journal=journal, exposure=self.exposure)
        self._ticks = 0

    # --- life

    async def start(self) -> None:
        """Recover and connect. Accounts become ready one by one afterwards, each once it is reconciled."""
        memory = self._recover(self.clock())
        self._wire(memory)
        for secret in self.desk.secrets:
            self.venue.add_account(secret.account, secret.api_key, secret.api_secret)
        self.background.spawn(tick_every(TICK_MS, self.clock, self.on_timer), "engine timer")
        await self.venue.start(self)
        await self.venue.watch_market([one for one in self.desk.instruments if one.trading])
        await self.venue.watch_accounts([account.slot for account in self.desk.accounts])

    async def stop(self) -> None:
        """Disconnect and say goodbye; orders stay as they are, strategies took theirs back before."""
        await self.background.stop()
        await self.venue.stop()
        self.journal.note((EngineStopped(),), self.clock())

    async def wait_failed(self) -> None:
        """Wait until one of the engine's own tasks fails, and raise what it raised."""
        await self.background.wait_failed()

    def observe(self, observer: Observer) -> None:
        """Let the observer hear everything from now on."""
        self.observers.append(observer)

    # --- the desk

    def submit(self, intent: Intent, now_ns: int) -> Decision:
        """Put an intent through the order path."""
        return self.order_path.submit(intent, now_ns)

    def cancel(self, client_order_id: str, now_ns: int) -> Decision:
        """Cancel an open order of ours."""
        return self.order_path.cancel(client_order_id, now_ns)

    def handle(self, command: Command) -> Decision:
        """Act on a command once; a second time it gets the first answer."""
        return self.commands.handle(command, self.clock())

    def open_orders(self, strategy: int | None = None) -> Iterable[LiveOrder]:
        """Return the orders that are not over, of one strategy or of all."""
        return self.ledger.open_orders(strategy=strategy)

    def position_lots(self, account: int, instrument: int) -> int:
        """Return the signed position in lots."""
        return self.ledger.position_lots(account, instrument)

    def account_ready(self, account: int) -> bool:
        """Return whether the account is reconciled and may trade."""
        return self.states.is_ready(account)

    # --- what the venue says

    def on_order_report(self, report: OrderReport) -> None:
        """Book an answer or an event."""
        self.order_path.on_order_report(report, self.clock())

    def on_balances(self, account: int, balances: Sequence[Balance], event_ns: int) -> None:
        """Compare balances with ours."""
        if account in self.ledger.accounts:
            self.balances.on_stream(account, balances, self.states.is_ready(account), self.clock())

    def on_quote(self, symbol: str, bid_ticks: int, bid_lots: int, ask_ticks: int, ask_lots: int) -> None:
        """Take over a best bid and ask."""
        self.market.on_quote(symbol, bid_ticks, bid_lots, ask_ticks, ask_lots, self.clock())

    def on_trade(self, symbol: str, price_ticks: int, lots: int, buyer_is_maker: bool, event_ns: int) -> None:
        """Hand a public trade on."""
        self.market.on_trade(symbol, price_ticks, lots, buyer_is_maker, self.clock())

    def on_book(self, symbol: str) -> None:
        """Hand on that a book changed."""
        self.market.on_book(symbol, self.clock())

    def on_market_live(self, symbol: str, live: bool) -> None:
        """Follow whether there is a price."""
        self.market.on_market_live(symbol, live, self.clock())

    def on_account_live(self, account: int, live: bool) -> None:
        """Reconcile an account whose events flow again; stop one whose events do not."""
        self.recovery.on_live(account, live, self.clock())

    # --- what the order path cannot decide

    def doubt(self, order: LiveOrder, now_ns: int) -> None:
        """Ask about an order of which nobody knows what became."""
        self.doubts.add(order, now_ns)

    def alarm(self, account: int) -> None:
        """Let an account whose books were wrong only reduce."""
        self.kill.reduce_only(account)

    def stranger(self, report: OrderReport, now_ns: int) -> None:
        """Somebody else trades this account: reconcile it, which adopts the order or counts its trades."""
        if report.kind in (ReportKind.ACK, ReportKind.FILL):
            log.warning("account %d: unknown order %s", report.account, report.client_order_id)
            self.recovery.request(report.account, f"unknown order {report.client_order_id}", now_ns)

    def on_timer(self, now_ns: int) -> None:
        """Do what is due: halts first, then questions, then who listens."""
        self._ticks += 1
        self.kill.on_timer(now_ns)
        self.doubts.on_timer(now_ns)
        self.owed_trades.on_timer(now_ns)
        self.balances.on_timer(now_ns)
        self.recovery.on_timer(now_ns)
        if self.journal.segment_bytes >= CHECKPOINT_BYTES and not self.journal.failed:
            self._checkpoint(now_ns)
        if self._ticks % TICKS_PER_REVALUATION == 0:
            self.exposure.revalue()
        if self._ticks % TICKS_PER_OBSERVER_TIMER == 0:
            for observer in self.observers:
                observer.on_timer(now_ns)

    # --- inside

    def _recover(self, now_ns: int) -> Memory:
        """Replay the journal, begin the epoch, and rebuild the gate from the ledger."""
        memory = replay(JournalReader(self.journal.directory), self.ledger)
        self.journal.begin(self.desk.epoch)
        write_checkpoint(self.journal.directory, self.journal.segment, self.ledger, memory)
        for account in memory.ready:
            memory.in_step_ns[account] = memory.ended_ns
        instruments = {one.slot: (one.venue, one.symbol, one.version) for one in self.desk.instruments}
        started = EngineStarted(
            shard=self.desk.shard, epoch=self.desk.epoch, clean=memory.clean, instruments=instruments
        )
        self.journal.append(started, now_ns)
        self._finish_records(memory, now_ns)
        self.exposure.rebuild()
        log.info(
            "recovered %d records, %d open orders, %s end",
            memory.records,
            len(self.ledger.open_orders()),
            "clean" if memory.clean else "unclean",
        )
        return memory

    def _checkpoint(self, now_ns: int) -> None:
        """Begin a segment with a copy of the books beside it: no start replays more than one segment."""
        memory = Memory(
            clean=False,
            ended_ns=now_ns,
            in_step_ns=self.states.all_in_step_ns(),
            ready={account for account in self.states.states if self.states.is_ready(account)},
            born_ns=self.states.born_ns,
            answered=self.commands.answered,
        )
        try:
            self.journal.rotate()
        except JournalFailed:
            return
        write_checkpoint(self.journal.directory, self.journal.segment, self.ledger, memory)

    def _finish_records(self, memory: Memory, now_ns: int) -> None:
        """Write what a crash left unwritten behind records that are there."""
        for order in filter(None, (self.ledger.find(*key) for key in sorted(memory.unreported))):
            report = answer(order, self.ledger.instruments[order.instrument], ReportKind.ACK, "recovered")
            self.journal.append(reported(order, report), now_ns)
        for command_id, (tenant_id, decision) in memory.unanswered.items():
            outcome = "accepted" if decision.accepted else "refused"
            self.journal.append(handled(command_id, tenant_id, outcome, decision), now_ns)

    def _wire(self, memory: Memory) -> None:
        """Make the parts that begin where the journal ends."""
        self.states = AccountStates(
            accounts=self.desk.accounts,
            gate=self.gate,
            journal=self.journal,
            observers=self.observers,
            in_step_ns=memory.in_step_ns,
            born_ns=memory.born_ns,
        )
        self.commands = Commands(
            ledger=self.ledger,
            journal=self.journal,
            order_path=self.order_path,
            kill=self.kill,
            answered=memory.answered,
        )
        self.reconciliation = Reconciliation(
            venue=self.venue,
            ledger=self.ledger,
            journal=self.journal,
            exposure=self.exposure,
            balances=self.balances,
            states=self.states,
            quotes=self.market.quotes,
            clock=self.clock,
            report=self.order_path.on_order_report,
            doubt=lambda order, now_ns: self.doubts.add_vanished(order, now_ns),
        )
        self.recovery = AccountRecovery(
            states=self.states,
            background=self.background,
            clock=self.clock,
            reconcile=self.reconciliation.reconcile,
            first=self._accounts_in_use(),
        )
        self.doubts = Doubts(
            venue=self.venue,
            ledger=self.ledger,
            background=self.background,
            clock=self.clock,
            report=self.order_path.on_order_report,
            settle=self.reconciliation.settle,
        )
        self.owed_trades = OwedTrades(
            ledger=self.ledger, background=self.background, fetch=self.reconciliation.fetch_owed
        )
        self._doubt_the_unanswered(self.clock())

    def _accounts_in_use(self) -> frozenset[int]:
        """Return the accounts that strategies trade or that have something open."""
        traded = {account for strategy in self.desk.strategies for account in strategy.accounts}
        return frozenset(traded | {order.account for order in self.ledger.open_orders()})

    def _doubt_the_unanswered(self, now_ns: int) -> None:
        """Whatever was being sent when the last engine ended may stand at the exchange: ask."""
        for order in self.ledger.open_orders():
            order.canceling = False
            if order.state in (OrderState.PENDING, OrderState.SENDING):
                instrument = self.ledger.instruments[order.instrument]
                text = "the engine ended before the answer came"
                self.order_path.on_order_report(answer(order, instrument, ReportKind.UNKNOWN, text), now_ns)
            elif order.state is OrderState.UNKNOWN:
                self.doubts.add(order, now_ns)
