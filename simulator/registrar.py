"""The registry itself: takes brands and campaigns, reviews them, tells the hub what it decided.

What it took is committed before anything is answered; what a behaviour says of the answer comes after that. Nothing is
deduplicated: two rows with one reference are a double submission, and a test sees them.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from simulator.carrier import Carrier, the_carrier
from simulator.models import Delivery, Registration, RegistryRule
from simulator.reviewer import REASONS, review

REVIEW_SECONDS = 3.0
RENEWED_FOR = timedelta(days=90)


class Reply(StrEnum):
    """What the hub sees of its request."""

    TAKEN = "taken"
    REFUSED = "refused"
    NOT_TAKEN = "not_taken"
    ERROR = "error"
    SILENCE = "silence"
    HANG_UP = "hang_up"


class Verdict(StrEnum):
    """What becomes of a registration that was taken."""

    REVIEW = "review"
    APPROVE = "approve"
    REJECT = "reject"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Treatment:
    """One way to treat a submission."""

    key: str
    label: str | Promise
    hint: str | Promise
    takes: bool
    reply: Reply
    verdict: Verdict = Verdict.REVIEW


TREATMENTS = {
    treatment.key: treatment
    for treatment in (
        Treatment(
            "review", gettext_lazy("Review"), gettext_lazy("Approves or rejects after 3 seconds, by what is written"),
            takes=True, reply=Reply.TAKEN,
        ),
        Treatment(
            "hold", gettext_lazy("Leave pending"), gettext_lazy("Until you decide below"),
            takes=True, reply=Reply.TAKEN, verdict=Verdict.HOLD,
        ),
        Treatment(
            "approve", gettext_lazy("Approve"), gettext_lazy("Whatever is written"),
            takes=True, reply=Reply.TAKEN, verdict=Verdict.APPROVE,
        ),
        Treatment(
            "reject", gettext_lazy("Reject"), gettext_lazy("With the reason chosen below"),
            takes=True, reply=Reply.TAKEN, verdict=Verdict.REJECT,
        ),
        Treatment(
            "refuse", gettext_lazy("Refuse at once"), gettext_lazy("HTTP 422 with the reason chosen below"),
            takes=False, reply=Reply.REFUSED,
        ),
        Treatment(
            "not_taken", gettext_lazy("Unavailable"), gettext_lazy("HTTP 503; nothing is taken"),
            takes=False, reply=Reply.NOT_TAKEN,
        ),
        Treatment(
            "error_after_taking", gettext_lazy("Error after taking"), gettext_lazy("HTTP 500, and yet it is taken"),
            takes=True, reply=Reply.ERROR,
        ),
        Treatment(
            "timeout_after_taking", gettext_lazy("Timeout after taking"),
            gettext_lazy("Never answers, and yet it is taken"), takes=True, reply=Reply.SILENCE,
        ),
        Treatment(
            "timeout", gettext_lazy("Timeout without taking"), gettext_lazy("Never answers; nothing is taken"),
            takes=False, reply=Reply.SILENCE,
        ),
        Treatment(
            "dropped_after_taking", gettext_lazy("Connection dropped after taking"),
            gettext_lazy("Hangs up, and yet it is taken"), takes=True, reply=Reply.HANG_UP,
        ),
    )
}  # fmt: skip
DEFAULT = TREATMENTS["review"]
STEPS = {
    Registration.BRAND: ("verified", "rejected", "suspended"),
    Registration.CAMPAIGN: ("active", "rejected", "suspended", "expired"),
}
"""What can be decided of each kind, by hand."""


class UnknownDecisionError(Exception):
    """There is no such registration, or it cannot be decided like this."""


class Registrar:
    """One a process, on the event loop, beside the carrier, whose ledger and courier it uses."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier

    async def rule(self) -> RegistryRule:
        """What the next submission gets."""
        return await RegistryRule.objects.filter(pk=1).afirst() or RegistryRule(pk=1, treatment=DEFAULT.key)

    async def set_rule(self, treatment: Treatment, reason: str, remaining: int | None, lag: float) -> None:
        """What happens to the next submissions; `lag` is how many seconds lookups are behind."""
        row = RegistryRule(pk=1, treatment=treatment.key, reason=reason, remaining=remaining, lag=lag)
        await self._carrier.ledger.change(row.save)
        self._carrier.log.add(format_html(_("Registry set to {}"), treatment.label))

    async def spend(self) -> tuple[Treatment, str]:
        """The treatment of one submission that is here now, and the reason that goes with it; counts down."""
        rule = await self.rule()
        treatment, reason = TREATMENTS[rule.treatment], rule.reason
        if rule.remaining is not None:
            rule.remaining -= 1
            if rule.remaining <= 0:
                rule.treatment, rule.remaining = DEFAULT.key, None
            await self._carrier.ledger.change(rule.save)
        return treatment, reason

    async def take(
        self, kind: str, reference: str, document: Mapping[str, Any], treatment: Treatment, reason: str
    ) -> Registration:
        """Commit one submission, and what will be said of it."""
        row = Registration(
            kind=kind, reference=reference, document=dict(document), at=timezone.now(),
            registry_id=str(document.get("registry_id") or new_registry_id(kind)),
            callback_url=str(document.get("callback_url") or settings.REGISTRY_WEBHOOK_URL),
            step="pending", step_at=timezone.now(),
        )  # fmt: skip
        owed = await self._verdict(row, treatment, reason)
        await self._carrier.ledger.insert([row, *owed])
        self._carrier.courier.owe(owed)
        self._carrier.log.add(format_html(_("Registry took <code>{}</code>"), row.registry_id))
        return row

    async def _verdict(self, row: Registration, treatment: Treatment, reason: str) -> list[Delivery]:
        """The decision that follows by itself, on the row and as a webhook."""
        if treatment.verdict is Verdict.HOLD:
            return []
        objections = []
        if treatment.verdict is Verdict.REJECT:
            objections = [objection(reason)]
        elif treatment.verdict is Verdict.REVIEW:
            objections = review(row.kind, row.document, await _names_of_brand(row))
        at = row.at + timedelta(seconds=REVIEW_SECONDS * settings.PACE)
        return [decide_on(row, "rejected" if objections else STEPS[row.kind][0], objections, at)]

    async def decide(self, reference: str, step: str, reasons: list[dict[str, str]]) -> None:
        """By hand, now, about the newest submission under this reference."""
        row = await Registration.objects.filter(reference=reference).order_by("-id").afirst()
        if row is None or step not in STEPS[row.kind]:
            raise UnknownDecisionError
        delivery = decide_on(row, step, reasons, timezone.now())
        await self._carrier.ledger.insert([delivery])
        await self._carrier.ledger.change(row.save)
        self._carrier.courier.owe([delivery])
        self._carrier.log.add(format_html(_("Registry decided <code>{}</code>: {}"), row.registry_id, step))


