"""Every process's lines on one stream, each behind its process's name."""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import Callable

RESET = "\x1b[0m"
LINE_BYTES_MAX = 16_384
LINES_PENDING_MAX = 10_000
CLOSE_TIMEOUT_S = 0.5


class Console:
    """Writes from a thread of its own, so that a stopped terminal or a full pipe stops nobody else.

    Lines beyond the limit are dropped and counted, and the count is told.
    """

    def __init__(self, descriptor: int, *, name_width: int, colour: bool) -> None:
        self._descriptor = descriptor
        self._name_width = name_width
        self._colour = colour
        self._dropped = 0
        self._lines: queue.Queue[bytes | None] = queue.Queue(LINES_PENDING_MAX)
        self._writer = threading.Thread(target=self._write, name="console", daemon=True)
        self._writer.start()

    def line(self, name: str, colour: int, text: str) -> None:
        """Show one line of the named process; colour is an ANSI 256-colour number."""
        label = f"{name:<{self._name_width}}"
        if self._colour:
            label = f"\x1b[38;5;{colour}m{label}{RESET}"
        self.text(f"{label} | {text}")

    def text(self, text: str) -> None:
        """Show lines of the supervisor's own."""
        try:
            if self._dropped:
                self._lines.put_nowait(f"({self._dropped} lines were not shown)\n".encode())
                self._dropped = 0
            self._lines.put_nowait(f"{text}\n".encode(errors="replace"))
        except queue.Full:
            self._dropped += 1

    def close(self) -> None:
        """Give the lines that wait a last moment; a reader that does not read loses them."""
        try:
            self._lines.put(None, timeout=CLOSE_TIMEOUT_S)
        except queue.Full:
            return
        self._writer.join(CLOSE_TIMEOUT_S)

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                view = memoryview(line)
                while view:
                    view = view[os.write(self._descriptor, view) :]
            except OSError:
                continue  # nobody reads any more; the platform runs on without a reader


def colour_wanted(descriptor: int) -> bool:
    """Return whether a person who has not asked for plain text (NO_COLOR) is looking."""
    return os.isatty(descriptor) and not os.environ.get("NO_COLOR")


async def relay_lines(reader: asyncio.StreamReader, show: Callable[[str], None]) -> None:
    """Pass on whole lines until the process closes its output; an endless line comes in pieces."""
    rest = b""
    while chunk := await reader.read(LINE_BYTES_MAX):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            show(line.decode(errors="replace").rstrip("\r"))
        if len(rest) >= LINE_BYTES_MAX:
            show(rest.decode(errors="replace"))
            rest = b""
    if rest:
        show(rest.decode(errors="replace"))
