"""The organization's account: what the API takes and answers with."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from provisioning.account import LONGEST_REPLY
from provisioning.models.organizations import CustomerType, OptOutScope
from provisioning.serializers.strict import StrictChoice, StrictText
from provisioning.serializers.texting import Named


class OrganizationChange(serializers.Serializer[Any]):
    """What is not named stays. What was sold is the provider's to change."""

    time_zone = StrictText(max_length=64, required=False, help_text="A name of the IANA time zone database.")
    opt_out_scope = StrictChoice(choices=OptOutScope.choices, required=False)
    unanswered_reply = StrictText(
        max_length=LONGEST_REPLY, required=False, allow_blank=True,
        help_text="Sent to who texts a number whose user is off or gone, once a day at most; empty: none.",
    )  # fmt: skip


class LicensesAnswer(serializers.Serializer[Any]):
    bought = serializers.IntegerField()
    assigned = serializers.IntegerField(
        help_text="Active users with a Webex Calling Professional license for whom Business Texting is on."
    )


class AcceptedAnswer(serializers.Serializer[Any]):
    text = serializers.CharField(help_text="The words as they are now; the audit log has those that were accepted.")
    accepted_at = serializers.DateTimeField(allow_null=True)
    accepted_by = Named(allow_null=True)


class OrganizationAnswer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    customer_type = serializers.ChoiceField(choices=CustomerType.choices)
    calling_plan_countries = serializers.ListField(child=serializers.CharField())
    addon_licenses = LicensesAnswer()
    healthcare = serializers.BooleanField()
    texting_enabled = serializers.BooleanField()
    acceptable_use_policy = AcceptedAnswer()
    health_information_attestation = AcceptedAnswer()
    time_zone = serializers.CharField()
    opt_out_scope = serializers.ChoiceField(choices=OptOutScope.choices)
    unanswered_reply = serializers.CharField()
