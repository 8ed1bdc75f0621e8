"""What is handed in: a brand or a campaign as one JSON document, frozen with its submission."""

from __future__ import annotations

from typing import Any

from provisioning.models import Brand, Campaign
from provisioning.registration.checks import keywords
from provisioning.registration.drafts import BRAND_FIELDS, CAMPAIGN_FIELDS

_KEPT_HERE = ("name", "opt_in_message_fr", "opt_out_message_fr", "help_message_fr")
"""Ours alone: the registry knows no such fields."""


def document_of(row: Brand | Campaign, callback_url: str) -> dict[str, Any]:
    """The document, with the registry's id of an earlier submission, which it then corrects instead of adding one."""
    if isinstance(row, Brand):
        fields = {name: getattr(row, name) for name in BRAND_FIELDS}
    else:
        fields = {name: getattr(row, name) for name in CAMPAIGN_FIELDS if name not in _KEPT_HERE}
        fields |= {name: keywords(getattr(row, name)) for name in fields if name.endswith("_keywords")}
        fields |= {"brand_id": row.brand.registry_id}
    return {**fields, "registry_id": row.registry_id, "callback_url": callback_url}
