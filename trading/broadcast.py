"""Tell the browsers that watch, from whatever process; a broker that is away costs them, not the caller."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

log = logging.getLogger(__name__)

#: How long one call to the channel layer may take before Redis counts as away.
LAYER_TIMEOUT_S = 2.0


def tell(group: str, message: dict[str, Any]) -> None:
    """Send the group a message from synchronous code."""
    layer = get_channel_layer()
    assert layer is not None, "settings name a channel layer"
    async_to_sync(attempt)(layer.group_send(group, message))


async def attempt(call: Coroutine[Any, Any, Any]) -> bool:
    """Return whether the call to the channel layer succeeded in time."""
    try:
        await asyncio.wait_for(call, LAYER_TIMEOUT_S)
    # The layer states no errors of its own; whatever Redis raises means that it is away.
    except Exception as error:  # noqa: BLE001
        log.debug("channel layer: %r", error)
        return False
    return True
