"""Two people at one page: what the second one saw, told apart from what stands there now.

A form carries the fingerprint of the values it was opened with. If it is another one when the form comes back, someone
else saved meanwhile: refused with `changed_meanwhile`, what was typed stays, and saving once more is a decision.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from provisioning.refusals import Refusal


def fingerprint(values: Mapping[str, Any]) -> str:
    """A short digest of values that JSON can hold, or that say themselves as text."""
    plain = json.dumps(values, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()[:32]


def refuse_if_changed(values: Mapping[str, Any], seen: str | None) -> None:
    """`seen` None: whoever asks did not look first (the API changes only the fields it names).

    Refusal (409): `changed_meanwhile`.
    """
    if seen is not None and seen != fingerprint(values):
        raise Refusal(
            "changed_meanwhile",
            _("Someone else changed this while you had the page open. Nothing you typed is lost: check it, then save."),
            http_status=409,
        )
