"""Rows for tests. The defaults make a user who can text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import factory
from factory.django import DjangoModelFactory

from messaging.models import CarrierAccount, Conversation, Message, SendingNumber
from provisioning import models as provisioning

PASSWORD = "a long enough password"
NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


class OrganizationFactory(DjangoModelFactory):
    class Meta:
        model = provisioning.Organization
        skip_postgeneration_save = True

    name = factory.Sequence(lambda n: f"Organization {n}")
    addon_licenses = 100
    texting_enabled = True
    acceptable_use_accepted_at = NOW

    @factory.post_generation
    def plans(self, create: bool, extracted: Any, **kwargs: Any) -> None:
        for country in ("US", "CA") if extracted is None else extracted:
            provisioning.CallingPlan.objects.create(organization=self, country=country)


class BrandFactory(DjangoModelFactory):
    class Meta:
        model = provisioning.Brand

    organization = factory.SubFactory(OrganizationFactory)
    legal_name = "Northwind Dental Supply, Inc."
    status = "verified"


class CampaignFactory(DjangoModelFactory):
    class Meta:
        model = provisioning.Campaign

    brand = factory.SubFactory(BrandFactory)
    organization = factory.SelfAttribute("brand.organization")
    name = "Customer care"
    registry_id = factory.Sequence(lambda n: f"C{n:06d}")
    status = "active"


class LocationFactory(DjangoModelFactory):
    class Meta:
        model = provisioning.Location

    organization = factory.SubFactory(OrganizationFactory)
    name = factory.Sequence(lambda n: f"Location {n}")
    country = "US"


class UserFactory(DjangoModelFactory):
    """A user with a Professional license at a US location; no number yet."""

    class Meta:
        model = provisioning.User
        skip_postgeneration_save = True

    location = factory.SubFactory(LocationFactory)
    organization = factory.SelfAttribute("location.organization")
    email = factory.Sequence(lambda n: f"user{n}@example.com")
    first_name = "Rosalind"
    last_name = factory.Sequence(lambda n: f"Abernathy{n}")
    license = "professional"
    password = "!"


class OperatorFactory(DjangoModelFactory):
    class Meta:
        model = provisioning.User

    email = factory.Sequence(lambda n: f"operator{n}@provider.example")
    is_staff = True
    is_superuser = True
    password = "!"


class PhoneNumberFactory(DjangoModelFactory):
    class Meta:
        model = provisioning.PhoneNumber

    organization = factory.SubFactory(OrganizationFactory)
    # Never one that a test writes out: those are below 1000, the person who texts (0122) too.
    e164 = factory.Sequence(lambda n: f"+1415555{1000 + n % 9000:04d}")
    capability = "capable"


class CarrierAccountFactory(DjangoModelFactory):
    class Meta:
        model = CarrierAccount

    name = factory.Sequence(lambda n: f"Simulator {n}")
    carrier = "simulator"
    base_url = "http://127.0.0.1:9"


class SendingNumberFactory(DjangoModelFactory):
    class Meta:
        model = SendingNumber

    number = factory.SubFactory(PhoneNumberFactory)
    organization = factory.SelfAttribute("number.organization")
    carrier_account = factory.SubFactory(CarrierAccountFactory)


def texting_user(organization: provisioning.Organization | None = None, **fields: Any) -> provisioning.User:
    """A user who can send and receive: location, license, number, campaign, carrier account."""
    organization = organization or OrganizationFactory()
    location = fields.pop("location", None) or LocationFactory(organization=organization)
    campaign = provisioning.Campaign.objects.filter(organization=organization).first() or CampaignFactory(
        brand=BrandFactory(organization=organization)
    )
    user = UserFactory(location=location, organization=organization, **fields)
    number = PhoneNumberFactory(organization=organization, location=location, user=user, campaign=campaign)
    account = CarrierAccount.objects.first() or CarrierAccountFactory()
    SendingNumberFactory(number=number, carrier_account=account)
    return user


def with_role(user: provisioning.User, role: str, location: provisioning.Location | None = None) -> provisioning.User:
    """The same user, with one more role, held since long before anything that a test is about."""
    given = provisioning.RoleAssignment.objects.create(
        organization=user.organization, user=user, role=role, location=location
    )
    provisioning.RoleAssignment.objects.filter(pk=given.pk).update(created_at=NOW - timedelta(days=30))
    if hasattr(user, "_kept_assignments"):
        del user._kept_assignments
    return user


class ConversationFactory(DjangoModelFactory):
    class Meta:
        model = Conversation

    user = factory.LazyFunction(texting_user)
    organization = factory.SelfAttribute("user.organization")
    number = factory.SelfAttribute("user.primary_number")
    own_e164 = factory.SelfAttribute("number.e164")
    counterpart = factory.Sequence(lambda n: f"+1206555{n % 10000:04d}")
    changed_at = NOW


class MessageFactory(DjangoModelFactory):
    """A delivered outbound text; place it in a conversation's order with `seq`; its own is past what tests compose."""

    class Meta:
        model = Message

    conversation = factory.SubFactory(ConversationFactory)
    organization = factory.SelfAttribute("conversation.organization")
    user = factory.SelfAttribute("conversation.user")
    number = factory.SelfAttribute("conversation.number")
    own_e164 = factory.SelfAttribute("conversation.own_e164")
    counterpart = factory.SelfAttribute("conversation.counterpart")
    seq = factory.Sequence(lambda n: n + 1001)
    direction = "out"
    body = "Your sample kit is ready."
    search_text = factory.LazyAttribute(lambda message: message.body.casefold())
    encoding = "gsm7"
    segments = 1
    status = "delivered"
    accepted_at = NOW
    due_at = factory.SelfAttribute("accepted_at")
