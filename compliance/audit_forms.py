"""The filter of the audit log pages, all in the address."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compliance.audit_search import DESK, MOST_MEANINGS, PROVIDER, Criteria, Meaning, actors, objects
from compliance.audit_words import ACTIONS

_GROUPS: Final = {
    "user": gettext_lazy("Users"),
    "role": gettext_lazy("Roles"),
    "organization": gettext_lazy("Organization"),
    "location": gettext_lazy("Locations"),
    "number": gettext_lazy("Numbers"),
    "brand": gettext_lazy("10DLC registration"),
    "campaign": gettext_lazy("10DLC registration"),
    "task": gettext_lazy("Tasks"),
    "api_token": gettext_lazy("API tokens"),
    "messages": gettext_lazy("Compliance"),
    "export": gettext_lazy("Compliance"),
    "purge": gettext_lazy("Compliance"),
}
OFFICERS_ALONE: Final = ("messages.", "export.", "hold.", "matter.", "spam_report.")
"""Beginnings of actions that administrators never see, so are not offered either."""


class MomentField(forms.CharField):
    """A local day, or a day and a time to the minute, as `datetime-local` inputs send it."""

    widget = forms.DateTimeInput(attrs={"class": "input", "type": "datetime-local"}, format="%Y-%m-%dT%H:%M")

    def clean(self, value: Any) -> Any:
        """A date or a naive datetime; None for nothing."""
        typed = super().clean(value)
        if not typed:
            return None
        try:
            moment = date.fromisoformat(typed) if len(typed) == 10 else datetime.fromisoformat(typed)
        except ValueError:
            moment = None
        if moment is None or not 2000 <= moment.year <= 2100 or getattr(moment, "tzinfo", None) is not None:
            raise forms.ValidationError(_("This is not a time. Write it like 2026-11-23 14:30."))
        return moment


class AuditFilter(forms.Form):
    """Actor, action, object and time. What was typed for an actor or object may mean several: they are offered then."""

    who = forms.CharField(
        required=False, max_length=254, label=gettext_lazy("Who"),
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off", "list": "audit-actors",
                                      "placeholder": gettext_lazy("Name or e-mail address")}),
    )  # fmt: skip
    action = forms.ChoiceField(required=False, label=gettext_lazy("Action"))
    what = forms.CharField(
        required=False, max_length=254, label=gettext_lazy("Object"),
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off",
                                      "placeholder": gettext_lazy("Name or number")}),
    )  # fmt: skip
    begins = MomentField(required=False, label=gettext_lazy("From"))
    ends = MomentField(required=False, label=gettext_lazy("Until"))

    def __init__(self, *args: Any, organization_id: uuid.UUID, zone: ZoneInfo, officers: bool, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        self.organization_id, self.zone = organization_id, zone
        self.who_may_be: list[Meaning] = []
        self.what_may_be: list[Meaning] = []
        action: Any = self.fields["action"]
        action.choices = action_choices(officers=officers)
        action.widget.attrs["class"] = "input"

    @property
    def narrows(self) -> bool:
        return any(self.cleaned_data.get(name) for name in self.fields)

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        begins, ends = values.get("begins"), values.get("ends")
        if begins and ends and self._begin(begins) >= self._end(ends):
            self.add_error("ends", _("This is before From. Change one of them."))
        self.who_may_be = self._meanings("who", actors)
        self.what_may_be = self._meanings("what", objects)
        return values

    def _meanings(self, name: str, find: Any) -> list[Meaning]:
        """What was typed may mean these; an error says so when it is none, or not just one."""
        typed = self.cleaned_data.get(name, "").strip()
        if not typed:
            return []
        found: list[Meaning] = find(self.organization_id, typed)
        if not found:
            self.add_error(name, _("Nothing here is called “%(typed)s”. Try another spelling.") % {"typed": typed[:60]})
        elif len(found) > MOST_MEANINGS:
            self.add_error(name, _("“%(typed)s” may mean many. Type more of the name.") % {"typed": typed[:60]})
        elif len(found) > 1:
            self.add_error(name, _("“%(typed)s” may mean several. Choose one below.") % {"typed": typed[:60]})
        return found if len(found) <= MOST_MEANINGS else []

    def criteria(self) -> Criteria:
        """Of a valid form."""
        values = self.cleaned_data
        return Criteria(
            actor_id=self.who_may_be[0].key if self.who_may_be else "",
            action=values["action"],
            target_id=self.what_may_be[0].key if self.what_may_be else "",
            begins_at=values["begins"] and self._begin(values["begins"]),
            ends_at=values["ends"] and self._end(values["ends"]),
        )

    def _begin(self, moment: date) -> datetime:
        """The earlier of two moments where clocks were set back."""
        local = moment if isinstance(moment, datetime) else datetime.combine(moment, time.min)
        return local.replace(tzinfo=self.zone, fold=0).astimezone(UTC)

    def _end(self, moment: date) -> datetime:
        """The whole day or the whole minute is included; the later of two moments where clocks were set back."""
        if not isinstance(moment, datetime):
            return self._begin(moment + timedelta(days=1))
        return moment.replace(tzinfo=self.zone, fold=1).astimezone(UTC) + timedelta(minutes=1)


def action_choices(*, officers: bool) -> list[Any]:
    """Grouped by what was acted on, in words."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for code, words in ACTIONS.items():
        if officers or not (code.startswith(OFFICERS_ALONE) or code in DESK):
            title = str(_GROUPS.get(code.split(".")[0], _("Other")))
            groups.setdefault(title, []).append((code, str(words)))
    groups.setdefault(_("Other"), []).append((PROVIDER, _("Changed by the provider")))
    named = [(title, sorted(choices, key=lambda choice: choice[1])) for title, choices in sorted(groups.items())]
    return [("", _("Any action")), *named]
