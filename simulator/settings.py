"""Settings of the carrier simulator, read from the environment.

SIMULATOR_DATA            folder of its database (set by `python -m simulator --data`)
SIMULATOR_API_KEY         the bearer token that the hub must send
SIMULATOR_WEBHOOK_SECRET  signs what the simulator posts to the hub
SIMULATOR_WEBHOOK_URL     where texts from the phones go
SIMULATOR_REGISTRY_KEY    the bearer token with which the hub hands in brands and campaigns
SIMULATOR_REGISTRY_SECRET signs what the registry posts to the hub
SIMULATOR_REGISTRY_WEBHOOK_URL  where the registry's decisions go that came without an address
SIMULATOR_HUB_URL         the hub's address, for the link back
SIMULATOR_ALLOWED_HOSTS   host names it answers to, comma-separated (absent: the loopback names)
SIMULATOR_TIME_ZONE       the phones' clock (absent: the demonstration organization's)
SIMULATOR_PACE            multiplies every delay: 0.1 is ten times as fast
SIMULATOR_HOLD_SECONDS    how long a request that times out is held
"""

from __future__ import annotations

import secrets
from pathlib import Path

import environ

FOLDER = Path(__file__).resolve().parent
env = environ.Env()

DATA = Path(env.str("SIMULATOR_DATA", default=str(FOLDER.parent / ".hub" / "simulator"))).resolve()
API_KEY = env.str("SIMULATOR_API_KEY", default="")
WEBHOOK_SECRET = env.str("SIMULATOR_WEBHOOK_SECRET", default="")
WEBHOOK_URL = env.str("SIMULATOR_WEBHOOK_URL", default="")
REGISTRY_KEY = env.str("SIMULATOR_REGISTRY_KEY", default="")
REGISTRY_SECRET = env.str("SIMULATOR_REGISTRY_SECRET", default="")
REGISTRY_WEBHOOK_URL = env.str("SIMULATOR_REGISTRY_WEBHOOK_URL", default="")
HUB_URL = env.str("SIMULATOR_HUB_URL", default="")
PACE = env.float("SIMULATOR_PACE", default=1.0)
HOLD_SECONDS = env.float("SIMULATOR_HOLD_SECONDS", default=30.0)

SECRET_KEY = secrets.token_urlsafe(48)
"""Nothing that must outlive the process is signed with it."""
DEBUG = False
ALLOWED_HOSTS = env.list("SIMULATOR_ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
ROOT_URLCONF = "simulator.urls"
INSTALLED_APPS = ["simulator", "django.contrib.staticfiles"]
MIDDLEWARE = [
    "simulator.security.headers",
    "django.middleware.csrf.CsrfViewMiddleware",
]
CSRF_COOKIE_NAME = "simulator_csrf"
"""Cookies know no ports: the hub on the same host has one of its own."""
CSRF_COOKIE_SAMESITE = "Strict"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA / "simulator.sqlite3",
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "/static/"
STATICFILES_DIRS = [FOLDER.parent / "texting_hub" / "static"]
"""The handset wears the hub's stylesheet: a path, not an import."""

LANGUAGE_CODE = "en-us"
USE_TZ = True
TIME_ZONE = env.str("SIMULATOR_TIME_ZONE", default="America/Los_Angeles")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
}
