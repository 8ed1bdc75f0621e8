"""Every address, opened by everybody: each role, someone signed out, and someone with every role elsewhere.

What is expected follows from what the view declares, so a new page is tested the day it is added. A new kind of
parameter needs a value in `World.value_of`, and the test says so.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from django.urls import reverse

from compliance.models import Export, PurgeRun
from messaging.models import CarrierAccount, ContentRule, Conversation, Message
from provisioning.models import ApiToken, Organization, Role, RoleAssignment, Task, User, UserImport
from provisioning.roles import Permission, permissions_of
from tests import factories
from tests.addresses import Address, operations, pages

ROLES = [*Role.values, "user", "operator"]
STREAMS = ("live",)
"""Answered without end; tests/test_live.py opens them."""
DEMONSTRATION = ("outbox",)
"""Not there elsewhere, see tests/provisioning/test_outbox.py."""
SIGNED = ("webhook", "registry_webhook")
"""Opened by a carrier's signature, not by a role: everyone else is refused, see tests/messaging."""


@dataclass
class World:
    """One organization with one row of each kind, and a person of each role at the same location."""

    organization: Organization
    texter: User
    conversation: Conversation
    message: Message
    export: Export
    purge: PurgeRun
    account: CarrierAccount
    task: Task
    token: ApiToken
    people: dict[str, User]
    stranger: User

    def value_of(self, parameter: str) -> Any:
        values = {
            "user_id": self.texter.pk,
            "person_id": self.texter.pk,
            "organization_id": self.organization.pk,
            "location_id": self.texter.location_id,
            "conversation_id": self.conversation.pk,
            "message_id": self.message.pk,
            "text_id": self.message.pk,
            "export_id": self.export.pk,
            "run_id": self.purge.pk,
            "account_id": self.account.pk,
            "task_id": self.task.pk,
            "import_id": self.user_import.pk,
            "token_id": self.token.pk,
            "brand_id": self.texter.primary_number.campaign.brand_id,
            "campaign_id": self.texter.primary_number.campaign_id,
            "registry_account_id": uuid.UUID(int=1),
            "number_id": self.texter.primary_number.pk,
            "members_token_id": self.token.pk,
            "assignment_id": self.assignment.pk,
            "rule_id": self.rule.pk,
        }
        if parameter == "factor_id":
            return _app_of(self.texter)
        assert parameter in values, f"Say in {__name__} which row {parameter} stands for."
        return values[parameter]

    @property
    def assignment(self) -> RoleAssignment:
        """A role of the texter: made anew once somebody took it away."""
        held, _made = RoleAssignment.objects.get_or_create(
            organization=self.organization, user=self.texter, role=Role.READ_ONLY_ADMIN
        )
        return held

    @property
    def rule(self) -> ContentRule:
        """A content rule: made anew once somebody deleted it."""
        found, _made = ContentRule.objects.get_or_create(
            organization=self.organization, name="Prices", defaults={"pattern": "discount"}
        )
        return found

    @property
    def user_import(self) -> UserImport:
        """A file of the location administrator, so everybody's who may import: made anew once it was discarded."""
        found, _made = UserImport.objects.get_or_create(
            organization=self.organization, created_by=self.people[Role.LOCATION_ADMIN],
            defaults={"created_at": factories.NOW, "ready_at": factories.NOW},
        )  # fmt: skip
        return found

    def path(self, address: Address) -> str:
        return reverse(address.name, kwargs={name: self.value_of(name) for name in address.parameters})


def _app_of(person: User) -> int:
    """The texter's authenticator app: only who has one is asked for it, so it is not there before it is named."""
    app, _made = Authenticator.objects.get_or_create(user=person, type=Authenticator.Type.TOTP, data={"secret": ""})
    found: int = app.pk
    return found


PRIVATE = {"conversation_id", "message_id", "factor_id", "token_id"}
"""Rows of one person: not there for anybody else, whatever their role."""


@pytest.fixture
def world(user: User, stranger: User) -> World:
    organization, location = user.organization, user.location
    assert organization is not None
    conversation = factories.ConversationFactory(user=user)
    people = {"user": factories.UserFactory(organization=organization, location=location)}
    for role in Role.values:
        person = factories.UserFactory(organization=organization, location=location)
        people[role] = factories.with_role(person, role, location if role == Role.LOCATION_ADMIN else None)
    people["operator"] = factories.OperatorFactory()
    for role in Role.values:
        factories.with_role(stranger, role, stranger.location if role == Role.LOCATION_ADMIN else None)
    return World(
        organization=organization,
        texter=user,
        conversation=conversation,
        message=factories.MessageFactory(conversation=conversation),
        export=Export.objects.create(
            organization=organization, requested_by=people[Role.COMPLIANCE_OFFICER], name="Export",
            created_at=factories.NOW,
            held_until=factories.NOW,
        ),
        purge=PurgeRun.objects.create(
            organization=organization, night=factories.NOW.date(), cutoff=factories.NOW, started_at=factories.NOW,
            finished_at=factories.NOW,
        ),
        account=CarrierAccount.objects.get(),
        # A location administrator sees the own ones only.
        task=Task.objects.create(
            organization=organization, requested_by=people[Role.LOCATION_ADMIN], kind="users_texting_off", via="portal",
            created_at=factories.NOW, arguments={"filter": {}},
        ),
        token=ApiToken.objects.create(
            organization=organization, user=user, name="Sync", prefix="0" * 12, digest="0" * 64, scopes=["people:read"],
            expires_at=factories.NOW,
        ),
        people=people,
        stranger=stranger,
    )  # fmt: skip


