"""Why a registration that was submitted does not count: suspended, expired, rejected, with the registry's reason.

It changes no state (facts.py, the rules), only the sentence and the remedy of `registration` and `number_campaign`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from django.db.models import F
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from provisioning.models import Brand, Campaign, PhoneNumber
from provisioning.models.registration import BrandStatus, CampaignStatus

_SENTENCES: Final[dict[str, tuple[str | Promise, str | Promise]]] = {
    "brand_suspended": (
        gettext_lazy("The registry suspended the 10DLC brand: %(reason)s. Texts can arrive, but none can be sent"),
        gettext_lazy("The registry suspended the 10DLC brand. Texts can arrive, but none can be sent"),
    ),
    "campaign_suspended": (
        gettext_lazy("The registry suspended the 10DLC campaign: %(reason)s. Texts can arrive, but none can be sent"),
        gettext_lazy("The registry suspended the 10DLC campaign. Texts can arrive, but none can be sent"),
    ),
    "campaign_expired": (
        gettext_lazy("The 10DLC campaign has expired: %(reason)s. Texts can arrive, but none can be sent"),
        gettext_lazy("The 10DLC campaign has expired. Texts can arrive, but none can be sent"),
    ),
    "brand_rejected": (
        gettext_lazy("The registry rejected the 10DLC brand: %(reason)s. Texts can arrive, but none can be sent"),
        gettext_lazy("The registry rejected the 10DLC brand. Texts can arrive, but none can be sent"),
    ),
    "campaign_rejected": (
        gettext_lazy("The registry rejected the 10DLC campaign: %(reason)s. Texts can arrive, but none can be sent"),
        gettext_lazy("The registry rejected the 10DLC campaign. Texts can arrive, but none can be sent"),
    ),
}
"""The gravest first; each with the registry's reason, and without."""
_GRAVITY: Final = {code: place for place, code in enumerate(_SENTENCES)}
_BRANDS: Final = {BrandStatus.SUSPENDED.value: "brand_suspended", BrandStatus.REJECTED.value: "brand_rejected"}
_CAMPAIGNS: Final = {
    CampaignStatus.SUSPENDED.value: "campaign_suspended",
    CampaignStatus.EXPIRED.value: "campaign_expired",
    CampaignStatus.REJECTED.value: "campaign_rejected",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """What the registry did, and its reason (one line, "" where it gave none)."""

    code: str
    reason: str

    @property
    def sentence(self) -> str:
        """For users and administrators alike, without a full stop at the end."""
        with_reason, without = _SENTENCES[self.code]
        return str(with_reason) % {"reason": self.reason} if self.reason else str(without)

    @property
    def remedy(self) -> str:
        if self.code.endswith("_suspended"):
            return _("Waiting texts go out if it is lifted within 24 hours. A full administrator asks the provider.")
        if self.code.endswith("_expired"):
            return _("A full administrator submits the campaign again under 10DLC registration.")
        return _("A full administrator corrects it under 10DLC registration, then submits it again.")


def of_number(number: PhoneNumber | None) -> Trouble | None:
    """Of the campaign that a number is linked to, read with its brand; only rows of the number's organization count."""
    campaign = number.campaign if number is not None else None
    if number is None or campaign is None or campaign.organization_id != number.organization_id:
        return None
    if campaign.brand.organization_id != campaign.organization_id:
        return None
    found = [_of_brand(campaign.brand), _of_campaign(campaign)]
    return _gravest(trouble for trouble in found if trouble is not None)


def of_numbers(user_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Trouble]:
    """The same for the numbers of these users; one query."""
    numbers = PhoneNumber.objects.select_related("campaign__brand").filter(
        user_id__in=list(user_ids), organization_id=F("user__organization_id"), campaign__isnull=False
    )
    found = {number.user_id: of_number(number) for number in numbers if number.user_id is not None}
    return {user_id: trouble for user_id, trouble in found.items() if trouble is not None}


def of_organizations(organization_ids: Iterable[uuid.UUID]) -> Mapping[uuid.UUID, Trouble]:
    """The gravest of each organization's brands and campaigns, of two alike the newest; two queries."""
    ids = list(organization_ids)
    found: dict[uuid.UUID, Trouble] = {}
    brands = Brand.objects.filter(organization_id__in=ids, status__in=_BRANDS)
    campaigns = Campaign.objects.filter(
        organization_id__in=ids, status__in=_CAMPAIGNS, brand__organization_id=F("organization_id")
    )
    rows: list[Brand | Campaign] = [*brands, *campaigns]
    # By when it was made: ids are UUIDv7. The last one stays.
    for row in sorted(rows, key=lambda row: row.pk):
        trouble = _of_brand(row) if isinstance(row, Brand) else _of_campaign(row)
        known = [found[row.organization_id]] if row.organization_id in found else []
        gravest = _gravest([trouble, *known] if trouble is not None else known)
        if gravest is not None:
            found[row.organization_id] = gravest
    return found


def _of_brand(brand: Brand) -> Trouble | None:
    return Trouble(_BRANDS[brand.status], brand.reason) if brand.status in _BRANDS else None


def _of_campaign(campaign: Campaign) -> Trouble | None:
    return Trouble(_CAMPAIGNS[campaign.status], campaign.reason) if campaign.status in _CAMPAIGNS else None


def _gravest(troubles: Iterable[Trouble]) -> Trouble | None:
    """The first of those that are alike."""
    return min(troubles, key=lambda trouble: _GRAVITY[trouble.code], default=None)
