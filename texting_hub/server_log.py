"""Gunicorn's own lines (starts, workers that died, requests that it can't read): JSON as all others, and as silent.

Some quote a request as it came, so what stands behind a question mark is dropped: it is what a person searched for.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from gunicorn.glogging import Logger

from texting_hub.logs import json_formatter

_QUERY = re.compile(r"\?[^\s'\"]+")


class ServerLog(Logger):  # type: ignore[misc]
    """Gunicorn's `--logger-class`."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        formatter = json_formatter()
        for handler in (one for one in self.error_log.handlers if getattr(one, "_gunicorn", False)):
            handler.setFormatter(formatter)
            handler.addFilter(without_query)


def without_query(record: logging.LogRecord) -> bool:
    """Cut the queries out of a line, and let it pass."""
    record.msg, record.args = _QUERY.sub("?…", record.getMessage()), None
    return True
