"""The search and filters of the Users list."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from provisioning.enablement import Source
from provisioning.models import Location
from provisioning.models.choices import fold
from provisioning.standing_words import STATUSES

if TYPE_CHECKING:
    LocationChoiceField = forms.ModelChoiceField[Location]
else:
    LocationChoiceField = forms.ModelChoiceField


class UsersFilter(forms.Form):
    """Search, filters, order and place of the Users list, all in the address. What is unknown is left out."""

    q = forms.CharField(required=False, max_length=200)
    location = LocationChoiceField(Location.objects.none(), required=False, empty_label=_("All locations"))
    status = forms.ChoiceField(
        required=False,
        choices=[
            ("", _("Any status")), ("on", _("On")), ("off", _("Off")), ("not_eligible", _("Not eligible")),
        ],
    )  # fmt: skip
    source = forms.ChoiceField(
        required=False,
        choices=[
            ("", _("Any source")),
            (Source.ORGANIZATION.value, _("Organization default")),
            (Source.LOCATION.value, _("Location")),
            (Source.USER.value, _("Override")),
        ],
    )
    sort = forms.ChoiceField(required=False, choices=[("", ""), ("-name", "")])
    after = forms.UUIDField(required=False)
    before = forms.UUIDField(required=False)

    def __init__(self, *args: Any, locations: QuerySet[Location], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["location"]
        field.queryset = locations
        for name in ("location", "status", "source"):
            self.fields[name].widget.attrs["class"] = "input"

    @property
    def _values(self) -> dict[str, Any]:
        return getattr(self, "cleaned_data", {})

    @property
    def descending(self) -> bool:
        return bool(self._values.get("sort"))

    @property
    def narrows(self) -> bool:
        """Whether anything is searched or filtered."""
        return any(self._values.get(name) for name in ("q", "location", "status", "source"))

    def cursor(self, name: str) -> uuid.UUID | None:
        """`after` or `before`."""
        return self._values.get(name)

    def narrow(self, users: QuerySet[Any]) -> QuerySet[Any]:
        """`users` comes from annotate_standing(), which adds what is filtered by."""
        values = self._values
        if values.get("q"):
            users = users.filter(matching(values["q"]))
        if values.get("location"):
            users = users.filter(location=values["location"])
        if values.get("status"):
            users = users.filter(STATUSES[values["status"]])
        if values.get("source"):
            users = users.filter(enablement_source=values["source"])
        return users


def matching(typed: str) -> Q:
    """Every word in the name or e-mail address, without regard to case; or the digits in the primary number."""
    words = Q()
    for word in fold(typed).split():
        words &= Q(search_text__contains=word)
    digits = re.sub(r"\D", "", typed)
    if len(digits) >= 3 and not re.search(r"[^\d\s()+./-]", typed):
        return words | Q(primary_number__e164__contains=digits)
    return words
