"""Django's settings: one file, what differs per environment comes from `mexoms.environment`."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from mexoms.database_url import database_settings
from mexoms.environment import ROOT, environment, home

ENV = environment()

HOME = home()
DEBUG = ENV.debug
# Commands that need no secret (collectstatic, the simulator) run before there is one.
SECRET_KEY = ENV.secret_key.get_secret_value() or "only-for-commands-without-sessions"
if ENV.live and (DEBUG or not ENV.secret_key.get_secret_value()):
    raise ImproperlyConfigured("MEXOMS_LIVE refuses MEXOMS_DEBUG and needs MEXOMS_SECRET_KEY")
if ENV.venue == "production" and not ENV.live:
    raise ImproperlyConfigured("MEXOMS_VENUE=production trades real money and needs MEXOMS_LIVE=1")
ALLOWED_HOSTS = ENV.allowed_hosts.split(",")
CSRF_TRUSTED_ORIGINS = [f"http://{host}:{ENV.port}" for host in ALLOWED_HOSTS]

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "django_filters",
    "django_celery_beat",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "channels",
    "csp",
    "mexoms",
    "accounts",
    "risk",
    "trading",
    "strategies",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    # Opens the transaction in which row-level security sees the person's tenant.
    "accounts.middleware.TenantMiddleware",
    # Inside that transaction, so that an answer is kept exactly when its effects are.
    "mexoms.idempotency.IdempotencyMiddleware",
]

ROOT_URLCONF = "mexoms.urls"
WSGI_APPLICATION = "mexoms.wsgi.application"
ASGI_APPLICATION = "mexoms.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "mexoms" / "dashboard" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ]
        },
    }
]

DATABASES: dict[str, dict[str, Any]] = {"default": database_settings(ENV.database_url)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.authentication.PausingBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
DATETIME_FORMAT = "Y-m-d H:i:s"
DATE_FORMAT = "Y-m-d"

STATIC_URL = "/static/"
CHARTS = importlib.util.find_spec("litecharts")
assert CHARTS is not None
assert CHARTS.origin is not None
STATICFILES_DIRS: list[Any] = [
    ROOT / "mexoms" / "dashboard" / "static",
    ("charts", Path(CHARTS.origin).parent / "js"),
]
# Files are served straight from where they stand: no collectstatic before the first start.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": ENV.redis_url}}
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENV.live
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        # redis-py's default socket timeout of 5 s would end idle sockets.
        "CONFIG": {"hosts": [{"address": ENV.redis_url, "socket_timeout": None}], "capacity": 1000},
    }
}

# Celery's words for a socket and its database number.
CELERY_BROKER_URL = (
    ENV.redis_url.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
    if ENV.redis_url.startswith("unix://")
    else ENV.redis_url
)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.TokenAuthentication",
        "accounts.authentication.TenantSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.permissions.HasScope"],
    "DEFAULT_PAGINATION_CLASS": "mexoms.pagination.NewestFirstCursor",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "mexoms.error_map.exception_handler",
    "COERCE_DECIMAL_TO_STRING": True,
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "mExOms",
    "DESCRIPTION": "The desk's accounts, orders, positions and switches. Amounts are decimal strings.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    # Four things have a state; without names of their own the schema would number them.
    "ENUM_NAME_OVERRIDES": {
        "AccountState": "trading.api.rows.ACCOUNT_STATES",
        "CommandState": "trading.api.rows.COMMAND_STATES",
        "OrderState": "trading.api.rows.ORDER_STATES",
        "TradingState": "trading.api.kill_switches.STATES",
    },
}

CONTENT_SECURITY_POLICY = {
    # The API docs carry their own start script; everything else is 'self' alone.
    "EXCLUDE_URL_PREFIXES": ["/api/docs/", "/admin/"],
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "connect-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
    },
}

UNFOLD = {"SITE_TITLE": "mExOms", "SITE_HEADER": "mExOms", "SITE_URL": "/"}

# Where the processes of one host meet.
GATE_PATH = HOME / "risk" / "gate"
FLAGS_PATH = HOME / "risk" / "flags"
RATE_BUDGET_PATH = HOME / "rate_budget"
JOURNAL_PATH = HOME / "journal"
KEY_RING_PATH = ENV.key_ring or HOME / "keys" / "ring.json"
VENUES_CONFIG = ROOT / "configs" / "venues.yaml"
SIMULATOR_PORT = ENV.simulator_port
WEB_PORT = ENV.port

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": os.environ.get("MEXOMS_LOG_LEVEL", "INFO")},
}
