"""JSON Lines for machines: one object a line, UTF-8, LF.

Everything outside ASCII is escaped, so that no reader splits a line at a character inside a text (U+2028, U+0085).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def line(record: Mapping[str, Any]) -> bytes:
    """One record."""
    return json.dumps(record, separators=(",", ":"), ensure_ascii=True).encode("ascii") + b"\n"
