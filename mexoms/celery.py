"""The Celery application: `celery -A mexoms.celery worker`, and what beat sends it."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mexoms.settings")

app = Celery("mexoms")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

#: Written into the schedule tables at beat's start, where operators may change them. Seconds.
app.conf.beat_schedule = {
    "requeue commands that the bus lost": {
        "task": "trading.tasks.requeue_commands",
        "schedule": 2.0,
        "options": {"expires": 2.0},
    },
    "bring changed limits to the gate": {
        "task": "strategies.tasks.sync_gates",
        "schedule": 5.0,
        "options": {"queue": "venue", "expires": 5.0},
    },
    "record halts that Postgres missed": {
        "task": "strategies.tasks.record_flags",
        "schedule": 5.0,
        "options": {"queue": "venue", "expires": 5.0},
    },
    "forget old answers to retried requests": {
        "task": "accounts.tasks.forget_idempotent_requests",
        "schedule": 3600.0,
    },
}
