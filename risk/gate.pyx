"""The pre-trade risk gate: the last thing before an order is journalled and sent.

One call checks an order in the fixed order of `risk.codes.Code` and reserves what
it may come to; the first check that says no names the reason, and then nothing
is reserved. It takes and returns plain integers, allocates nothing, waits for
nobody, and refuses whatever it cannot know.

An order reduces risk when its side takes the account's position in the instrument
towards zero and, with all orders open on that side, not beyond it. Such an order
is not asked about size, position, open value and gross value, which must never keep a
desk from getting out; every other check asks it.
"""

from cpython.long cimport PyLong_AsLongLongAndOverflow
from libc.stdint cimport int64_t

from risk.gate_filters cimport Order
from risk.gate_holdings cimport Plan
from risk.gate_limits cimport RATE_SCOPES, GateLimits
from risk.gate_table cimport NUMBER_MAX
from venues.shared_atomics cimport shared_load

from risk.gate_table import GATE_VERSION, GateError


cdef class Refusal:
    """The numbers behind a refusal, all in the stated unit."""

    cdef readonly int64_t code, scope, slot, limit, current, reserved, requested, would_be, unit
    cdef readonly int64_t limits_version


cdef class Gate(GateLimits):
    """The pre-trade risk gate over one memory-mapped table, shared by the host's processes.

    A Gate belongs to one thread. `check`, and what the engine tells, must come
    from the one engine whose shard it was opened with.
    """

    def check(
        self, int64_t tenant, int64_t account, int64_t strategy, int64_t instrument, int64_t side,
        int64_t order_type, price_ticks, quantity_lots, int64_t now_ns,
    ):
        """Return 0 and hold the reservation, or the code of the first check that refuses and hold nothing."""
        cdef Order *order = &self.order
        order.tenant, order.account, order.strategy = tenant, account, strategy
        order.instrument, order.side, order.type, order.now_ns = instrument, side, order_type, now_ns
        order.fits = True
        order.price_ticks = self.number(price_ticks)
        order.lots = self.number(quantity_lots)
        return self.decide()

    cdef int64_t number(self, number) except? -1:
        """Return a price or quantity; what is too large is cut and remembered as such."""
        cdef int overflow = 0
        cdef int64_t value = PyLong_AsLongLongAndOverflow(number, &overflow)
        if overflow == 0 and -NUMBER_MAX <= value <= NUMBER_MAX:
            return value
        self.order.fits = False
        return -NUMBER_MAX if overflow < 0 or (overflow == 0 and value < 0) else NUMBER_MAX

    cdef int decide(self) noexcept nogil:
        """Ask every check in the order of the codes, then reserve. The one place where the order is stated."""
        self.numbers.code = 0
        if self.check_slots() or self.check_states() or self.check_account():
            return self.numbers.code
        if self.check_fields() or self.check_price() or self.check_quantity() or self.check_notional():
            return self.numbers.code
        if self.check_market() or self.read_limits() or self.check_size() or self.plan_reservation():
            return self.numbers.code
        if not self.reduces and (self.check_position() or self.check_sums(False)):
            return self.numbers.code
        if self.check_balance() or self.check_rates() or self.check_duplicate() or self.reserve_checked():
            return self.numbers.code
        self.remember()
        return 0

    def refusal(self):
        """Return the numbers behind the last check's refusal; all are 0 when it was accepted."""
        cdef Refusal told = Refusal()
        if self.numbers.code == 0:
            return told
        told.code, told.scope, told.slot = self.numbers.code, self.numbers.scope, self.numbers.slot
        told.limit, told.current = self.numbers.limit, self.numbers.current
        told.reserved, told.requested = self.numbers.reserved, self.numbers.requested
        told.would_be, told.unit = self.numbers.would_be, self.numbers.unit
        told.limits_version = self.numbers.limits_version
        return told

    @property
    def reserved_ticks(self):
        """The price at which the last accepted order was reserved; release and fill must be told the same."""
        return self.ticks

    cdef int reserve_checked(self) noexcept nogil:
        """Take the tokens and write the reservation.

        Another engine may have reserved under the same limit since we looked.
        Both have added before both look again, so one of them at least sees it and
        takes back: a limit that engines share is never passed.
        """
        cdef Plan before
        before.own, before.part = self.place.own[0], self.place.part[0]
        if self.take_rates():
            return self.numbers.code
        self.commit(&self.place, &self.definition, &self.after)
        if self.reduces or shared_load(&self.header.shards_used) == 1 or self.check_sums(True) == 0:
            return 0
        self.commit(&self.place, &self.definition, &before)
        self.give_rates_back(RATE_SCOPES)
        return self.numbers.code
