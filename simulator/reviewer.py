"""The registry's reviewer: what it rejects, by what is written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

REASONS: dict[str, str | Promise] = {
    "601": _("The legal name and the tax id do not belong together."),
    "602": _("The website can’t be reached or does not show the business."),
    "701": _("No sample message names the business."),
    "702": _("The reply to STOP does not confirm the opt-out."),
    "703": _("The message flow does not say how people agree to be texted."),
    "704": _("The privacy policy is not at the business’s own website."),
    "801": _("Complaints about unwanted texts."),
    "802": _("Texts differ from the registered use case."),
}
"""What the registry objects to. 8xx are for campaigns that are suspended."""
_AGREES = re.compile(r"opt|agree|consent|sign|form|check|tick|ask", re.IGNORECASE)


def review(kind: str, document: Mapping[str, Any], names: list[str]) -> list[dict[str, str]]:
    """Objections, with the field each is about; empty: approved. `names` are those of a campaign's brand."""
    found = _brand(document) if kind == "brand" else _campaign(document, names)
    return [{"code": code, "text": str(REASONS[code]), "field": field} for code, field in found]


def _brand(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = []
    if str(document.get("tax_id", "")).endswith("0000"):
        found.append(("601", "tax_id"))
    if ".invalid" in str(document.get("website", "")):
        found.append(("602", "website"))
    return found


def _campaign(document: Mapping[str, Any], names: list[str]) -> list[tuple[str, str]]:
    found = []
    samples = " ".join(str(text) for text in document.get("samples") or []).casefold()
    if names and not any(_first_words(name) in samples for name in names):
        found.append(("701", "sample_1"))
    if not re.search(r"stop|opt|unsubscribed", str(document.get("opt_out_message", "")), re.IGNORECASE):
        found.append(("702", "opt_out_message"))
    if not _AGREES.search(str(document.get("message_flow", ""))):
        found.append(("703", "message_flow"))
    return found


def _first_words(name: str) -> str:
    """The name as people say it, without Inc. and the like."""
    return " ".join(re.sub(r"[,.]", " ", name).split()[:2]).casefold()
