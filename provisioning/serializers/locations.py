"""Locations: what the API takes and answers with."""

from __future__ import annotations

import re
from datetime import time
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from provisioning.business_hours import Span
from provisioning.enablement import Source
from provisioning.models import TextingSetting, Weekday
from provisioning.models.business_hours import MIDNIGHT
from provisioning.models.organizations import PstnConnection
from provisioning.serializers.strict import StrictBoolean, StrictChoice, StrictText

WEEKDAYS = [day.name.lower() for day in Weekday]
_CLOCK = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"
_COUNTRY = r"^[A-Z]{2}$"


@extend_schema_field({"type": "string", "pattern": _CLOCK})
class ClockField(StrictText):
    """`09:00`; `24:00` is the end of the day."""

    default_error_messages = {"clock": "Write a time as in 09:00, the end of the day as 24:00."}

    def to_internal_value(self, data: Any) -> Any:
        typed = super().to_internal_value(data)
        if not re.fullmatch(_CLOCK.strip("^$"), typed):
            self.fail("clock")
        return MIDNIGHT if typed == "24:00" else time.fromisoformat(typed)


@extend_schema_field({"type": "string", "pattern": _COUNTRY})
class CountryField(StrictText):
    """An ISO 3166-1 alpha-2 code."""

    default_error_messages = {"country": "Write a country as its two-letter code, as in US."}

    def to_internal_value(self, data: Any) -> str:
        typed = super().to_internal_value(data)
        if not re.fullmatch("[A-Z]{2}", typed):
            self.fail("country")
        return typed


class AddressFields(serializers.Serializer[Any]):
    """In the US and Canada it is checked: whole, a state or province that exists, a ZIP or postal code that can."""

    street = StrictText(required=False, default="", allow_blank=True, max_length=200)
    unit = StrictText(required=False, default="", allow_blank=True, max_length=60)
    city = StrictText(required=False, default="", allow_blank=True, max_length=100)
    state = StrictText(required=False, default="", allow_blank=True, max_length=60)
    postal_code = StrictText(required=False, default="", allow_blank=True, max_length=16)


class HoursFields(serializers.Serializer[Any]):
    weekday = StrictChoice(choices=WEEKDAYS)
    opens = ClockField()
    closes = ClockField()

    def validate(self, attrs: dict[str, Any]) -> Any:
        return Span(WEEKDAYS.index(attrs["weekday"]), attrs["opens"], attrs["closes"])


class LocationNew(serializers.Serializer[Any]):
    """Cisco PSTN in the US and Canada needs the emergency address. No business hours: always open."""

    name = StrictText(max_length=200)
    country = CountryField()
    pstn_connection = StrictChoice(choices=PstnConnection.choices, required=False)
    time_zone = StrictText(max_length=64, required=False, help_text="A name of the IANA time zone database.")
    texting_setting = StrictChoice(choices=TextingSetting.choices, required=False)
    emergency_address = AddressFields(required=False)
    business_hours = serializers.ListField(child=HoursFields(), required=False, max_length=56)


class LocationChange(LocationNew):
    """What is not named stays; an address or hours that are named are replaced as a whole."""

    name = StrictText(max_length=200, required=False)
    country = CountryField(required=False)
    main_number = StrictText(
        max_length=60, required=False, allow_blank=True, allow_null=True,
        help_text="One of the location's own active numbers, in any human format; null or empty: none.",
    )  # fmt: skip
    accept_users_stop_texting = StrictBoolean(
        required=False,
        default=False,
        help_text="Without it a change by which users stop texting is refused with users_stop_texting and how many.",
    )


class AddressAnswer(serializers.Serializer[Any]):
    street = serializers.CharField()
    unit = serializers.CharField()
    city = serializers.CharField()
    state = serializers.CharField()
    postal_code = serializers.CharField()


class HoursAnswer(serializers.Serializer[Any]):
    weekday = serializers.ChoiceField(choices=WEEKDAYS)
    opens = serializers.CharField()
    closes = serializers.CharField()


class EffectiveTexting(serializers.Serializer[Any]):
    enabled = serializers.BooleanField(help_text="For users there without an override.")
    source = serializers.ChoiceField(  # type: ignore[assignment]  # declared fields leave the class
        choices=[source.value for source in Source], help_text="Whose setting decides: location or organization."
    )


class LocationAnswer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    country = serializers.CharField()
    pstn_connection = serializers.ChoiceField(choices=PstnConnection.choices)
    time_zone = serializers.CharField()
    texting_setting = serializers.ChoiceField(choices=TextingSetting.choices)
    business_texting = EffectiveTexting()
    emergency_address = AddressAnswer()
    emergency_address_missing = serializers.BooleanField(help_text="Needed at this location, and not whole.")
    main_number = serializers.CharField(allow_null=True, help_text="In E.164 form.")
    business_hours = HoursAnswer(many=True, help_text="None: always open.")
    users = serializers.IntegerField(help_text="Active users.")
    users_able_to_text = serializers.IntegerField()


class LocationsQuery(serializers.Serializer[Any]):
    """Each narrows the list."""

    q = serializers.CharField(required=False, max_length=200, help_text="Words in the name or address.")
    country = CountryField(required=False)
    pstn_connection = serializers.ChoiceField(choices=PstnConnection.choices, required=False)
    texting = serializers.ChoiceField(choices=["on", "off", "unavailable"], required=False)
