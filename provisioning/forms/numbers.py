"""What is typed into the Numbers pages: the list's filter, many numbers at once, what one number is linked to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from provisioning.forms.refusable import RefusableForm
from provisioning.models import Campaign, Location, PhoneNumber
from provisioning.models.numbers import NumberSource, TextCapability
from provisioning.number_selection import ACTIVE, ASSIGNED, FILTERS, FREE, INACTIVE, NO_CAMPAIGN, RELEASED

if TYPE_CHECKING:
    LocationChoiceField = forms.ModelChoiceField[Location]
    CampaignChoiceField = forms.ModelChoiceField[Campaign]
else:
    LocationChoiceField = CampaignChoiceField = forms.ModelChoiceField

INPUT = {"class": "input"}


def campaign_label(campaign: Campaign) -> str:
    """Name, id at the registry, where it stands."""
    named = " · ".join(filter(None, (campaign.name, campaign.registry_id)))
    return f"{named} ({campaign.get_status_display()})"


class _CampaignField(CampaignChoiceField):
    def label_from_instance(self, obj: Campaign) -> str:
        return campaign_label(obj)


class NumbersFilter(forms.Form):
    """Search, filters and place of the list, all in the address. What is unknown is left out."""

    q = forms.CharField(required=False, max_length=100)
    location = LocationChoiceField(Location.objects.none(), required=False, empty_label=_("All locations"))
    state = forms.ChoiceField(
        required=False,
        choices=[("", _("In the inventory")), (ACTIVE, _("Active")), (INACTIVE, _("Not active"))],
    )
    assigned = forms.ChoiceField(
        required=False, choices=[("", _("Assigned or free")), (ASSIGNED, _("Assigned")), (FREE, _("Free"))]
    )
    capability = forms.ChoiceField(required=False, choices=[("", _("Any")), *TextCapability.choices])
    campaign = forms.ChoiceField(required=False)
    source = forms.ChoiceField(required=False, choices=[("", _("Any provider")), *NumberSource.choices])
    after = forms.RegexField(r"^\+\d{1,15}$", required=False)
    before = forms.RegexField(r"^\+\d{1,15}$", required=False)

    def __init__(
        self,
        *args: Any,
        locations: QuerySet[Location],
        campaigns: QuerySet[Campaign],
        with_released: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        location: Any = self.fields["location"]
        location.queryset = locations
        named = [(str(campaign.pk), campaign_label(campaign)) for campaign in campaigns]
        campaign: Any = self.fields["campaign"]
        campaign.choices = [("", _("Any campaign")), (NO_CAMPAIGN, _("No campaign")), *named]
        if with_released:
            state: Any = self.fields["state"]
            state.choices = [*state.choices, (RELEASED, _("Deleted"))]
        for name in FILTERS[1:]:
            self.fields[name].widget.attrs.update(INPUT)
        self.full_clean()

    @property
    def values(self) -> dict[str, str]:
        """What narrows, ready for number_selection.narrow() and for JSON."""
        found = {name: self.cleaned_data.get(name) for name in FILTERS}
        return {name: str(getattr(value, "pk", value)) for name, value in found.items() if value}

    @property
    def narrows(self) -> bool:
        return bool(self.values)

    def key(self, name: str) -> str:
        """`after` or `before`."""
        return str(self.cleaned_data.get(name) or "")


class AddNumbersForm(RefusableForm):
    """Many numbers, in any format, for one location."""

    location = LocationChoiceField(
        Location.objects.none(), label=_("Location"), empty_label=_("Choose a location"),
        error_messages={"required": _("Choose the location that the numbers belong to.")},
        help_text=_("Numbers without a country code are read as numbers of its country."),
    )  # fmt: skip
    numbers = forms.CharField(
        label=_("Numbers"), max_length=600_000, strip=False,
        widget=forms.Textarea(attrs={"class": "input", "rows": 10, "autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": _("Enter the numbers to add.")},
        help_text=_(
            "One a line, or separated by commas, in any format. Ranges too: (415) 555-0100 - 0149."
        ),
    )  # fmt: skip
    source = forms.ChoiceField(
        label=_("From"), required=False,
        choices=[("", _("As the location’s PSTN connection says")), *NumberSource.choices],
        help_text=_("Only numbers from a Cisco Calling Plan can text."),
    )  # fmt: skip
    campaign = _CampaignField(
        Campaign.objects.none(), label=_("10DLC campaign"), required=False, empty_label=_("No campaign yet")
    )

    def __init__(self, *args: Any, locations: QuerySet[Location], campaigns: QuerySet[Campaign], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        location: Any = self.fields["location"]
        campaign: Any = self.fields["campaign"]
        location.queryset, campaign.queryset = locations, campaigns
        for name in ("location", "source", "campaign"):
            self.fields[name].widget.attrs.update(INPUT)

    def clean_numbers(self) -> str:
        typed: str = self.cleaned_data["numbers"]
        if not re.search(r"\S", typed):
            raise forms.ValidationError(_("Enter the numbers to add."))
        return typed

    def keeping(self, typed: str) -> AddNumbersForm:
        """The same choices, with what is left to be corrected."""
        self.data = {**{name: self.data.get(name, "") for name in ("location", "source", "campaign")}, "numbers": typed}
        return self


class NumberForm(RefusableForm):
    """Where one number belongs. What differs from what the page showed is what was changed."""

    location = LocationChoiceField(Location.objects.none(), label=_("Location"), show_hidden_initial=True)
    campaign = _CampaignField(
        Campaign.objects.none(), label=_("10DLC campaign"), required=False, empty_label=_("No campaign"),
        show_hidden_initial=True,
    )  # fmt: skip
    active = forms.BooleanField(
        label=_("Active"), required=False, show_hidden_initial=True,
        help_text=_("Users can’t text from a number that is not active. They keep it."),
    )  # fmt: skip

    def __init__(
        self,
        *args: Any,
        number: PhoneNumber,
        locations: QuerySet[Location],
        campaigns: QuerySet[Campaign],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        self.initial = {"location": number.location_id, "campaign": number.campaign_id, "active": number.active}
        location: Any = self.fields["location"]
        campaign: Any = self.fields["campaign"]
        location.queryset, campaign.queryset = locations, campaigns
        for name in ("location", "campaign"):
            self.fields[name].widget.attrs.update(INPUT)


class BulkForm(RefusableForm):
    """What an action needs: a location or a campaign."""

    location = LocationChoiceField(
        Location.objects.none(), label=_("Location"), empty_label=_("Choose a location"),
        error_messages={"required": _("Choose the location to move them to.")},
    )  # fmt: skip
    campaign = _CampaignField(
        Campaign.objects.none(), label=_("10DLC campaign"), empty_label=_("Choose a campaign"),
        error_messages={"required": _("Choose the campaign to link them to.")},
    )  # fmt: skip

    def __init__(
        self, *args: Any, needs: str, locations: QuerySet[Location], campaigns: QuerySet[Campaign], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        location: Any = self.fields["location"]
        campaign: Any = self.fields["campaign"]
        location.queryset, campaign.queryset = locations, campaigns
        for name in ("location", "campaign"):
            self.fields[name].widget.attrs.update(INPUT)
            if name != needs:
                del self.fields[name]

    @property
    def arguments(self) -> dict[str, str]:
        """JSON-ready: the id of what was chosen."""
        return {f"{name}_id": str(row.pk) for name, row in self.cleaned_data.items()}
