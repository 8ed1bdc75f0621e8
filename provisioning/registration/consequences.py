"""What follows when a brand or campaign stands elsewhere: alerts raised and cleared, good news mailed.

Bad news is an alert, which is mailed to full administrators once (provisioning/alerts.py). All of it is part of the
transaction that wrote the status. That nothing is sent any more needs no deed: the rules read the rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from provisioning import alert_words, mail
from provisioning.alert_words import Kind, Severity
from provisioning.alerts import clear_alert, raise_alert
from provisioning.models import Alert, Brand, Campaign, Role, User
from provisioning.models.registration import BrandStatus, CampaignStatus

_BAD: Final = {
    BrandStatus.REJECTED.value: "rejected",
    BrandStatus.SUSPENDED.value: "suspended",
    CampaignStatus.EXPIRED.value: "expired",
}
_GOOD: Final = (BrandStatus.VERIFIED.value, CampaignStatus.ACTIVE.value)
EXPIRING: Final = "campaign_expiring"


def _page(name: str) -> Any:
    def link(facts: Mapping[str, Any]) -> str:
        return reverse(name, args=[facts["id"]]) if facts.get("id") else reverse("registration")

    return link


_REMEDY_REJECTED: Final = gettext_lazy("Correct what the registry names, then submit it again.")
_REMEDY_SUSPENDED: Final = gettext_lazy(
    "Texts wait and go out if it is lifted within 24 hours. Ask your provider what the registry wants changed."
)
alert_words.register(
    Kind("brand_rejected", gettext_lazy("10DLC brand rejected"),
         gettext_lazy("The registry rejected the brand %(name)s: %(reason)s."),
         _REMEDY_REJECTED, link=_page("brand")),
    Kind("brand_suspended", gettext_lazy("10DLC brand suspended"),
         gettext_lazy("The registry suspended the brand %(name)s: %(reason)s. None of its campaigns can send."),
         _REMEDY_SUSPENDED, link=_page("brand")),
    Kind("campaign_rejected", gettext_lazy("10DLC campaign rejected"),
         gettext_lazy("The registry rejected the campaign %(name)s: %(reason)s."),
         _REMEDY_REJECTED, link=_page("campaign")),
    Kind("campaign_suspended", gettext_lazy("10DLC campaign suspended"),
         gettext_lazy("The registry suspended the campaign %(name)s: %(reason)s. Its numbers send nothing."),
         _REMEDY_SUSPENDED, link=_page("campaign")),
    Kind("campaign_expired", gettext_lazy("10DLC campaign expired"),
         gettext_lazy("The campaign %(name)s was not renewed by %(until)s. Its numbers send nothing."),
         gettext_lazy("Submit it again, or ask your provider to renew it."), link=_page("campaign")),
    Kind(EXPIRING, gettext_lazy("10DLC campaign expires soon"),
         gettext_lazy("The campaign %(name)s has to be renewed by %(until)s. From then on its numbers send nothing."),
         gettext_lazy("Ask your provider to renew it with the registry."), Severity.WARNING, link=_page("campaign")),
    Kind("registry_unavailable", gettext_lazy("Registry not reached"),
         gettext_lazy("The registry account %(account)s takes no submissions: %(trouble)s."),
         gettext_lazy("Check the address and the credentials of the account. What waits is sent by itself then.")),
    Kind("registration_lost", gettext_lazy("Submission without an answer"),
         gettext_lazy("The registry account %(account)s has not said what became of submission %(reference)s."),
         gettext_lazy("Ask the registry for it by this reference. It is not sent again by itself.")),
)  # fmt: skip


def follow(row: Brand | Campaign) -> None:
    """Clear what is no longer so, raise what now is. In the transaction that wrote the status."""
    kind = row._meta.model_name
    now_bad = f"{kind}_{_BAD[row.status]}" if row.status in _BAD else ""
    codes = [f"{kind}_{word}" for word in _BAD.values()] + [EXPIRING]
    key = f"{row.pk}:{row.submission_id.hex[:24] if row.submission_id else ''}"
    _clear(row, codes, key, now_bad)
    if now_bad:
        raise_alert(now_bad, row.organization, key=key, **facts_of(row))
    elif row.status in _GOOD:
        _tell(row)


def _clear(row: Brand | Campaign, codes: list[str], key: str, now_bad: str) -> None:
    """Every cause of this row but the one that is (still) so. A second rejection is a cause, and a mail, of its own."""
    open_ones = Alert.objects.filter(
        organization_id=row.organization_id, code__in=codes, key__startswith=str(row.pk), cleared_at__isnull=True
    )
    for alert in open_ones:
        if (alert.code, alert.key) != (now_bad, key):
            clear_alert(alert.code, row.organization, key=alert.key)


def facts_of(row: Brand | Campaign) -> dict[str, str]:
    """What the alerts' sentences name."""
    facts = {"id": str(row.pk), "name": _name(row), "reason": row.reason or _("it gave no reason")}
    if isinstance(row, Campaign) and row.expires_at is not None:
        facts["until"] = date_format(row.expires_at, "j M Y")
    return facts


def _name(row: Brand | Campaign) -> str:
    return row.name if isinstance(row, Campaign) else str(row)


def _tell(row: Brand | Campaign) -> None:
    """Mail full administrators that it went through."""
    if isinstance(row, Brand):
        subject = _("10DLC brand verified: %(name)s") % {"name": row}
        text = _("The registry verified the brand %(name)s. Next, register a campaign for what you text.")
    else:
        subject = _("10DLC campaign active: %(name)s") % {"name": _name(row)}
        text = _("The campaign %(name)s is active. Numbers that are linked to it can send texts.")
    page = settings.PUBLIC_URL + reverse(row._meta.model_name or "", args=[row.pk])
    kind = f"{row._meta.model_name}_{row.status}"
    words = f"{text % {'name': _name(row)}}\n\n{page}\n"
    mail.post_many([mail.Letter(person, kind, subject, words) for person in full_administrators(row.organization_id)])


def full_administrators(organization_id: Any) -> list[User]:
    """Whose work it is."""
    people = User.objects.filter(organization_id=organization_id, is_active=True)
    return list(people.filter(role_assignments__role=Role.FULL_ADMIN).distinct().order_by("pk"))
