"""What an answer to an order request proves.

A refusal is believed only where the exchange's documents make it certain that
nothing was executed. Every other answer is UNKNOWN: the order may stand, its
reservation stays, and somebody asks. (The fault table names the rows.)
"""

from __future__ import annotations

from venues.base import ReportKind

OK = 200
TOO_MANY_REQUESTS = 429
BANNED = 418

#: Answered before the matching engine, or by it, with certainty that nothing was executed.
CERTAIN_REFUSALS = frozenset(
    {
        -1002,  # unauthorized
        -1003,  # too many requests (10)
        -1013,  # a filter failed (15)
        -1014,  # unsupported combination
        -1015,  # too many orders (12)
        -1020,  # unsupported operation
        -1021,  # outside recvWindow (13)
        -1022,  # signature (14)
        -2010,  # refused by the matching engine (17, 19)
        -2014,  # key format (23)
        -2015,  # key, address or permission (23)
        -2017,  # keys locked (23)
        -2019,  # margin insufficient (24)
        -2025,  # too many open orders (29)
        -5028,  # recvWindow, told by the matching engine (13)
    }
)
#: Malformed requests: wrong, missing or superfluous parameters, precision (16), symbol. The range
#: ends before -1161, which tells of an answer that could not be encoded: the order was executed.
MALFORMED_FIRST, MALFORMED_LAST = -1151, -1100

#: Said of an id that is already open: an earlier attempt of ours succeeded, adopt it (18).
DUPLICATE_TEXT = "Duplicate order sent."

RATE_LIMIT_CODES = frozenset({-1003, -1015})
CLOCK_CODES = frozenset({-1021, -5028})
KEY_CODES = frozenset({-1002, -1022, -2014, -2015, -2017})


def place_outcome(status: int, code: int, text: str) -> ReportKind:
    """Return ACK, REJECTED or UNKNOWN for the answer to an order."""
    if status == OK:
        return ReportKind.ACK
    if is_certain_refusal(status, code, text):
        return ReportKind.REJECTED
    return ReportKind.UNKNOWN


def cancel_outcome(status: int, code: int, text: str) -> ReportKind:
    """Return ACK, CANCEL_REJECTED or CANCEL_UNKNOWN for the answer to a cancel.

    "Unknown order sent." (-2011, row 20) leaves open whether the order was filled,
    was cancelled, is not yet visible or never existed: it must be asked for.
    """
    if status == OK:
        return ReportKind.ACK
    if is_certain_refusal(status, code, text):
        return ReportKind.CANCEL_REJECTED
    return ReportKind.CANCEL_UNKNOWN


def is_certain_refusal(status: int, code: int, text: str) -> bool:
    """Return whether nothing can have been executed."""
    if status in (TOO_MANY_REQUESTS, BANNED):
        return True
    # A server's error proves nothing (1, 5), and neither does a firewall's page (9) nor a timeout (8).
    if status >= 500 or status in (403, 408) or status < 400:
        return False
    if DUPLICATE_TEXT in text:
        return False
    return code in CERTAIN_REFUSALS or MALFORMED_FIRST <= code <= MALFORMED_LAST
