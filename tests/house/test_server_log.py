"""Gunicorn's and uvicorn's own lines are as all others: JSON, without what a request asked for or an error says."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from gunicorn.config import Config

from texting_hub.server_log import ServerLog
from texting_hub.up.words import ROOT

ASKED = "/api/v1/contacts?q=biopsy+%2B14155550122&page=2"
SAID = "the biopsy result of +14155550122"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[ServerLog]:
    config = Config()
    config.set("errorlog", str(tmp_path / "log"))
    made = ServerLog(config)
    yield made
    for handler in [one for one in made.error_log.handlers if isinstance(one, logging.FileHandler)]:
        made.error_log.removeHandler(handler)
        handler.close()


def lines(log: ServerLog) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(log.cfg.errorlog).read_text().splitlines()]


def test_a_request_that_failed_is_told_without_its_words(log: ServerLog) -> None:
    try:
        raise ValueError(SAID)
    except ValueError:
        log.exception("Error handling request %s %s", "GET", ASKED)
    (line,) = lines(log)
    assert line["event"] == "Error handling request GET /api/v1/contacts?…"
    assert (line["level"], line["logger"]) == ("error", "gunicorn.error")
    assert "ValueError" in line["exception"]
    assert not re.search("biopsy|555", json.dumps(line))


@pytest.mark.parametrize("told", [
    f"Invalid request from ip=203.0.113.7: Invalid HTTP request line: 'GET {ASKED} HTTP/9'",
    "Invalid request from ip=203.0.113.7: Invalid HTTP request line: 'GET /contacts/+14155550122 HTTP/9'",
])  # fmt: skip
def test_a_request_that_can_not_be_read_too(log: ServerLog, told: str) -> None:
    log.warning(told)
    (line,) = lines(log)
    assert "203.0.113.7" in line["event"]
    assert not re.search("biopsy|555", line["event"])


def test_a_start_is_a_line_of_json(log: ServerLog) -> None:
    log.info("Booting worker with pid: %s", 12)
    assert [line["event"] for line in lines(log)] == ["Booting worker with pid: 12"]


def test_production_starts_gunicorn_with_it() -> None:
    assert '"--logger-class", "texting_hub.server_log.ServerLog"' in (ROOT / "Dockerfile").read_text()


def test_uvicorn_leaves_its_lines_to_ours() -> None:
    """Settings are read after uvicorn set its own handlers up; test_by_hand.py reads what it then writes."""
    assert settings.LOGGING["loggers"]["uvicorn"] == {"handlers": [], "propagate": True}
