"""What is chosen with a bulk action on users: a location, a license, or nothing."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from provisioning.forms.refusable import RefusableForm
from provisioning.models import Location
from provisioning.models.users import License

if TYPE_CHECKING:
    LocationChoiceField = forms.ModelChoiceField[Location]
else:
    LocationChoiceField = forms.ModelChoiceField


class BulkForm(RefusableForm):
    """`takes` is the action's. `key` is made with the page: sent twice, it starts one task."""

    location = LocationChoiceField(
        Location.objects.none(), label=_("New location"), empty_label=_("Choose a location"),
        error_messages={
            "required": _("Choose the location to move them to."),
            "invalid_choice": _("There is no such location among yours. Choose one."),
        },
    )  # fmt: skip
    license = forms.ChoiceField(
        label=_("New license"), choices=[("", _("Choose a license")), *License.choices],
        error_messages={
            "required": _("Choose the license to give them."), "invalid_choice": _("Choose one of the licenses."),
        },
    )  # fmt: skip
    key = forms.CharField(required=False, max_length=64)

    def __init__(self, *args: Any, takes: str, locations: QuerySet[Location], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.takes, self.locations = takes, locations
        field: Any = self.fields["location"]
        field.queryset = locations
        for name in ("location", "license"):
            if name != takes:
                del self.fields[name]
            else:
                self.fields[name].widget.attrs["class"] = "input"

    @property
    def choice(self) -> Any:
        """What the task is told: the id of a location, or a license. None: the action takes nothing."""
        chosen = self.cleaned_data.get(self.takes) if self.takes else None
        return chosen.pk if isinstance(chosen, Location) else chosen

    @property
    def chosen(self) -> Any:
        """The location or license chosen so far, confirmed or not; None while there is none."""
        value = self.data.get(self.takes, "") if self.takes else ""
        if self.takes == "location":
            try:
                return self.locations.filter(pk=uuid.UUID(value)).first()
            except ValueError:
                return None
        return value if value in License.values else None

    def unbound(self) -> BulkForm:
        """The form without complaints, with what was chosen so far."""
        initial = {self.takes: self.data.get(self.takes, "")} if self.takes else {}
        return BulkForm(initial=initial, takes=self.takes, locations=self.locations)