def allowed(person: User, access: tuple[Permission, ...] | None) -> bool:
    return access is None or permissions_of(person) >= set(access)


def opened(browser: Client, path: str) -> int:
    """GET and its answer; where only POST is taken, an empty POST (which asks the same question: may I?)."""
    answer = browser.get(path)
    return browser.post(path).status_code if answer.status_code == 405 else answer.status_code


@pytest.mark.parametrize(
    "address", [page for page in pages() if page.name not in STREAMS + SIGNED + DEMONSTRATION], ids=str
)
def test_a_page_opens_for_the_roles_it_declares_and_for_nobody_else(
    world: World, signed_in_as: Any, address: Address
) -> None:
    for role in ROLES:
        person = world.people[role]
        status = opened(signed_in_as(person), world.path(address))
        if not allowed(person, address.access):
            assert status == 403, role
        elif address.access is not None and set(address.parameters) & PRIVATE:
            assert status == 404, role
        else:
            assert status not in (401, 403, 404, 500), role


@pytest.mark.parametrize("address", [page for page in pages() if set(page.parameters) & PRIVATE], ids=str)
def test_a_private_page_opens_for_its_owner(world: World, signed_in_as: Any, address: Address) -> None:
    assert opened(signed_in_as(world.texter), world.path(address)) not in (401, 403, 404, 500)


@pytest.mark.parametrize("address", [page for page in pages() if page.name not in DEMONSTRATION], ids=str)
def test_whoever_is_signed_out_is_asked_to_sign_in(world: World, client: Client, address: Address) -> None:
    answer = client.get(world.path(address))
    if address.access is None:
        assert answer.status_code not in (401, 404, 500)
    else:
        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, reverse("sign_in"))


def is_operators(address: Address) -> bool:
    """The provider's own pages: of no organization, so whoever is in one is refused (403) whatever the row."""
    return bool(address.access) and Permission.OPERATE in address.access


SCOPED = [page for page in pages() if page.parameters and page.access is not None and not is_operators(page)]


@pytest.mark.parametrize("address", SCOPED, ids=str)
def test_someone_of_another_organization_finds_nothing_whatever_their_roles(
    world: World, signed_in_as: Any, address: Address
) -> None:
    browser = signed_in_as(world.stranger)
    assert opened(browser, world.path(address)) == 404
    unknown = {name: 2**31 - 1 if name == "factor_id" else uuid.uuid4() for name in address.parameters}
    nowhere = reverse(address.name, kwargs=unknown)
    assert opened(browser, nowhere) == 404


def methods(address: Address) -> list[str]:
    return [name for name in ("get", "post", "put", "patch", "delete") if name.upper() in address.api_view.access]


OPERATIONS = [pytest.param(each, method, id=f"{method} {each}") for each in operations() for method in methods(each)]


def asked(browser: Client, method: str, path: str) -> Any:
    return getattr(browser, method)(path, data={}, content_type="application/json")


@pytest.mark.parametrize(("address", "method"), OPERATIONS)
def test_an_api_operation_answers_the_roles_it_declares_and_nobody_else(
    world: World, signed_in_as: Any, address: Address, method: str
) -> None:
    for role in ROLES:
        person = world.people[role]
        answer = asked(signed_in_as(person), method, world.path(address))
        if not allowed(person, address.api_view.access[method.upper()]):
            assert answer.status_code == 403, role
        elif set(address.parameters) & PRIVATE or (role == "operator" and address.parameters):
            assert answer.status_code == 404, role
        else:
            assert answer.status_code not in (401, 403, 500), role
        if answer.status_code >= 400:
            assert answer["Content-Type"] == "application/problem+json"
            assert answer.json()["code"]


@pytest.mark.parametrize(("address", "method"), OPERATIONS)
def test_the_api_answers_nobody_who_is_signed_out(world: World, client: Client, address: Address, method: str) -> None:
    answer = asked(client, method, world.path(address))
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


@pytest.mark.parametrize(
    ("address", "method"), [entry for entry in OPERATIONS if entry.values[0].parameters]
)  # fmt: skip
def test_the_api_shows_nothing_of_another_organization(
    world: World, signed_in_as: Any, address: Address, method: str
) -> None:
    answer = asked(signed_in_as(world.stranger), method, world.path(address))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
