"""Structured logs: ids, never bodies, never whole phone numbers.

What must never happen: a line quotes a text. So fields that could hold one are dropped at any depth; numbers are cut to
their last two digits however they are written; and of an exception only its type and place are logged, for a
database's error quotes the row it failed on, and a parser's the input. The few kinds that name only files, addresses
or attributes keep what they say.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.typing import EventDict, ExcInfo, WrappedLogger

_E164 = re.compile(r"(?:\+|%2[Bb])\d{6,15}\b")
_NATIONAL = re.compile(r"(?<![\w.-])(?:\+?1[ .-]?)?\(?[2-9]\d\d\)?[ .-]?[2-9]\d\d[ .-]?\d{4}(?![\w-])")
"""In the US and Canada: `(415) 555-0122`, `415.555.0122`, `1-415-555-0122`, `4155550122`."""
_FORBIDDEN = ("body", "bodies", "text", "raw", "password", "token", "search_text")
_LONGEST_CHAIN = 10
_SAYS_NO_WORDS = (OSError, ImportError, AttributeError, NameError, TypeError)


def hide(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drop what must never be logged, and keep only the last two digits of a number."""
    if isinstance(event.get("request"), str):
        event["request"] = event["request"].partition("?")[0]  # what a person searched for is content, too
    return {name: _hidden(value) for name, value in event.items() if name not in _FORBIDDEN}


def _hidden(value: Any) -> Any:
    """The same at any depth. What is no plain value is written as its type's own words, which are masked, too."""
    if isinstance(value, str):
        return _mask(value)
    if isinstance(value, Mapping):
        return {name: _hidden(inner) for name, inner in value.items() if name not in _FORBIDDEN}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_hidden(inner) for inner in value]
    return value if value is None or isinstance(value, (bool, int, float)) else _mask(str(value))


def _mask(value: str) -> str:
    return _NATIONAL.sub(_last_two, _E164.sub(_last_two, value))


def _last_two(found: re.Match[str]) -> str:
    return "+…" + found.group()[-2:]


def without_words(exc_info: ExcInfo) -> str:
    """Types and places of an exception and of what led to it, outermost last; what they say only where it is safe."""
    parts: list[str] = []
    error: BaseException | None = exc_info[1]
    while error is not None and len(parts) < _LONGEST_CHAIN:
        frames = traceback.format_list(traceback.extract_tb(error.__traceback__))
        said = f": {error}" if isinstance(error, _SAYS_NO_WORDS) else ""
        parts.append("".join(frames) + type(error).__qualname__ + said)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(reversed(parts))


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.ExceptionRenderer(without_words),
    hide,
]


_FORMATTER: dict[str, Any] = {
    "()": structlog.stdlib.ProcessorFormatter,
    "processor": structlog.processors.JSONRenderer(),
    "foreign_pre_chain": _SHARED,
}


def json_formatter() -> logging.Formatter:
    """What every handler formats with, for programs that set up their own (texting_hub/server_log.py)."""
    chosen = dict(_FORMATTER)
    made: logging.Formatter = chosen.pop("()")(**chosen)
    return made


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
        "formatters": {"json": _FORMATTER},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "httpx": {"level": "WARNING"},
            # Uvicorn has handlers of its own, which would write words of exceptions.
            "uvicorn": {"handlers": [], "propagate": True},
            "uvicorn.access": {"level": "WARNING"},
        },
    }
