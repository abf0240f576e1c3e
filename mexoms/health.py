"""Whether this process lives, whether it can serve, and the figures of both."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from redis import Redis, RedisError

#: An engine writes its sign of life every second.
HEARTBEAT_AGE_MAX_MS = 5_000
REDIS_TIMEOUT_S = 1.0
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Say that the process answers; it asks nobody else."""
    return JsonResponse({"status": "alive"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether requests can be served. A silent engine is told, but pages and kill switches go on."""
    checks = {"postgres": postgres_failure(), "redis": redis_failure()}
    failures = {name: failure for name, failure in checks.items() if failure}
    shards = engines(time.time_ns())
    silent = [shard["shard"] for shard in shards if not shard["alive"]]
    status = "unavailable" if failures else "degraded" if silent else "ready"
    body = {
        "status": status,
        "code": next(iter(failures.values()), "engine_silent" if silent else ""),
        "checks": {name: failure or "ok" for name, failure in checks.items()},
        "engines": shards,
    }
    return JsonResponse(body, status=503 if failures else 200)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer the figures in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StateOfNow())
    return HttpResponse(generate_latest(registry), content_type=METRICS_TYPE)


class StateOfNow:
    """Measures when asked, so that no figure is older than its answer."""

    def collect(self) -> Iterator[Metric]:
        """Yield each figure."""
        yield gauge("mexoms_postgres_up", "1 if Postgres answers", not postgres_failure())
        yield gauge("mexoms_redis_up", "1 if Redis answers", not redis_failure())
        names = ["shard"]
        age = GaugeMetricFamily(
            "mexoms_engine_heartbeat_age_seconds", "Since the last sign of life", labels=names
        )
        ready = GaugeMetricFamily("mexoms_engine_accounts_ready", "Accounts that trade", labels=names)
        total = GaugeMetricFamily("mexoms_engine_accounts", "Accounts of the shard", labels=names)
        for shard in engines(time.time_ns()):
            label = [str(shard["shard"])]
            age.add_metric(label, shard["age_ms"] / 1000)
            ready.add_metric(label, shard["accounts_ready"])
            total.add_metric(label, shard["accounts"])
        yield from (age, ready, total)


def gauge(name: str, what: str, value: bool) -> Metric:
    """Return a figure without labels."""
    family = GaugeMetricFamily(name, what)
    family.add_metric([], int(value))
    return family


def postgres_failure() -> str:
    """Return the code of what is wrong with Postgres, empty when nothing is."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        connection.close()  # the next try begins anew
        return "postgres_unavailable"
    return ""


def redis_failure() -> str:
    """Return the code of what is wrong with Redis, empty when nothing is."""
    try:
        with Redis.from_url(
            settings.ENV.redis_url, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S
        ) as redis:
            redis.ping()
    except (RedisError, ValueError):
        return "redis_unavailable"
    return ""


def engines(now_ns: int) -> list[dict[str, Any]]:
    """Return what the host's engines last wrote of themselves; none where none has run here."""
    return [state for path in sorted(settings.HOME.glob("engine-*.json")) if (state := engine(path, now_ns))]


def engine(path: Path, now_ns: int) -> dict[str, Any] | None:
    """Return one engine's sign of life with its age; None where the file says nothing."""
    try:
        beat = json.loads(path.read_text())
        age_ms = max(0, (now_ns - int(beat["time_ns"])) // 1_000_000)
        return {
            "shard": int(path.stem.removeprefix("engine-")),
            "alive": age_ms <= HEARTBEAT_AGE_MAX_MS,
            "age_ms": age_ms,
            "accounts": int(beat["accounts"]),
            "accounts_ready": int(beat["accounts_ready"]),
        }
    except (OSError, ValueError, KeyError, TypeError):
        return None
