"""People and their roles: what the API takes and answers with."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from provisioning.enablement import Source
from provisioning.forms.users import REQUIREMENTS
from provisioning.models import Role
from provisioning.models.access import RoleOrigin
from provisioning.models.users import License
from provisioning.serializers.strict import StrictBoolean, StrictChoice, StrictText
from provisioning.serializers.texting import Named
from provisioning.user_filters import ACCOUNTS, NO_LOCATION


class PersonFields(serializers.Serializer[Any]):
    """What a profile holds. `location` is an id, or null for none."""

    first_name = StrictText(required=False, allow_blank=True, max_length=100)
    last_name = StrictText(required=False, allow_blank=True, max_length=100)
    email = StrictText(max_length=254, help_text="Unique without regard to case. The user signs in with it.")
    location = serializers.UUIDField(required=False, allow_null=True)
    license = StrictChoice(required=False, choices=License.values)


class PersonNew(PersonFields):
    """A new user has no password: the invitation lets them choose one."""

    invite = StrictBoolean(required=False, default=True, help_text="Mail an invitation at once.")


class PersonChange(PersonFields):
    """Only what is sent is changed. `active` false deactivates, as the address for that does."""

    email = StrictText(required=False, max_length=254)
    active = StrictBoolean(required=False)


class Deactivation(serializers.Serializer[Any]):
    release_number = StrictBoolean(
        required=False, default=False, help_text="Take the primary number away: another user can have it then."
    )


class PersonTextingSummary(serializers.Serializer[Any]):
    enabled = serializers.BooleanField()
    source = serializers.ChoiceField(  # type: ignore[assignment]  # declared fields leave the class
        choices=[source.value for source in Source], help_text="Whose setting decides."
    )
    can_receive = serializers.BooleanField()
    can_send = serializers.BooleanField()
    code = serializers.CharField(help_text="Why not: user_inactive, texting_off, or the first unmet requirement.")


class PersonAnswer(serializers.Serializer[Any]):
    """A person as lists show one."""

    id = serializers.UUIDField()
    email = serializers.EmailField()
    first_name = serializers.CharField()
    last_name = serializers.CharField()
    location = Named(allow_null=True)
    license = serializers.ChoiceField(choices=License.values)
    primary_number = serializers.CharField(allow_null=True, help_text="In E.164 form.")
    active = serializers.BooleanField()
    invited_at = serializers.DateTimeField(allow_null=True)
    last_sign_in = serializers.DateTimeField(allow_null=True)
    business_texting = PersonTextingSummary()


class PeopleFilter(serializers.Serializer[Any]):
    """The filters of the Users page; several narrow further."""

    q = serializers.CharField(
        required=False,
        max_length=200,
        help_text="Words of the name or e-mail address, without regard to case; or digits of the primary number.",
    )
    location = serializers.RegexField(
        f"^({NO_LOCATION}|[0-9a-fA-F-]{{32,36}})$", required=False, help_text='An id, or "none" for no location.'
    )
    status = serializers.ChoiceField(choices=["on", "off", "not_eligible"], required=False)
    source = serializers.ChoiceField(  # type: ignore[assignment]  # declared fields leave the class
        choices=[source.value for source in Source], required=False, help_text="Whose setting decides."
    )
    requirement = serializers.ChoiceField(
        choices=sorted(REQUIREMENTS),
        required=False,
        help_text="A requirement that is not met or waits; with :not_met or :waiting, only that.",
    )
    license = serializers.ChoiceField(choices=License.values, required=False)
    account = serializers.ChoiceField(choices=list(ACCOUNTS), required=False)

    def validate_location(self, value: str) -> str:
        if value != NO_LOCATION:
            serializers.UUIDField().run_validation(value)
        return value


class ClientAnswer(serializers.Serializer[Any]):
    version = serializers.CharField(help_text="As the Webex app sent it: desktop/42.12.0.")
    seen_at = serializers.DateTimeField(allow_null=True, help_text="To a minute.")
    too_old = serializers.BooleanField(help_text="It gets 426 and can’t text.")


class OnePersonAnswer(PersonAnswer):
    """A person by themself: the same, and what is known of the account."""

    created_at = serializers.DateTimeField()
    awaits_activation = serializers.BooleanField(help_text="The user has not chosen a password yet.")
    client = ClientAnswer(allow_null=True, help_text="The Webex app last seen; null when there was none.")


class RoleNew(serializers.Serializer[Any]):
    """`location` is for a location administrator, who has the role once for each."""

    role = StrictChoice(choices=Role.values)
    location = serializers.UUIDField(required=False, allow_null=True)


class RoleAnswer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    role = serializers.ChoiceField(choices=Role.values)
    location = Named(allow_null=True)
    origin = serializers.ChoiceField(choices=RoleOrigin.values)
    created_at = serializers.DateTimeField()


class Somebody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField(source="display_name")
    email = serializers.EmailField()
    active = serializers.BooleanField(source="is_active")


class AdministratorAnswer(RoleAnswer):
    """One role of one person."""

    person = Somebody(source="user")


class AdministratorsQuery(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=Role.values, required=False, help_text="Only this role.")
    location = serializers.UUIDField(required=False, help_text="Only administrators of this location.")
