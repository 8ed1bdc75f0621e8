"""Where a brand or campaign stands, in words: the pill, what to do next, the timeline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from provisioning.models import Brand, Campaign, EventSource, RegistrationEvent, SubmissionState
from provisioning.registration.checks import problems_of
from provisioning.registration.renewals import WARN_BEFORE

PILLS: Final = {
    "verified": "pill-ok", "active": "pill-ok", "rejected": "pill-err", "suspended": "pill-err",
    "expired": "pill-err", "submitting": "pill-info", "pending": "pill-info",
}  # fmt: skip
STEPS: Final[dict[str, str | Promise]] = {
    "draft": gettext_lazy("Draft begun"),
    "submitting": gettext_lazy("Submitted"),
    "pending": gettext_lazy("Taken by the registry, pending"),
    "verified": gettext_lazy("Verified"),
    "active": gettext_lazy("Approved, active"),
    "rejected": gettext_lazy("Rejected"),
    "suspended": gettext_lazy("Suspended"),
    "expired": gettext_lazy("Expired"),
    "not_taken": gettext_lazy("Did not reach the registry: a draft again, nothing was charged"),
}
_ICONS: Final = {
    "verified": "ok", "active": "ok", "rejected": "err", "suspended": "err", "expired": "err", "not_taken": "warn",
    "submitting": "send",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a timeline."""

    label: str
    icon: str
    at: datetime
    by: str
    reasons: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Next:
    """What to do now. `kind` is the banner's class in hub.css."""

    kind: str
    title: str
    text: str


def timeline(row: Brand | Campaign) -> list[Step]:
    """Everything that happened, newest first; one query."""
    events = row.events.order_by("-at", "-noted_at", "-pk")
    return [_step(event) for event in events]


def _step(event: RegistrationEvent) -> Step:
    by = {
        EventSource.REGISTRY: _("The registry"),
        EventSource.OPERATOR: _("Your provider"),
        EventSource.HUB: _("Texting Hub"),
    }.get(EventSource(event.source), event.actor_label.partition(" <")[0])
    label = str(STEPS.get(event.step, event.step))
    return Step(label, _ICONS.get(event.step, "clock"), event.at, by, event.reasons)


def next_step(row: Brand | Campaign) -> Next:
    """The banner of the row's page."""
    found = _OF_BRANDS.get(row.status) if isinstance(row, Brand) else _OF_CAMPAIGNS.get(row.status)
    if row.status == "draft":
        return _of_draft(row)
    if row.status == "submitting":
        return _of_submission(row)
    ends_at = row.expires_at if isinstance(row, Campaign) and row.status == "active" else None
    if ends_at is not None and ends_at - timezone.now() <= WARN_BEFORE:
        words = {"day": date_format(ends_at, "j F Y")}
        text = _("From then on its numbers send nothing. Ask your provider to renew it with the registry.")
        return Next("banner-warn", _("Active, to be renewed by %(day)s") % words, text)
    assert found is not None
    return Next(found[0], str(found[1]), str(found[2]))


def _of_draft(row: Brand | Campaign) -> Next:
    missing = len(problems_of(row))
    if missing:
        return Next("banner-plain", _("Not complete yet"), _("Some fields are not as the registry needs them."))
    if isinstance(row, Campaign) and row.brand.status != "verified":
        return Next("banner-plain", _("Waits for its brand"), _("It can be submitted once the brand is verified."))
    return Next("", _("Ready to be submitted"), _("The registry charges your provider for each submission."))


def _of_submission(row: Brand | Campaign) -> Next:
    submission = row.submission
    if submission is not None and submission.state == SubmissionState.WAITING and submission.trouble:
        text = _("It is tried again by itself. Nothing was charged yet.")
        return Next("banner-warn", _("The registry can’t be reached at the moment"), text)
    if submission is not None and submission.state == SubmissionState.SENDING and submission.looks:
        text = _("It did not answer in time, so it is asked what became of this. Nothing is sent twice.")
        return Next("banner-warn", _("Waiting for word from the registry"), text)
    return Next("", _("On its way to the registry"), _("This page shows its answer within seconds."))


_Words = dict[str, tuple[str, Any, Any]]
_OF_BRANDS: Final[_Words] = {
    "pending": ("", gettext_lazy("With the registry"), gettext_lazy("A brand takes 1 to 2 hours. You get a mail.")),
    "verified": ("banner-ok", gettext_lazy("Verified"), gettext_lazy("Register a campaign for what you text.")),
    "rejected": (
        "banner-err", gettext_lazy("Rejected by the registry"),
        gettext_lazy("Correct what it names, then submit the brand again."),
    ),
    "suspended": (
        "banner-err", gettext_lazy("Suspended by the registry"),
        gettext_lazy(
            "None of its campaigns can send. Waiting texts go out if it is lifted within 24 hours. "
            "Ask your provider what the registry wants changed."
        ),
    ),
}  # fmt: skip
_OF_CAMPAIGNS: Final[_Words] = {
    "pending": (
        "", gettext_lazy("With the registry"), gettext_lazy("A campaign takes 1 to 2 business days. You get a mail."),
    ),
    "active": ("banner-ok", gettext_lazy("Active"), gettext_lazy("Numbers that are linked to it can send texts.")),
    "rejected": (
        "banner-err", gettext_lazy("Rejected by the registry"),
        gettext_lazy("Correct what it names, then submit the campaign again."),
    ),
    "suspended": (
        "banner-err", gettext_lazy("Suspended by the registry"),
        gettext_lazy(
            "Its numbers send nothing. Waiting texts go out if it is lifted within 24 hours. "
            "Ask your provider what the registry wants changed."
        ),
    ),
    "expired": (
        "banner-err", gettext_lazy("Expired"),
        gettext_lazy("Its numbers send nothing. Submit it again, or ask your provider to renew it."),
    ),
}  # fmt: skip
