"""The hub's Celery application with as many connections a relay as the benchmark asks for."""

from __future__ import annotations

import os

import django
from django.apps import apps

if not apps.ready:
    django.setup()

from messaging import relay
from texting_hub.celery import app

if wanted := os.environ.get("BENCH_CONNECTIONS"):
    relay.Relay.__init__.__kwdefaults__["connections"] = int(wanted)

__all__ = ["app"]
