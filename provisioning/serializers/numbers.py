"""Numbers: what the API takes and answers with."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from provisioning.models import RowOutcome
from provisioning.models.numbers import NumberSource, TextCapability
from provisioning.number_actions import ACTIONS
from provisioning.number_lines import MOST_NUMBERS
from provisioning.number_selection import STATES, USES
from provisioning.serializers.strict import StrictBoolean, StrictChoice, StrictText
from provisioning.serializers.texting import Named

RELEASED_NUMBERS = "released: numbers that were deleted, with their history."
MOST_IDS = 1000


class NumbersFilter(serializers.Serializer[Any]):
    """Each narrows the list; without `state` it is the numbers of the inventory."""

    q = StrictText(
        required=False,
        max_length=100,
        help_text="A number in any human format, some of its digits, or words of a name.",
    )
    location = serializers.UUIDField(required=False)
    state = StrictChoice(choices=list(STATES), required=False, help_text=RELEASED_NUMBERS)
    assigned = StrictChoice(choices=list(USES), required=False)
    capability = StrictChoice(choices=TextCapability.values, required=False)
    campaign = serializers.RegexField(
        r"^(none|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$", required=False,
        help_text="Id of a campaign, or none.",
    )  # fmt: skip
    source = StrictChoice(  # type: ignore[assignment]  # declared fields leave the class
        choices=NumberSource.values, required=False
    )


class CampaignOfNumber(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    registry_id = serializers.CharField()
    status = serializers.CharField()


class NumberAnswer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.CharField(source="e164", help_text="In E.164 form.")
    national = serializers.CharField(help_text="As people read it.")
    location = Named(allow_null=True)
    assigned = serializers.BooleanField()
    user = Named(allow_null=True, help_text="Null, too, when the user is at a location that is not the caller’s.")
    active = serializers.BooleanField()
    source = serializers.ChoiceField(  # type: ignore[assignment]  # declared fields leave the class
        choices=NumberSource.values
    )
    capability = serializers.ChoiceField(choices=TextCapability.values, help_text="As the carrier reports it.")
    capability_reason = serializers.CharField(help_text="The carrier’s own words.")
    capability_checked_at = serializers.DateTimeField(allow_null=True)
    campaign = CampaignOfNumber(allow_null=True)
    created_at = serializers.DateTimeField()
    released_at = serializers.DateTimeField(allow_null=True)


class NumbersNew(serializers.Serializer[Any]):
    """Numbers in any human format, and ranges as in `(415) 555-0100 - 0149`."""

    location_id = serializers.UUIDField(help_text="Numbers without a country code are read as its country’s.")
    numbers = serializers.ListField(child=StrictText(max_length=200), min_length=1, max_length=MOST_NUMBERS)
    source = StrictChoice(  # type: ignore[assignment]  # declared fields leave the class
        choices=NumberSource.values, required=False, help_text="Without it, as the location’s PSTN connection says."
    )
    campaign_id = serializers.UUIDField(required=False, allow_null=True, default=None)


class NumberResult(serializers.Serializer[Any]):
    """What became of one number, or of what could not be read as one."""

    typed = serializers.CharField(help_text="The entry of the request.")
    number = serializers.CharField(allow_null=True, help_text="In E.164 form; null when it is none.")
    id = serializers.UUIDField(allow_null=True)
    outcome = serializers.ChoiceField(
        choices=RowOutcome.values, help_text="unchanged: it is in the inventory, or in the request, already."
    )
    code = serializers.CharField(help_text="Why it was refused.")
    sentence = serializers.CharField()


class NumbersAdded(serializers.Serializer[Any]):
    added = serializers.IntegerField()
    refused = serializers.IntegerField()
    results = NumberResult(many=True)


class NumbersTask(serializers.Serializer[Any]):
    task = serializers.UUIDField(help_text="Its address is in the Location header.")
    results = NumberResult(many=True, help_text="What is not part of the task, and why.")


class NumberChange(serializers.Serializer[Any]):
    """What is not named stays."""

    active = StrictBoolean(required=False)
    location_id = serializers.UUIDField(required=False)
    campaign_id = serializers.UUIDField(required=False, allow_null=True, help_text="Null links it to none.")


class NumbersChange(serializers.Serializer[Any]):
    """One action on the numbers named in `ids`, or on all that match `filter` when the task runs."""

    action = StrictChoice(choices=list(ACTIONS))
    ids = serializers.ListField(child=serializers.UUIDField(), required=False, min_length=1, max_length=MOST_IDS)
    filter = NumbersFilter(required=False)
    location_id = serializers.UUIDField(required=False, help_text="For move.")
    campaign_id = serializers.UUIDField(required=False, help_text="For link.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("ids" in attrs) == ("filter" in attrs):
            raise serializers.ValidationError("Name the numbers in ids, or all that match a filter: one of both.")
        needs = ACTIONS[attrs["action"]].needs
        if needs and f"{needs}_id" not in attrs:
            raise serializers.ValidationError({f"{needs}_id": "This action needs it."})
        return attrs


class PrimaryNumberChange(serializers.Serializer[Any]):
    number_id = serializers.UUIDField(help_text="A free, active number of the inventory.")


class PrimaryNumberAnswer(serializers.Serializer[Any]):
    number = NumberAnswer(allow_null=True)
