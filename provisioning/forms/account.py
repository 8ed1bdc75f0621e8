"""What administrators type into the account page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from provisioning import opt_out_scope, time_zones
from provisioning.account import LONGEST_REPLY, state_of
from provisioning.fingerprints import fingerprint
from provisioning.forms.refusable import RefusableForm
from provisioning.models import Organization
from provisioning.models.organizations import OptOutScope
from provisioning.refusals import Refusal


class AccountForm(RefusableForm):
    """What the organization sets itself. `seen` tells what the page was opened with."""

    time_zone = forms.ChoiceField(
        label=_("Time zone"), help_text=_("Days and times of the portal’s reports and of the audit log are in it.")
    )
    opt_out_scope = forms.ChoiceField(label=_("A STOP counts for"), choices=OptOutScope.choices)
    unanswered_reply = forms.CharField(
        label=_("Automatic reply when nobody can read a text"),
        help_text=_(
            "Sent to a person who texts a number whose user is off or gone, at most once a day. Leave it empty to "
            "send none."
        ),
        required=False,
        widget=forms.Textarea(attrs={"class": "input", "rows": 3, "maxlength": LONGEST_REPLY}),
    )
    seen = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        values = {**state_of(organization), "seen": fingerprint(state_of(organization))}
        super().__init__(*args, **{"label_suffix": "", "initial": values, **kwargs})
        self.organization = organization
        zone: Any = self.fields["time_zone"]
        zone.choices = time_zones.choices(organization.time_zone)
        zone.widget.attrs["class"] = "input"

    @property
    def scopes(self) -> list[tuple[str, str, str]]:
        """Value, label, and what choosing it means for new and for standing opt-outs."""
        found = opt_out_scope.standing(self.organization)
        return [(value, str(label), opt_out_scope.meaning(value, found)) for value, label in OptOutScope.choices]

    def refuse(self, refusal: Refusal) -> None:
        self.http_status = refusal.http_status
        field = refusal.extra.get("field")
        self.add_error(field, forms.ValidationError(refusal.sentence, code=refusal.code))

    def looked_again(self, organization: Organization) -> None:
        """Keep what was typed, and take it that the person has now seen what stands in the database."""
        kept = self.data.dict()  # type: ignore[attr-defined]
        self.organization, self.data = organization, {**kept, "seen": fingerprint(state_of(organization))}
        now = state_of(organization)
        self.conflicts = [
            (str(self.fields[name].label), self._shown(name, value))
            for name, value in now.items()
            if kept.get(name, "").replace("\r\n", "\n") != value
        ]

    conflicts: list[tuple[str, str]] = []

    def _shown(self, name: str, value: str) -> str:
        return str(dict(OptOutScope.choices).get(value, value)) if name == "opt_out_scope" else value
