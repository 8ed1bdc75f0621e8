"""What is typed into the locations pages: the list's filter, and everything about one location."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from provisioning import countries, time_zones
from provisioning.addresses import PARTS, Address
from provisioning.business_hours import Span, day_in_words, read_day, week_of
from provisioning.fingerprints import fingerprint
from provisioning.forms.refusable import RefusableForm
from provisioning.location_facts import main_number_of, state_of
from provisioning.location_filters import narrowed
from provisioning.models import Location, Organization, TextingSetting, Weekday
from provisioning.models.organizations import PstnConnection
from provisioning.numbers import national
from provisioning.refusals import Refusal

ALWAYS, AT_HOURS = "always", "hours"


class LocationsFilter(forms.Form):
    """Search, filters and order of the list, all in the address. What is unknown is left out."""

    q = forms.CharField(required=False, max_length=200)
    country = forms.ChoiceField(required=False)
    pstn = forms.ChoiceField(required=False, choices=[("", _("Any PSTN connection")), *PstnConnection.choices])
    texting = forms.ChoiceField(
        required=False,
        choices=[("", _("Any status")), ("on", _("On")), ("off", _("Off")), ("unavailable", _("Not available"))],
    )
    sort = forms.ChoiceField(required=False, choices=[("", ""), ("-name", "")])

    def __init__(self, *args: Any, used_countries: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = sorted(((code, countries.name_of(code)) for code in used_countries), key=lambda choice: choice[1])
        country: Any = self.fields["country"]
        country.choices = [("", _("Any country")), *named]
        for name in ("country", "pstn", "texting"):
            self.fields[name].widget.attrs["class"] = "input"
        self.full_clean()

    @property
    def descending(self) -> bool:
        return bool(self.cleaned_data.get("sort"))

    @property
    def narrows(self) -> bool:
        return any(self.cleaned_data.get(name) for name in ("q", "country", "pstn", "texting"))

    def narrow(self, locations: QuerySet[Location], organization: Organization) -> QuerySet[Location]:
        """What the search and the filters leave."""
        names = {"q": "q", "country": "country", "pstn": "pstn_connection", "texting": "texting"}
        values = {asked: self.cleaned_data.get(name, "") for name, asked in names.items()}
        return narrowed(locations, organization, **values)


def _text(label: Any, longest: int, **attributes: str) -> forms.CharField:
    widget = forms.TextInput(attrs={"class": "input", "autocomplete": "off", **attributes})
    return forms.CharField(required=False, max_length=longest, label=label, widget=widget)


class LocationForm(RefusableForm):
    """A location as its page shows it. `seen` tells what it was opened with, `may_stop` how many may stop texting."""

    name = forms.CharField(
        max_length=200, label=_("Name"), widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off"}),
        error_messages={"required": _("Enter a name for the location.")},
    )  # fmt: skip
    country = forms.ChoiceField(label=_("Country"), error_messages={"required": _("Choose a country.")})
    pstn_connection = forms.ChoiceField(label=_("PSTN connection"), choices=PstnConnection.choices)
    time_zone = forms.ChoiceField(label=_("Time zone"))
    texting_setting = forms.ChoiceField(label=_("Business Texting"), choices=TextingSetting.choices)
    street = _text(_("Street and house number"), 200)
    unit = _text(_("Unit, floor or suite"), 60)
    city = _text(_("City"), 100)
    state = _text(_("State or province"), 60)
    postal_code = _text(_("ZIP or postal code"), 16)
    main_number = _text(_("Main number"), 60, inputmode="tel")
    open_at = forms.ChoiceField(
        label=_("Open"), choices=[(ALWAYS, _("All the time")), (AT_HOURS, _("At these hours"))], required=False
    )
    seen = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    may_stop = forms.IntegerField(required=False, min_value=0)

    def __init__(self, *args: Any, organization: Organization, location: Location | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        self.location = location
        self.losing = 0
        for weekday, label in Weekday.choices:
            self.fields[f"day_{weekday}"] = _text(label, 200)
        country, zone, setting = (self.fields[name] for name in ("country", "time_zone", "texting_setting"))
        _choose(country, [("", _("Choose a country")), *countries.choices()])
        _choose(zone, time_zones.choices(self.data.get("time_zone") or self.initial.get("time_zone", "")))
        default = (
            _("Use organization default (On)") if organization.texting_enabled else _("Use organization default (Off)")
        )
        _choose(setting, [("default", default), ("on", _("On")), ("off", _("Off"))])
        self.fields["pstn_connection"].widget.attrs["class"] = "input"

    @classmethod
    def showing(cls, location: Location) -> LocationForm:
        """The form as the location stands in the database."""
        return cls(organization=location.organization, location=location, initial=values_of(location))

    @classmethod
    def empty(cls, organization: Organization) -> LocationForm:
        """A new location, with what is likely."""
        return cls(
            organization=organization,
            initial={"time_zone": organization.time_zone, "texting_setting": "default", "open_at": ALWAYS,
                     "country": "US", "pstn_connection": PstnConnection.CISCO_PSTN},
        )  # fmt: skip

    @property
    def days(self) -> list[Any]:
        """The seven fields of the week."""
        return [self[f"day_{weekday}"] for weekday in Weekday.values]

    @property
    def address(self) -> list[Any]:
        return [self[part] for part in PARTS]

    @property
    def place_fields(self) -> list[Any]:
        return [self[name] for name in ("name", "country", "pstn_connection", "time_zone")]

    @property
    def texting_fields(self) -> list[Any]:
        return [self["texting_setting"]]

    @property
    def number_fields(self) -> list[Any]:
        return [self["main_number"]]

    def clean(self) -> dict[str, Any]:
        """Read the days; each that is not understood is marked by itself."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        spans: list[Span] = []
        for weekday in Weekday.values if values.get("open_at") == AT_HOURS else ():
            try:
                spans += read_day(values.get(f"day_{weekday}", ""), weekday)
            except Refusal as refusal:
                self.add_error(f"day_{weekday}", refusal.sentence)
        if values.get("open_at") == AT_HOURS and not spans and not self.errors:
            self.add_error("open_at", _("Enter the hours of at least one day, or choose all the time."))
        values["business_hours"] = spans
        return values

    @property
    def wanted(self) -> dict[str, Any]:
        """For locations.create_location() and edit_location()."""
        values = self.cleaned_data
        plain = ("name", "country", "pstn_connection", "time_zone", "texting_setting", "business_hours")
        wanted = {name: values[name] for name in plain}
        wanted["emergency_address"] = {part: values[part] for part in PARTS}
        if self.location is not None:
            wanted["main_number"] = values["main_number"]
        return wanted

    def refuse(self, refusal: Refusal) -> None:
        """Beside the field it is about."""
        self.http_status = refusal.http_status
        self.losing = refusal.extra.get("users", 0)
        for part, sentence in refusal.extra.get("parts", {}).items():
            self.add_error(part, sentence)
        field = refusal.extra.get("field", "")
        if "weekday" in refusal.extra:
            field = f"day_{refusal.extra['weekday']}"
        if field in self.fields:
            self.add_error(field, refusal.sentence)
        elif field != "emergency_address":
            self.add_error(None, forms.ValidationError(refusal.sentence, code=refusal.code))

    def looked_again(self) -> LocationForm:
        """Keep what was typed, and take it that the person has now seen what stands in the database."""
        if self.location is not None:
            self.data = {**self.data.dict(), "seen": fingerprint(state_of(self.location))}  # type: ignore[attr-defined]
        return self

    @property
    def conflicts(self) -> list[tuple[str, str]]:
        """Field and what it is now, wherever what was typed differs from what stands in the database."""
        now = values_of(self.location) if self.location is not None else {}
        differing = [name for name in now if name != "seen" and self.data.get(name, "") != now[name]]
        return [(str(self.fields[name].label), _shown(self.fields[name], now[name])) for name in differing]


def _shown(field: Any, value: str) -> str:
    """A value as the field's own choices name it."""
    flat: dict[str, Any] = {}
    for key, label in getattr(field, "choices", ()):
        flat |= dict(label) if isinstance(label, list) else {key: label}
    return str(flat.get(value, value) or gettext("empty"))


def values_of(location: Location) -> dict[str, Any]:
    """The form's initial values: the location as it stands."""
    week, number = week_of(location), main_number_of(location)
    return {
        "name": location.name,
        "country": location.country,
        "pstn_connection": location.pstn_connection,
        "time_zone": location.time_zone,
        "texting_setting": location.texting_setting,
        **asdict(Address.of(location)),
        "main_number": national(number.e164) if number is not None else "",
        "open_at": AT_HOURS if week else ALWAYS,
        **{f"day_{weekday}": day_in_words(week, weekday) for weekday in Weekday.values},
        "seen": fingerprint(state_of(location)),
    }


def _choose(field: Any, choices: Any) -> None:
    field.choices = choices
    field.widget.attrs["class"] = "input"
