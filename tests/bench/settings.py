"""The hub's settings, with the naive relay's receipts beside the hub's own addresses."""

from texting_hub.settings import *  # noqa: F403

ROOT_URLCONF = "tests.bench.urls"
