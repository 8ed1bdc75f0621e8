"""Structured logs: ids, never bodies, never whole phone numbers."""

from __future__ import annotations

import re
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

_E164 = re.compile(r"\+\d{6,15}\b")
_FORBIDDEN = ("body", "text", "password", "token", "search_text")


def hide(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drop what must never be logged, and keep only the last two digits of a number."""
    for name in _FORBIDDEN:
        event.pop(name, None)
    if isinstance(event.get("request"), str):
        event["request"] = event["request"].partition("?")[0]  # what a person searched for is content, too
    return {name: _mask(value) if isinstance(value, str) else value for name, value in event.items()}


def _mask(value: str) -> str:
    return _E164.sub(lambda found: "+…" + found.group()[-2:], value)


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    hide,
]


def logging_settings(level: str) -> dict[str, Any]:
    """The LOGGING setting; also sets structlog up for the process."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processor": structlog.processors.JSONRenderer(),
                "foreign_pre_chain": _SHARED,
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {"httpx": {"level": "WARNING"}, "uvicorn.access": {"level": "WARNING"}},
    }
