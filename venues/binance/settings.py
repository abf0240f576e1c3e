"""Where Binance is, and the limits of our talk with it. Read from `configs/venues.yaml`."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

LOOPBACK_HOSTS = ("127.0.0.1", "localhost")


class EgressRefused(Exception):
    """An address that is not on the configuration's list of hosts was about to be used."""

    code = "egress_refused"


class BinanceSpotUrls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The three addresses of the spot exchange, and the only hosts that may be spoken to.

    Without a list only this machine is allowed, so that a configuration for a
    simulator cannot reach a real exchange by a forgotten field.
    """

    rest: str
    stream: str
    ws_api: str
    allowed_hosts: tuple[str, ...] = LOOPBACK_HOSTS

    def checked(self, url: str) -> str:
        """Return the url; raise EgressRefused unless its host is allowed."""
        host = urlsplit(url).hostname or ""
        if host not in self.allowed_hosts:
            raise EgressRefused(
                f"{host or url!r} is not among the allowed hosts {', '.join(self.allowed_hosts)}"
            )
        return url

    def check(self) -> None:
        """Raise EgressRefused unless all three addresses are allowed."""
        for url in (self.rest, self.stream, self.ws_api):
            self.checked(url)


class BinanceSpotLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every window, retry, queue and wait of the connector, with its unit in its name."""

    connect_timeout_ms: int = 5_000
    reconnect_delay_min_ms: int = 100
    reconnect_delay_max_ms: int = 10_000
    #: A connection that lived so long lets the next one begin with the shortest delay again.
    connection_stable_after_ms: int = 10_000
    ping_interval_ms: int = 15_000
    pong_timeout_ms: int = 10_000
    write_buffer_max_bytes: int = 256 * 1024
    ack_timeout_ms: int = 3_000
    requests_pending_max: int = 2_000
    late_replies_max: int = 2_000
    rest_timeout_ms: int = 10_000
    rest_connections_max: int = 20
    query_recv_window_ms: int = 5_000
    subscribe_recv_window_ms: int = 5_000
    subscribe_attempts_max: int = 5
    subscribe_retry_delay_ms: int = 1_000
    subscriptions_in_flight_max: int = 20
    streams_per_connection_max: int = 180
    stream_age_max_ms: int = 30_000
    #: How long the diffs that a snapshot already holds may be under way.
    silence_grace_ms: int = 1_000
    snapshot_levels: int = 1_000
    #: Enough to learn at which update the exchange's book is, at the least weight.
    proof_levels: int = 5
    snapshot_attempts_max: int = 8
    snapshot_retry_delay_ms: int = 500
    snapshot_pause_ms: int = 60_000
    snapshots_in_flight_max: int = 2
    depth_events_pending_max: int = 3_000
    clock_samples: int = 7
    clock_interval_ms: int = 60_000
    fills_page_size: int = 1_000
    fills_pages_max: int = 100


class BinanceSpotSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One environment: production, testnet or simulator."""

    urls: BinanceSpotUrls
    limits: BinanceSpotLimits = BinanceSpotLimits()
