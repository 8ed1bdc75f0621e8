"""The request log names pages, never what a person searched for on them."""

from __future__ import annotations

import json
import logging

import pytest
from django.conf import settings
from django.test import Client


def test_a_search_leaves_no_words_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.setFormatter(_formatter())
    with caplog.at_level(logging.INFO, logger="django_structlog"):
        Client().get("/healthz?q=the+biopsy+result")
    lines = [json.loads(line) for line in caplog.text.splitlines()]
    assert {line["request"] for line in lines} == {"GET /healthz"}
    assert "biopsy" not in caplog.text


def _formatter() -> logging.Formatter:
    """The one that settings give to every handler."""
    chosen = dict(settings.LOGGING["formatters"]["json"])
    made: logging.Formatter = chosen.pop("()")(**chosen)
    return made
