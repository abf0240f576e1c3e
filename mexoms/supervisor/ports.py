"""The two ports that people and clients connect to."""

from __future__ import annotations

import socket


class PortTaken(Exception):
    """Something else listens where we would."""

    code = "port_taken"


def check_port(port: int, variable: str) -> None:
    """Raise PortTaken, naming the variable that moves it, unless we can listen on the port."""
    with socket.socket() as probe:
        # As the servers do it: a port whose last connections only linger is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortTaken(
                f"port {port} cannot be used ({error.strerror}); set {variable} to a free one"
            ) from None
