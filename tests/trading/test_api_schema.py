from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import call_command

PATHS = ("accounts", "instruments", "orders", "fills", "positions", "balances", "limits", "kill-switches")


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    out = io.StringIO()
    call_command("spectacular", "--fail-on-warn", "--validate", "--format", "openapi-json", stdout=out)
    document: dict[str, Any] = json.loads(out.getvalue())
    return document


def test_the_schema_is_valid_and_made_without_a_warning(schema):
    assert {f"/api/v1/{path}/" for path in PATHS} <= set(schema["paths"])


def test_no_amount_of_a_row_is_a_number(schema):
    numbers = [
        f"{name}.{field}"
        for name, part in schema["components"]["schemas"].items()
        for field, kind in part.get("properties", {}).items()
        if kind.get("type") == "number"
    ]
    assert numbers == []


def test_placing_an_order_and_stopping_the_desk_have_examples(schema):
    for path in ("/api/v1/orders/", "/api/v1/kill-switches/"):
        content = schema["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        assert content["examples"]


def test_lists_tell_their_filters(schema):
    names = {parameter["name"] for parameter in schema["paths"]["/api/v1/orders/"]["get"]["parameters"]}
    assert names >= {"account", "symbol", "state", "open", "cursor", "limit"}