async def _names_of_brand(row: Registration) -> list[str]:
    """What the brand of a campaign calls itself."""
    brands = Registration.objects.filter(kind=Registration.BRAND, registry_id=str(row.document.get("brand_id", "")))
    brand = await brands.order_by("-id").afirst()
    document = brand.document if brand is not None else {}
    return [str(document[name]) for name in ("legal_name", "dba") if document.get(name)]


def new_registry_id(kind: str) -> str:
    """B or C and six characters, as the registry's ids are."""
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    return kind[0].upper() + "".join(secrets.choice(letters) for _place in range(6))


def objection(code: str) -> dict[str, str]:
    code = code if code in REASONS else next(iter(REASONS))
    return {"code": code, "text": str(REASONS[code])}


def decide_on(row: Registration, step: str, reasons: list[dict[str, str]], at: datetime) -> Delivery:
    """Change the row in memory, and the webhook that says so."""
    row.step, row.step_at, row.reasons = step, at, reasons
    if step == "active":
        row.expires_at = at + RENEWED_FOR
    event = {"type": f"{row.kind}.{step}", "event_id": f"evt-{secrets.token_hex(8)}", **described(row)}
    label = format_html(_("Decision {} on <code>{}</code>"), step, row.registry_id)
    return Delivery(url=row.callback_url, event=json.dumps(event), label=label, due_at=at, signer=Delivery.REGISTRY)


def described(row: Registration) -> dict[str, Any]:
    """A registration as webhooks and lookups tell of it."""
    told: dict[str, Any] = {
        "reference": row.reference, "id": row.registry_id, "status": row.step, "at": row.step_at.isoformat(),
        "reasons": row.reasons,
    }  # fmt: skip
    if row.step == "verified":
        told |= {"tier": "sole" if row.document.get("entity_type") == "sole_proprietor" else "low_mid"}
    if row.step == "active" and row.expires_at is not None:
        told |= {"expires_at": row.expires_at.isoformat(), "throughput_class": _message_class(row)}
    return told


def _message_class(row: Registration) -> str:
    return {"low_volume": "T", "sole_proprietor": "W", "mixed": "F"}.get(str(row.document.get("use_case")), "E")


async def known(reference: str, lag: float) -> Registration | None:
    """What a lookup sees: it is behind by `lag` seconds. A decision that is not due yet has not been made."""
    now = timezone.now()
    row = await taken(reference).filter(at__lte=now - timedelta(seconds=lag)).order_by("-id").afirst()
    if row is not None and row.step_at > now:
        row.step, row.step_at, row.reasons = "pending", row.at, []
    return row


def taken(reference: str) -> QuerySet[Registration]:
    """Every submission that was truly taken under a reference."""
    return Registration.objects.filter(reference=reference)


@lru_cache(maxsize=1)
def the_registrar() -> Registrar:
    """The registry of this process."""
    return Registrar(the_carrier())
