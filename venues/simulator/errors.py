"""How the exchange says no: Binance's codes and texts, one constructor per family."""

from __future__ import annotations


class Refusal(Exception):
    """An answer with an error: HTTP `status`, Binance's `code` and its exact text."""

    def __init__(self, code: int, text: str, status: int = 400, retry_after_s: int = 0) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.status = status
        self.retry_after_s = retry_after_s


def missing(name: str) -> Refusal:
    """Return the refusal for a mandatory parameter that is absent."""
    return Refusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def not_required(name: str) -> Refusal:
    """Return the refusal for a parameter that this kind of request may not carry."""
    return Refusal(-1106, f"Parameter '{name}' sent when not required.")


def illegal_characters(name: str, legal: str) -> Refusal:
    """Return the refusal for a text outside the legal range."""
    return Refusal(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def too_precise(name: str) -> Refusal:
    """Return the refusal for more decimals than the asset has."""
    return Refusal(-1111, f"Parameter '{name}' has too much precision.")


def filter_failure(name: str) -> Refusal:
    """Return the refusal of one of exchangeInfo's filters."""
    return Refusal(-1013, f"Filter failure: {name}")


def bad_symbol() -> Refusal:
    """Return the refusal for a symbol that is not listed."""
    return Refusal(-1121, "Invalid symbol.")


def market_closed() -> Refusal:
    """Return the refusal for a symbol that does not trade now."""
    return Refusal(-1013, "Market is closed.")


def order_rejected(text: str) -> Refusal:
    """Return the matching engine's refusal of a new order."""
    return Refusal(-2010, text)


def insufficient_balance() -> Refusal:
    """Return the refusal of an order that the account cannot pay."""
    return order_rejected("Account has insufficient balance for requested action.")


def unknown_order() -> Refusal:
    """Return the refusal of a cancel that finds no open order."""
    return Refusal(-2011, "Unknown order sent.")


def no_such_order() -> Refusal:
    """Return the refusal of a query that finds no order."""
    return Refusal(-2013, "Order does not exist.")
