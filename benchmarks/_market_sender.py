"""A process that sends prepared market messages over a loopback WebSocket as fast as it can.

`receive_rates` lets it send the same messages to several receivers in turn, so
that their rates stand beside each other under the same conditions.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import socket
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import uvloop
from picows import WSListener, ws_connect

ROOT = Path(__file__).resolve().parents[1]
WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CHUNK_BYTES = 256 * 1024


def frame(message: bytes) -> bytes:
    """Return a server's text frame."""
    if len(message) < 126:
        return b"\x81" + bytes([len(message)]) + message
    return b"\x81\x7e" + struct.pack(">H", len(message)) + message


def send_to_all(messages: Sequence[bytes]) -> None:
    """Print a port; send all messages to each connection in turn, until killed."""
    pin_to_core(-1)
    blob = memoryview(b"".join(frame(message) for message in messages))
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        with connection:
            shake_hands(connection)
            for start in range(0, len(blob), CHUNK_BYTES):
                connection.sendall(blob[start : start + CHUNK_BYTES])


def shake_hands(connection: socket.socket) -> None:
    """Answer the upgrade request."""
    request = b""
    while b"\r\n\r\n" not in request:
        request += connection.recv(4096)
    headers = dict(line.split(b": ", 1) for line in request.split(b"\r\n")[1:] if b": " in line)
    key = next(value for name, value in headers.items() if name.lower() == b"sec-websocket-key")
    accept = base64.b64encode(hashlib.sha1(key + WEBSOCKET_GUID, usedforsecurity=False).digest())
    connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


def pin_to_core(index: int) -> None:
    """Keep this process on one core, so that sender and receiver do not share one."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[index]})


async def receive(port: int, listener: WSListener, count: Callable[[], int], messages: int) -> float:
    """Return messages per second from before the connection to its end."""
    started = time.perf_counter()
    transport, _ = await ws_connect(lambda: listener, f"ws://127.0.0.1:{port}/")
    await transport.wait_disconnected()
    taken = time.perf_counter() - started
    assert count() == messages, f"{count()} of {messages} messages came"
    return messages / taken


def receive_rates(
    module: str,
    messages: int,
    receivers: dict[str, Callable[[], tuple[WSListener, Callable[[], int]]]],
    rounds: int,
) -> dict[str, list[float]]:
    """Return the messages per second of each receiver, round by round; the module sends with `--send`."""
    sender = subprocess.Popen([sys.executable, "-m", module, "--send"], cwd=ROOT, stdout=subprocess.PIPE)
    cores = os.sched_getaffinity(0)
    try:
        assert sender.stdout is not None
        port = int(sender.stdout.readline())
        pin_to_core(0)
        rates: dict[str, list[float]] = {name: [] for name in receivers}
        for _ in range(rounds):
            for name, make in receivers.items():
                listener, count = make()
                rates[name].append(uvloop.run(receive(port, listener, count, messages)))
        return rates
    finally:
        os.sched_setaffinity(0, cores)
        sender.kill()
        sender.wait()


def row(
    name: str,
    what: str,
    ours: list[float],
    references: dict[str, list[float]],
    *,
    required: float,
    goal: float,
) -> dict[str, Any]:
    """Return the row of bench.json; `p99` is the slowest round, since a rate's bad end is its low one."""
    median = statistics.median(ours)
    return {
        "id": name,
        "what": what,
        "unit": "messages/s",
        "median": round(median),
        "p99": round(min(ours)),
        "n": len(ours),
        "reference": {reference: round(statistics.median(rates)) for reference, rates in references.items()},
        "goal": {"required": required, "goal": goal},
        "met": median >= required,
    }


def loop_schedule(callback: Callable[[], None]) -> None:
    """Call back soon, in the loop that runs now."""
    asyncio.get_running_loop().call_soon(callback)
