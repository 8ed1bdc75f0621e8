"""Which numbers of a campaign's page are shown, and which are chosen."""

from __future__ import annotations

import re
import uuid
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy

from provisioning.models import Campaign, PhoneNumber

LINKED, UNLINKED = "linked", "unlinked"


class NumbersFilter(forms.Form):
    """`show` is the campaign's numbers, or those of no campaign; `q` digits of a number, or a user's name."""

    show = forms.ChoiceField(required=False, choices=[(LINKED, ""), (UNLINKED, "")])
    q = forms.CharField(required=False, max_length=100, label=gettext_lazy("Search"))

    @property
    def shown(self) -> str:
        return UNLINKED if self.is_valid() and self.cleaned_data["show"] == UNLINKED else LINKED

    @property
    def words(self) -> str:
        return str(self.cleaned_data.get("q", "")).strip() if self.is_valid() else ""

    def numbers(self, campaign: Campaign) -> QuerySet[PhoneNumber]:
        """Numbers of the campaign's organization; those without a campaign only while they are active."""
        numbers = PhoneNumber.objects.filter(organization_id=campaign.organization_id)
        if self.shown == LINKED:
            found = numbers.filter(campaign=campaign)
        else:
            found = numbers.filter(campaign__isnull=True, active=True)
        return _matching(found, self.words).select_related("user", "location").order_by("e164")


def _matching(numbers: QuerySet[PhoneNumber], words: str) -> QuerySet[PhoneNumber]:
    digits = re.sub(r"[^0-9]", "", words)
    if digits:
        return numbers.filter(e164__contains=digits)
    return numbers.filter(user__search_text__contains=words.casefold()) if words else numbers


def chosen_ids(posted: QueryDict) -> list[uuid.UUID]:
    """The ticked numbers; what is no id is left out."""
    found = []
    for value in posted.getlist("number"):
        try:
            found.append(uuid.UUID(value))
        except ValueError:
            continue
    return found


def wants_all(posted: QueryDict) -> bool:
    return bool(posted.get("all"))


def query_of(filters: NumbersFilter) -> dict[str, Any]:
    """The filter as the end of an address."""
    return {name: value for name, value in (("show", filters.shown), ("q", filters.words)) if value}
