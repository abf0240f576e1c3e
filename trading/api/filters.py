"""What the lists can be narrowed by."""

from __future__ import annotations

from django_filters import rest_framework as filters

from trading.models.orders import ORDER_STATES, TERMINAL_STATES

SIDES = [("BUY", "BUY"), ("SELL", "SELL")]


class ByAccount(filters.FilterSet):  # type: ignore[misc]
    """By account."""

    account = filters.UUIDFilter(field_name="account_id")


class ByAccountAndSymbol(ByAccount):
    """By account and symbol."""

    symbol = filters.CharFilter(field_name="instrument__symbol")


class AccountFilter(filters.FilterSet):  # type: ignore[misc]
    """Accounts by kind, venue and the engine's state."""

    kind = filters.ChoiceFilter(choices=[(kind, kind) for kind in ("main", "sub", "strategy")])
    venue = filters.CharFilter()
    active = filters.BooleanFilter()


class InstrumentFilter(filters.FilterSet):  # type: ignore[misc]
    """Instruments by venue, symbol and whether they trade."""

    venue = filters.CharFilter()
    symbol = filters.CharFilter()
    trading = filters.BooleanFilter()


class OrderFilter(ByAccountAndSymbol):
    """Orders by state, side and strategy instance; `open=true` leaves those that are not over."""

    state = filters.MultipleChoiceFilter(choices=[(state, state) for state in ORDER_STATES])
    side = filters.ChoiceFilter(choices=SIDES)
    strategy = filters.UUIDFilter(field_name="strategy_instance")
    open = filters.BooleanFilter(field_name="state", method="filter_open")

    def filter_open(self, queryset: object, name: str, value: bool) -> object:
        """Keep orders that are not over, or those that are."""
        narrow = queryset.exclude if value else queryset.filter  # type: ignore[attr-defined]
        return narrow(state__in=TERMINAL_STATES)


class FillFilter(ByAccountAndSymbol):
    """Fills by order and side."""

    order = filters.UUIDFilter(field_name="order_id")
    side = filters.ChoiceFilter(choices=SIDES)


class BalanceFilter(ByAccount):
    """Balances by asset."""

    asset = filters.CharFilter()
