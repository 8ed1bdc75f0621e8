"""The two customers. Northwind can text; Contoso, a trial, can’t, and shows that nobody sees another’s rows."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Final

from messaging.models import CarrierAccount, SendingNumber
from provisioning.business_hours import checked, keep, read_day
from provisioning.changes import Actor, record_target
from provisioning.demonstration import ACCOUNTS
from provisioning.models import CallingPlan, Campaign, Location, Organization, PhoneNumber, RoleAssignment, User
from provisioning.models.organizations import CustomerType
from provisioning.models.users import License
from provisioning.texting import set_organization_texting
from texting_hub.demonstration.people import PEOPLE, PLACES, SAN_FRANCISCO, Person
from texting_hub.demonstration.registration import make_registration

NORTHWIND_ID: Final = uuid.UUID("01990000-0000-7000-8000-000000000001")
CONTOSO_ID: Final = uuid.UUID("01990000-0000-7000-8000-000000000002")
SEEDER: Final = Actor.system("seed_demo")


def make_northwind(account: CarrierAccount, password: str, now: datetime) -> Organization:
    """Plans, registration, locations, people with numbers and roles; texting switched on by Maya Okafor."""
    organization = _organization(NORTHWIND_ID, "Northwind Dental Supply", addon_licenses=40)
    CallingPlan.objects.bulk_create(CallingPlan(organization=organization, country=code) for code in ("US", "CA"))
    campaign = make_registration(organization, now)
    places = {place.name: place for place in PLACES}
    locations = {
        name: Location.objects.create(
            organization=organization, name=name, country=place.country, time_zone=place.time_zone,
            pstn_connection=place.pstn, texting_setting=place.texting,
            **{f"emergency_{part}": value for part, value in asdict(place.address).items()},
        )
        for name, place in places.items()
    }  # fmt: skip
    keep(locations[SAN_FRANCISCO], checked(span for day in range(5) for span in read_day("8:00-17:30", day)))
    for person in PEOPLE:
        user = _user(organization, person, locations[person.place], password)
        if person.e164:
            _number(person, user, campaign, account)
    _switch_on(organization, now - timedelta(days=82))
    return organization


def make_contoso(password: str) -> Organization:
    """A small trial customer: not eligible, and another organization."""
    organization = _organization(CONTOSO_ID, "Contoso Optical", customer_type=CustomerType.TRIAL)
    location = Location.objects.create(organization=organization, name="Portland", country="US")
    for first, last, role in (("Amara", "Diallo", "full_admin"), ("Felix", "Brandt", "")):
        user = User(
            organization=organization, location=location, first_name=first, last_name=last, password=password,
            email=f"{first}.{last}@contoso.example".lower(), license=License.PROFESSIONAL,
        )  # fmt: skip
        user.save()
        if role:
            RoleAssignment.objects.create(organization=organization, user=user, role=role)
    return organization


def make_operator(password: str) -> User:
    """The provider operator: staff, in no organization."""
    account = next(account for account in ACCOUNTS if account.role == "operator")
    operator = User(
        email=account.email, first_name=account.first_name, last_name=account.last_name,
        is_staff=True, is_superuser=True, password=password,
    )  # fmt: skip
    operator.save()
    return operator


def _organization(key: uuid.UUID, name: str, **fields: object) -> Organization:
    organization = Organization.objects.create(id=key, name=name, **fields)
    record_target("organization.added", SEEDER, organization, organization_id=organization.pk, after={"name": name})
    return organization


def _user(organization: Organization, person: Person, location: Location, password: str) -> User:
    user = User(
        organization=organization, location=location, email=person.email, first_name=person.first_name,
        last_name=person.last_name, license=person.license, texting_setting=person.texting,
        is_active=person.active, password=password,
    )  # fmt: skip
    user.save()
    if person.role:
        RoleAssignment.objects.create(
            organization=organization, user=user, role=person.role,
            location=location if person.role == "location_admin" else None,
        )  # fmt: skip
    return user


def _number(person: Person, user: User, campaign: Campaign, account: CarrierAccount) -> None:
    number = PhoneNumber.objects.create(
        organization=campaign.organization, location=user.location, e164=person.e164, user=user,
        source=person.source, capability=person.capability, campaign=campaign if person.linked else None,
    )  # fmt: skip
    SendingNumber.objects.create(number=number, organization=campaign.organization, carrier_account=account)


def _switch_on(organization: Organization, when: datetime) -> None:
    """By the same path as the portal, so that the audit log tells of it."""
    maya = User.objects.get(organization=organization, email=ACCOUNTS[0].email)
    set_organization_texting(organization, True, Actor.of_user(maya, via="command"), when, accept_policy=True)
