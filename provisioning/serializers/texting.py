"""`me` and business-texting: what they take and answer with."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from provisioning.eligibility import Gate, RequirementState
from provisioning.enablement import Source
from provisioning.models import Role, TextingSetting
from provisioning.roles import Permission
from provisioning.serializers.strict import StrictBoolean, StrictChoice
from provisioning.tokens import SCOPES


class OrganizationTextingChange(serializers.Serializer[Any]):
    """`accept_acceptable_use_policy` and `attest_no_health_information` are kept with who and when."""

    enabled = StrictBoolean()
    accept_acceptable_use_policy = StrictBoolean(required=False, default=False)
    attest_no_health_information = StrictBoolean(
        required=False,
        default=False,
        help_text="Business texting is not HIPAA compliant. A healthcare customer confirms that no protected health "
        "information is texted.",
    )


class TextingChange(serializers.Serializer[Any]):
    """`default` takes the override away."""

    setting = StrictChoice(choices=TextingSetting.values)


class RequirementAnswer(serializers.Serializer[Any]):
    code = serializers.CharField()
    state = serializers.ChoiceField(choices=[state.value for state in RequirementState])
    label = serializers.CharField()  # type: ignore[assignment]  # declared fields leave the class
    detail = serializers.CharField(help_text="What was found.")
    sentence = serializers.CharField(help_text="Empty when it is met.")
    remedy = serializers.CharField(help_text="What to do, and who does it. Empty when it is met.")
    gates = serializers.ChoiceField(
        choices=[gate.value for gate in Gate], help_text="What it stops while it is not met."
    )  # fmt: skip


class _TextingAnswer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    setting = serializers.ChoiceField(choices=TextingSetting.values, help_text="The setting of this level.")
    enabled = serializers.BooleanField(help_text="The effective value.")
    source = serializers.ChoiceField(  # type: ignore[assignment]  # declared fields leave the class
        choices=[source.value for source in Source], help_text="Whose setting decides."
    )
    requirements = RequirementAnswer(many=True)


class OrganizationTextingAnswer(_TextingAnswer):
    acceptable_use_policy_accepted = serializers.BooleanField()
    no_health_information_attested = serializers.BooleanField()


class LocationTextingAnswer(_TextingAnswer):
    pass


class PersonTextingAnswer(_TextingAnswer):
    can_receive = serializers.BooleanField()
    can_send = serializers.BooleanField()


class Named(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()


class StandingAnswer(serializers.Serializer[Any]):
    enabled = serializers.BooleanField()
    can_receive = serializers.BooleanField()
    can_send = serializers.BooleanField()
    code = serializers.CharField(help_text="Why not: user_inactive, texting_off, or the first unmet requirement.")
    sentence = serializers.CharField()


class MeAnswer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    email = serializers.EmailField()
    name = serializers.CharField()
    organization = Named(allow_null=True)
    location = Named(allow_null=True)
    primary_number = serializers.CharField(allow_null=True, help_text="In E.164 form.")
    roles = serializers.ListField(child=serializers.ChoiceField(choices=Role.values))
    permissions = serializers.ListField(child=serializers.ChoiceField(choices=[item.value for item in Permission]))
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=list(SCOPES)), allow_null=True,
        help_text="Of the token in use; null in a session.",
    )  # fmt: skip
    business_texting = StandingAnswer()
