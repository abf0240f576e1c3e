"""The fault table, row by row: what an answer proves of an order."""

from __future__ import annotations

import pytest

from venues.base import ReportKind
from venues.binance.outcomes import cancel_outcome, place_outcome

ACK, REJECTED, UNKNOWN = ReportKind.ACK, ReportKind.REJECTED, ReportKind.UNKNOWN
INSUFFICIENT = "Account has insufficient balance for requested action."

ROWS = [
    ("accepted", 200, 0, "", ACK),
    ("1: any server error of spot", 500, 0, "", UNKNOWN),
    ("1: with a code that would be certain elsewhere", 503, -1013, "Filter failure: LOT_SIZE", UNKNOWN),
    ("4: spot is busy", 400, -1008, "Server is currently overloaded with other requests.", UNKNOWN),
    ("4: spot is busy, as a server error", 503, -1008, "Server is currently overloaded.", UNKNOWN),
    ("5: unexpected response from the bus", 400, -1006, "Execution status unknown.", UNKNOWN),
    ("5: timeout of the backend", 408, -1007, "Timeout waiting for response from backend server.", UNKNOWN),
    ("an internal error", 400, -1001, "Internal error; unable to process your request.", UNKNOWN),
    ("an unknown error", 400, -1000, "An unknown error occurred while processing the request.", UNKNOWN),
    ("8: timeout", 408, 0, "", UNKNOWN),
    ("9: the firewall, which must be verified by a question", 403, 0, "", UNKNOWN),
    ("10: too many requests", 429, -1003, "Too much request weight used", REJECTED),
    ("11: banned", 418, -1003, "Way too much request weight used; IP banned", REJECTED),
    ("12: too many orders", 400, -1015, "Too many new orders.", REJECTED),
    (
        "13: outside the window",
        400,
        -1021,
        "Timestamp for this request is outside of the recvWindow.",
        REJECTED,
    ),
    ("13: outside the window, by the matching engine", 400, -5028, "", REJECTED),
    ("14: signature", 400, -1022, "Signature for this request is not valid.", REJECTED),
    ("15: a filter", 400, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE", REJECTED),
    ("16: precision", 400, -1111, "Parameter 'quantity' has too much precision.", REJECTED),
    ("17: balance", 400, -2010, INSUFFICIENT, REJECTED),
    (
        "18: the id is open already, so an earlier attempt stands",
        400,
        -2010,
        "Duplicate order sent.",
        UNKNOWN,
    ),
    ("19: would take", 400, -2010, "Order would immediately match and take.", REJECTED),
    ("23: key format", 401, -2014, "API-key format invalid.", REJECTED),
    ("23: key", 401, -2015, "Invalid API-key, IP, or permissions for action.", REJECTED),
    ("23: keys locked", 400, -2017, "", REJECTED),
    ("24: margin", 400, -2019, "", REJECTED),
    ("29: too many open orders", 400, -2025, "", REJECTED),
    ("malformed: symbol", 400, -1121, "Invalid symbol.", REJECTED),
    ("malformed: parameter", 400, -1102, "Mandatory parameter 'side' was not sent.", REJECTED),
    ("executed, but its answer could not be encoded", 400, -1161, "Unable to encode the response", UNKNOWN),
    ("50: a code that nobody knows", 400, -9999, "News", UNKNOWN),
    ("51: maintenance", 400, -1016, "This service is no longer available.", UNKNOWN),
    ("no code at all", 400, 0, "", UNKNOWN),
    ("no status at all", 0, -1013, "", UNKNOWN),
]


@pytest.mark.parametrize(
    ("status", "code", "text", "kind"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_an_answer_to_an_order_proves_what_the_fault_table_says(
    status: int, code: int, text: str, kind: ReportKind
) -> None:
    assert place_outcome(status, code, text) is kind


@pytest.mark.parametrize(
    ("status", "code", "text", "kind"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_an_answer_to_a_cancel_proves_the_same_in_the_words_of_cancels(
    status: int, code: int, text: str, kind: ReportKind
) -> None:
    words = {ACK: ACK, REJECTED: ReportKind.CANCEL_REJECTED, UNKNOWN: ReportKind.CANCEL_UNKNOWN}
    assert cancel_outcome(status, code, text) is words[kind]


def test_an_unknown_order_at_cancel_leaves_the_order_open_to_question() -> None:
    assert cancel_outcome(400, -2011, "Unknown order sent.") is ReportKind.CANCEL_UNKNOWN
