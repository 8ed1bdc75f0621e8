"""Brands and campaigns: what the API takes and answers with. A draft may lack anything; submitting takes all of it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from provisioning.models import Brand, Campaign, PhoneNumber
from provisioning.models.registration import BrandStatus, CampaignStatus
from provisioning.models.registry_terms import (
    COUNTRIES,
    EXCHANGES,
    SUB_CASES,
    USE_CASES,
    VERTICALS,
    BrandTier,
    EntityType,
)
from provisioning.registration.checks import LENGTHS, MOST_SAMPLES
from provisioning.registration.drafts import BRAND_FIELDS, CAMPAIGN_FIELDS
from provisioning.serializers.strict import StrictBoolean, StrictChoice, StrictText


def _text(most: int, help_text: str = "") -> StrictText:
    return StrictText(required=False, allow_blank=True, max_length=most, help_text=help_text)


def _choice(choices: Any, help_text: str = "") -> StrictChoice:
    return StrictChoice(required=False, allow_blank=True, choices=list(choices), help_text=help_text)


def _flag() -> StrictBoolean:
    return StrictBoolean(required=False)


class _CountryCode(StrictText):
    """A code that we have a name for, or nothing."""

    default_error_messages = {"unknown_country": "This is not the two-letter code of a country that can be registered."}

    def __init__(self) -> None:
        super().__init__(required=False, allow_blank=True, max_length=2, help_text="Two letters, as in US.")

    def to_internal_value(self, data: Any) -> str:
        code = super().to_internal_value(data)
        if code and code not in COUNTRIES:
            self.fail("unknown_country")
        return code


class BrandChange(serializers.Serializer[Any]):
    entity_type = _choice(EntityType.values)
    legal_name = _text(255, "Exactly as on the tax registration.")
    dba = _text(255)
    tax_id = _text(21, "US: the EIN. Canada: the Business Number.")
    tax_id_country = _CountryCode()
    stock_symbol = _text(10, "Publicly traded companies only.")
    stock_exchange = _choice(EXCHANGES)
    street = _text(100)
    city = _text(100)
    region = _text(20)
    postal_code = _text(10)
    country = _CountryCode()
    vertical = _choice(VERTICALS)
    website = _text(100)
    contact_name = _text(200)
    contact_email = _text(100)
    contact_phone = _text(40)


class CampaignChange(serializers.Serializer[Any]):
    name = StrictText(required=False, max_length=200)
    use_case = _choice(USE_CASES)
    sub_use_cases = serializers.ListField(
        child=StrictChoice(choices=list(SUB_CASES)), required=False, max_length=len(SUB_CASES)
    )
    description = _text(LENGTHS["description"][1], "40 to 4,096 characters.")
    message_flow = _text(LENGTHS["message_flow"][1], "40 to 2,048 characters.")
    samples = serializers.ListField(
        child=StrictText(allow_blank=True, max_length=LENGTHS["sample"][1]), required=False, max_length=MOST_SAMPLES,
        help_text="Two to five, of 20 to 1,024 characters.",
    )  # fmt: skip
    embedded_link = _flag()
    embedded_phone = _flag()
    number_pool = _flag()
    age_gated = _flag()
    direct_lending = _flag()
    opt_in_keywords = _text(255, "With commas between them.")
    opt_in_message = _text(320)
    opt_out_keywords = _text(255)
    opt_out_message = _text(320)
    help_keywords = _text(255)
    help_message = _text(320)
    opt_in_message_fr = _text(320)
    opt_out_message_fr = _text(320)
    help_message_fr = _text(320)
    privacy_url = _text(255)
    terms_url = _text(255)


class CampaignNew(CampaignChange):
    brand_id = serializers.UUIDField()
    name = StrictText(max_length=200)


class ReasonAnswer(serializers.Serializer[Any]):
    code = serializers.CharField(default="")
    text = serializers.CharField(default="")
    field = serializers.CharField(default="", help_text="Which of our fields it is about, where the registry says so.")


class StepAnswer(serializers.Serializer[Any]):
    step = serializers.CharField(
        help_text="draft, submitting, pending, verified, active, rejected, suspended, expired, or not_taken."
    )
    at = serializers.DateTimeField(help_text="When it happened; the registry's by its own clock.")
    source = serializers.CharField(help_text="portal, registry, operator or hub.")  # type: ignore[assignment]
    reasons = ReasonAnswer(many=True)


class BrandAnswer(serializers.ModelSerializer[Brand]):
    status = serializers.CharField(help_text=f"One of {', '.join(BrandStatus.values)}.")
    entity_type = serializers.CharField()
    tier = serializers.CharField(help_text=f"One of {', '.join(BrandTier.values)}; empty: not yet told.")
    reasons = ReasonAnswer(many=True, help_text="The registry's, for the present status.")

    class Meta:
        model = Brand
        fields = (
            "id", "status", "status_at", "reasons", "registry_id", *BRAND_FIELDS, "tier", "segments_a_day",
            "created_at",
        )  # fmt: skip


class OneBrandAnswer(BrandAnswer):
    history = StepAnswer(source="steps", many=True)

    class Meta(BrandAnswer.Meta):
        fields = (*BrandAnswer.Meta.fields, "history")  # type: ignore[assignment]


class CampaignAnswer(serializers.ModelSerializer[Campaign]):
    status = serializers.CharField(help_text=f"One of {', '.join(CampaignStatus.values)}.")
    reasons = ReasonAnswer(many=True, help_text="The registry's, for the present status.")
    brand_id = serializers.UUIDField()
    sub_use_cases = serializers.ListField(child=serializers.CharField())
    samples = serializers.ListField(child=serializers.CharField())
    numbers = serializers.IntegerField(source="linked", help_text="Active numbers that are linked to it.")

    class Meta:
        model = Campaign
        fields = (
            "id", "brand_id", "status", "status_at", "reasons", "registry_id", *CAMPAIGN_FIELDS, "expires_at",
            "throughput_class", "segments_a_minute", "numbers", "created_at",
        )  # fmt: skip


class OneCampaignAnswer(CampaignAnswer):
    history = StepAnswer(source="steps", many=True)

    class Meta(CampaignAnswer.Meta):
        fields = (*CampaignAnswer.Meta.fields, "history")  # type: ignore[assignment]


class LinkNumbers(serializers.Serializer[Any]):
    numbers = serializers.ListField(
        child=serializers.UUIDField(), min_length=1, max_length=500, help_text="Ids of numbers of the organization."
    )


class LinkedNumber(serializers.ModelSerializer[PhoneNumber]):
    user_id = serializers.UUIDField(allow_null=True)

    class Meta:
        model = PhoneNumber
        fields = ("id", "e164", "active", "user_id")
