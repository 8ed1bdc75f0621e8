"""What officers type: what to search for, what to export."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any

import phonenumbers
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from phonenumbers import NumberParseException, PhoneNumberFormat

from compliance.search import Criteria, beginning, end
from compliance.selection import organization_of
from provisioning.models import User
from provisioning.models.choices import fold

if TYPE_CHECKING:
    PeopleField = forms.ModelMultipleChoiceField[User]
else:
    PeopleField = forms.ModelMultipleChoiceField

LISTED_PEOPLE = 300
"""With more users than that, a list to tick is no help: people are named by e-mail address."""
MOST = 500
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2100, 1, 1)
_SHORT_CODE = re.compile(r"\d{3,8}", re.ASCII)


def number_of(typed: str) -> str:
    """A phone number in any human form as E.164 (US where no country is named), a short code as it is.

    Unlike a destination it may be a foreign one: texts from abroad are retained too. ValidationError names it.
    """
    if _SHORT_CODE.fullmatch(typed):
        return typed
    try:
        number = phonenumbers.parse(typed, "US")
    except NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number) or number.extension:
        raise ValidationError(
            _("“%(typed)s” is not a phone number. Write it like +1 415 555 0101 or (415) 555-0101."),
            params={"typed": typed[:60]},
        )
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


class DayField(forms.DateField):
    """A whole UTC day."""

    widget = forms.DateInput(attrs={"class": "input", "type": "date"}, format="%Y-%m-%d")
    default_error_messages = {"invalid": gettext_lazy("This is not a day. Write it like 2026-11-23.")}

    def clean(self, value: Any) -> Any:
        day = super().clean(value)
        if day is not None and not FIRST_DAY <= day <= LAST_DAY:
            raise ValidationError(_("Choose a day between 2000 and 2100."))
        return day


class DaysForm(forms.Form):
    """A form with a first and a last day, in that order."""

    first_day = DayField(required=False, label=gettext_lazy("From"))
    last_day = DayField(required=False, label=gettext_lazy("To"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        first, last = values.get("first_day"), values.get("last_day")
        if first and last and first > last:
            self.add_error("last_day", _("The last day is before the first. Change one of them."))
        return values


class SearchForm(DaysForm):
    """Criteria of a look, all in the address."""

    words = forms.CharField(
        required=False, max_length=200, label=gettext_lazy("Words"),
        widget=forms.TextInput(attrs={"class": "input", "type": "search"}),
    )  # fmt: skip
    person = forms.CharField(
        required=False, max_length=200, label=gettext_lazy("User"),
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off"}),
    )  # fmt: skip
    number = forms.CharField(
        required=False, max_length=40, label=gettext_lazy("Number"),
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off"}),
    )  # fmt: skip

    @property
    def asked(self) -> bool:
        """Whether somebody pressed Search. A page that is only opened shows no text, and leaves no trace."""
        return any(name in self.data for name in self.fields)

    def clean_number(self) -> str:
        """A whole number, or at least its last four digits."""
        typed: str = self.cleaned_data["number"]
        digits = phonenumbers.normalize_digits_only(typed)
        if not typed:
            return ""
        if 4 <= len(digits) <= 9 and re.fullmatch(r"[\d\s()+./-]+", typed):
            return digits
        return number_of(typed)

    def criteria(self) -> Criteria:
        """Only of a valid form."""
        values = self.cleaned_data
        return Criteria(**{name: values[name] for name in ("person", "number", "words", "first_day", "last_day")})


class ExportForm(DaysForm):
    """What to export. What stays empty does not narrow."""

    name = forms.CharField(
        max_length=200, label=gettext_lazy("Name"),
        help_text=gettext_lazy("For the list, and for the name of the file."),
        error_messages={"required": gettext_lazy("Give the export a name, so that others know what it is for.")},
        widget=forms.TextInput(attrs={"class": "input"}),
    )  # fmt: skip
    people = PeopleField(
        User.objects.none(), required=False, label=gettext_lazy("Users"), widget=forms.CheckboxSelectMultiple
    )
    addresses = forms.CharField(
        required=False, max_length=50_000, label=gettext_lazy("Users, by e-mail address"),
        help_text=gettext_lazy("One or more on a line. None here and none ticked: every user."),
        widget=forms.Textarea(attrs={"class": "input", "rows": 3, "spellcheck": "false"}),
    )  # fmt: skip
    numbers = forms.CharField(
        required=False, max_length=20_000, label=gettext_lazy("Phone numbers"),
        help_text=gettext_lazy(
            "One a line, your own or the other end’s, in any usual form. A text counts when either end is listed."
        ),
        widget=forms.Textarea(attrs={"class": "input", "rows": 3, "spellcheck": "false"}),
    )  # fmt: skip

    def __init__(self, *args: Any, officer: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.everybody = User.objects.filter(organization_id=organization_of(officer))
        people: Any = self.fields["people"]
        if self.everybody[: LISTED_PEOPLE + 1].count() <= LISTED_PEOPLE:
            people.queryset = self.everybody.order_by("sort_name", "pk")
            people.label_from_instance = _person
        else:
            del self.fields["people"]

    def clean_addresses(self) -> list[User]:
        """Users by address, one or more on a line. ValidationError names the first that nobody has."""
        typed = re.split(r"[\s,;]+", self.cleaned_data["addresses"].strip())
        keys = {fold(address): address for address in typed if address}
        _refuse_too_many(len(keys))
        found = {user.email_key: user for user in self.everybody.filter(email_key__in=keys)}
        for key, address in keys.items():
            if key not in found:
                raise ValidationError(
                    _("No user of this organization has the address %(address)s. Check it, or leave it out."),
                    params={"address": address[:254]},
                )
        return list(found.values())

    def clean_numbers(self) -> list[str]:
        """Numbers, one a line or with commas between."""
        typed = [part.strip() for part in re.split(r"[\n,;]+", self.cleaned_data["numbers"]) if part.strip()]
        _refuse_too_many(len(typed))
        return [number_of(part) for part in typed]

    def chosen(self) -> dict[str, Any]:
        """What request_export() takes; only of a valid form."""
        values = self.cleaned_data
        people = {user.pk: user for user in [*(values.get("people") or []), *values["addresses"]]}
        return {
            "name": values["name"],
            "users": list(people.values()),
            "numbers": values["numbers"],
            "begins_at": values["first_day"] and beginning(values["first_day"]),
            "ends_at": values["last_day"] and end(values["last_day"]),
        }


def _refuse_too_many(count: int) -> None:
    if count > MOST:
        raise ValidationError(_("At most %(most)s fit into one export. Make two of it."), params={"most": MOST})


def _person(user: User) -> str:
    """A name, with what tells two people of one name apart."""
    gone = "" if user.is_active else _(" (deactivated)")
    return f"{user.display_name}, {user.email}{gone}"
