"""What is wanted of a location, checked and set on its row, in memory."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import asdict
from typing import Any, Final

from django.utils.translation import gettext as _

from provisioning import countries, time_zones
from provisioning.addresses import Address, needed_at, normal, problems
from provisioning.models import Location, PhoneNumber, TextingSetting
from provisioning.models.organizations import PstnConnection
from provisioning.numbers import parse
from provisioning.refusals import Refusal

LONGEST_NAME: Final = 200


def apply(wanted: Mapping[str, Any], row: Location, before: Location | None) -> None:
    """Set what `wanted` names. `before` is the row as it was; None for a new location.

    Refusal: `name_missing`, `name_too_long`, `unknown_country`, `unknown_pstn_connection`, `unknown_time_zone`,
    `unknown_texting_setting`, `emergency_address_missing`, `emergency_address_invalid` (both with `parts`),
    `main_number_elsewhere`, and those of numbers.parse().
    """
    if "name" in wanted:
        row.name = cleaned_name(wanted["name"])
    for field, known, sentence in (
        ("country", countries.NAMES, _("Choose a country.")),
        ("pstn_connection", PstnConnection.values, _("Choose a PSTN connection.")),
        ("time_zone", time_zones.known(), _("Choose a time zone.")),
        ("texting_setting", TextingSetting.values, _("Choose the default, on or off.")),
    ):
        if field in wanted:
            setattr(row, field, _one_of(known, wanted[field], field, sentence))
    _apply_address(wanted.get("emergency_address"), row, before)
    if "main_number" in wanted:
        row.main_number = _main_number(str(wanted["main_number"] or ""), row, before)


def cleaned_name(typed: Any) -> str:
    """Without blanks at the ends and doubled inside. Refusal: `name_missing`, `name_too_long`."""
    name = " ".join(str(typed or "").split())
    if not name:
        raise Refusal("name_missing", _("Enter a name for the location."), field="name")
    if len(name) > LONGEST_NAME:
        raise Refusal("name_too_long", _("The name is too long. Use at most 200 characters."), field="name")
    return name


def _one_of(known: Container[str], value: Any, field: str, sentence: str) -> str:
    if value not in known:
        raise Refusal(f"unknown_{field}", sentence, field=field)
    return str(value)


def _apply_address(typed: Mapping[str, str] | None, row: Location, before: Location | None) -> None:
    """Asked for where it is needed. A location that has needed one since before that was asked may go on without."""
    had = Address.of(before) if before is not None else Address()
    needed = needed_at(row.country, row.pstn_connection)
    needed_before = before is not None and needed_at(before.country, before.pstn_connection)
    if typed is None and before is not None and row.country == before.country and (needed_before or not needed):
        return
    address = normal(asdict(had) if typed is None else typed, row.country)
    may_be_absent = not needed or (needed_before and had.blank)
    wrong = problems(address, row.country, needed=not may_be_absent)
    if wrong:
        raise _address_refused(address, wrong)
    for part, value in asdict(address).items():
        setattr(row, f"emergency_{part}", value)


def _address_refused(address: Address, wrong: dict[str, str]) -> Refusal:
    if address.blank:
        code, sentence = "emergency_address_missing", _("Cisco PSTN needs the emergency address of the location.")
    else:
        code, sentence = "emergency_address_invalid", " ".join(wrong.values())
    return Refusal(code, sentence, field="emergency_address", parts=wrong)


def _main_number(typed: str, row: Location, before: Location | None) -> PhoneNumber | None:
    if not typed.strip():
        return None
    try:
        e164 = parse(typed, row.country)
    except Refusal as refusal:
        raise Refusal(refusal.code, refusal.sentence, field="main_number") from None
    numbers = PhoneNumber.objects.filter(organization_id=row.organization_id, e164=e164, active=True)
    found = numbers.filter(location_id=before.pk).first() if before is not None else None
    if found is None:
        sentence = _(
            "The main number is one of the location’s own active numbers. Add the number to the location first."
        )
        raise Refusal("main_number_elsewhere", sentence, field="main_number")
    return found
