"""Purge certificates: what one run did, sealed by a digest that links it to the organization's previous one.

A certificate has no content. It is recomputed from the run's row by anyone: SHA-256, in hex, over the certificate as
canonical JSON (sorted keys, no blanks), which names the digest of the one before. `deleted_digest` is a fold over
the ids of the deleted messages in the order in which they went, starting from the empty string:
SHA-256(previous digest as text + id as text), so a run that was killed and taken up again ends with the same one.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable
from typing import Any

from compliance.audit import plain
from compliance.models import PurgeRun


def fold(digest: str, ids: Iterable[uuid.UUID]) -> str:
    """The running digest after these ids went too."""
    for identifier in ids:
        digest = hashlib.sha256(f"{digest}{identifier}".encode("ascii")).hexdigest()
    return digest


def certificate(run: PurgeRun) -> dict[str, Any]:
    """What is sealed, JSON-ready."""
    return {
        "organization_id": str(run.organization_id),
        "night": run.night.isoformat(),
        "cutoff": plain(run.cutoff),
        "started_at": plain(run.started_at),
        "finished_at": plain(run.finished_at),
        "messages_deleted": run.messages_deleted,
        "receipts_deleted": run.receipts_deleted,
        "messages_kept": run.messages_kept,
        "messages_unfinished": run.messages_unfinished,
        "deleted_digest": run.running_digest,
        "previous_digest": run.previous.digest if run.previous else "",
        **({"after_restore": True} if run.after_restore else {}),
    }


def seal(run: PurgeRun) -> str:
    """The digest of the certificate."""
    canonical = json.dumps(certificate(run), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()
