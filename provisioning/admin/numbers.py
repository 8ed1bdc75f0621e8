"""Phone numbers as operators load them, by the portal’s rules. messaging/admin.py adds the carrier and registers it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from provisioning.campaigns import refuse_if_full
from provisioning.changes import Actor
from provisioning.models import Location, PhoneNumber
from provisioning.number_assignment import keep_tenure
from provisioning.number_inventory import RELEASES, release
from provisioning.numbers import LONGEST_TYPED, national, parse
from provisioning.operators import AnyModelForm, RecordedAdmin
from provisioning.refusals import Refusal


class PhoneNumberForm(AnyModelForm):
    e164 = forms.CharField(
        label=gettext_lazy("Number"), max_length=LONGEST_TYPED, help_text=gettext_lazy("+1 415 555 0101")
    )

    class Meta:
        model = PhoneNumber
        fields = ("organization", "e164", "location", "source", "capability", "campaign", "user", "active")

    def clean(self) -> dict[str, Any]:
        """Everything the number is linked to is of its own organization, and nobody else has it."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        organization = values.get("organization") or self.instance.organization
        for name in ("location", "campaign", "user"):
            linked = values.get(name)
            if linked is not None and organization is not None and linked.organization_id != organization.pk:
                self.add_error(name, _("This is another organization’s."))
        if "e164" in values:
            self._read(values)
        self._refuse(values)
        return values

    def _read(self, values: dict[str, Any]) -> None:
        """In any human format; without a country code it is of the location's country."""
        location = values.get("location")
        try:
            values["e164"] = parse(values["e164"], location.country if location is not None else "US")
            self._refuse_owned(values)
        except Refusal as refusal:
            self.add_error("e164", refusal.sentence)

    def _refuse_owned(self, values: dict[str, Any]) -> None:
        """Operators know every customer, so they are told who has it."""
        rows = PhoneNumber.objects.select_related("organization").filter(e164=values["e164"])
        owner = rows.owned().first()
        if owner is not None:
            sentence = _("%(organization)s has this number.") % {"organization": owner.organization}
            raise Refusal("number_unavailable", sentence)
        if rows.filter(organization=values.get("organization")).exists():
            raise Refusal(
                "number_released",
                _(
                    "This customer had this number before. A full administrator of theirs adds it again under "
                    "Services > PSTN & Routing, with its opt-outs and conversations."
                ),
            )

    def _refuse(self, values: dict[str, Any]) -> None:
        """The admin saves in the transaction that this locks the campaign in."""
        self._refuse_on("campaign", lambda: _refuse_if_full(values, self.instance))
        self._refuse_on("location", lambda: _refuse_main(values, self.instance))
        self._refuse_on("user", lambda: _refuse_user(values, self.instance))

    def _refuse_on(self, name: str, look: Any) -> None:
        try:
            look()
        except Refusal as refusal:
            self.add_error(name, refusal.sentence)


def _refuse_if_full(values: dict[str, Any], number: PhoneNumber) -> None:
    if values.get("campaign") is not None:
        refuse_if_full(values["campaign"], PhoneNumber(pk=number.pk, active=values["active"]))


def _refuse_main(values: dict[str, Any], number: PhoneNumber) -> None:
    of = Location.objects.filter(main_number=number.pk).first() if "location" in values else None
    if of is not None and values["location"] != of:
        raise Refusal("main_number", _("It is the main number of %(location)s.") % {"location": of})


def _refuse_user(values: dict[str, Any], number: PhoneNumber) -> None:
    """Whoever has the number already keeps it; a new user is active, and so is the number."""
    user = values.get("user")
    if user is None or user.pk == PhoneNumber.objects.filter(pk=number.pk).values_list("user_id", flat=True).first():
        return
    if not user.is_active:
        raise Refusal("user_inactive", _("This user is deactivated. Reactivate the user first."))
    if not values.get("active"):
        raise Refusal("number_inactive", _("This number is not active. Activate it first."))


class PhoneNumberAdmin(RecordedAdmin):
    """Nothing is deleted here either: a number is released, and its row can then only be looked at."""

    form = PhoneNumberForm
    fixed_fields = ("organization", "e164")
    readonly_fields = ("capability_reason", "capability_checked_at", "released_at")
    list_display = ("e164", "organization", "location", "user", "capability", "campaign", "active", "released_at")
    list_filter = (("released_at", admin.EmptyFieldListFilter), "capability", "source", "active")
    list_select_related = ("organization", "location", "user", "campaign")
    search_fields = ("e164", "organization__name", "user__search_text")
    autocomplete_fields = ("organization", "location", "campaign", "user")
    actions = ("release_numbers",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None and obj.released_at is not None:
            return False
        return bool(super().has_change_permission(request, obj))

    def save_model(self, request: HttpRequest, obj: PhoneNumber, form: AnyModelForm, change: bool) -> None:
        """As everywhere, who has the number from now on stands in its history."""
        before = PhoneNumber.objects.filter(pk=obj.pk).values_list("user_id", flat=True).first()
        super().save_model(request, obj, form, change)
        keep_tenure(obj, before, Actor.of_request(request, via="admin"), timezone.now())

    @admin.action(description=gettext_lazy("Release the chosen numbers"), permissions=["change"])
    def release_numbers(self, request: HttpRequest, queryset: QuerySet[PhoneNumber]) -> None:
        """Their customers don't have them any more; messages, opt-outs and history stay."""
        by_organization: dict[Any, list[PhoneNumber]] = defaultdict(list)
        for number in queryset.order_by("pk"):
            by_organization[number.organization_id].append(number)
        actor, now = Actor.of_request(request, via="admin"), timezone.now()
        for numbers in by_organization.values():
            for begin in range(0, len(numbers), RELEASES):
                self._tell(request, release(numbers[begin : begin + RELEASES], actor, now))

    def _tell(self, request: HttpRequest, results: Any) -> None:
        for result in results:
            if result.refusal is not None:
                self.message_user(request, result.refusal.sentence, messages.ERROR)
            else:
                words = {"number": national(result.e164)}
                self.message_user(request, _("%(number)s was released.") % words, messages.SUCCESS)
