"""manifest.json: what a package holds, how it was chosen, and the SHA-256 of each file.

Stable English, for machines and for people who check a package years later. No time but the snapshot and the request,
so that a resumed export has the same manifest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from compliance.audit import plain
from compliance.exports import criteria
from compliance.models import Export
from compliance.packages import Described

NAME = "manifest.json"
GENERATOR = "Texting Hub export, format 1"
NOTES = {
    "times": "UTC, ISO 8601. Every row says what was known at snapshot_at.",
    "messages.csv": "UTF-8 with byte order mark, CRLF, RFC 4180. A cell that begins with an apostrophe has had it put "
    "there, so that no spreadsheet computes the cell: take one apostrophe off to get the original.",
    "messages.jsonl": "One JSON object a line, UTF-8, everything outside ASCII escaped.",
    "errors.csv": "Messages that could not be told, with a code. Empty but for its header when there are none.",
}


def manifest_of(export: Export, counts: Mapping[str, int], files: Mapping[str, Described]) -> dict[str, Any]:
    """The manifest, JSON-ready."""
    chosen = criteria(export)
    chosen.pop("name")
    return {
        "generator": GENERATOR,
        "export": {
            "id": str(export.pk),
            "name": export.name,
            "organization": {"id": str(export.organization_id), "name": export.organization.name},
            "requested_by": export.requested_by.email,
            "requested_at": plain(export.created_at),
        },
        "criteria": chosen,
        "snapshot_at": plain(export.snapshot_at),
        "counts": dict(counts),
        "files": [{"name": name, **asdict(described)} for name, described in files.items()],
        "notes": NOTES,
    }


def encoded(manifest: Mapping[str, Any]) -> bytes:
    """The file's bytes."""
    return json.dumps(manifest, indent=2, ensure_ascii=True).encode("ascii") + b"\n"
