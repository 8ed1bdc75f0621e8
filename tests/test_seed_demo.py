"""The demonstration's rows."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from compliance.models import AuditEvent
from messaging.models import CarrierAccount, Conversation, Message, OptOut, SendingNumber
from provisioning import vault
from provisioning.demonstration import ACCOUNTS
from provisioning.eligibility import standing
from provisioning.models import Organization, PhoneNumber, RoleAssignment, User
from tests.factories import PASSWORD
from texting_hub.demonstration.conversations import BIANCHI, NAKAMURA, OPTED_OUT
from texting_hub.demonstration.people import PEOPLE

URL = "http://127.0.0.1:9099"
SECRETS = {"api_key": "an api key", "webhook_secret": "a webhook secret"}


@pytest.fixture(autouse=True)
def demonstration(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DEMONSTRATION = True
    settings.DEMO_PASSWORD = PASSWORD
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    monkeypatch.setenv("DEMO_PASSWORD", PASSWORD)
    monkeypatch.setenv("SIMULATOR_API_KEY", SECRETS["api_key"])
    monkeypatch.setenv("SIMULATOR_WEBHOOK_SECRET", SECRETS["webhook_secret"])
    monkeypatch.setenv("SIMULATOR_REGISTRY_KEY", "a registry key")
    monkeypatch.setenv("SIMULATOR_REGISTRY_SECRET", "a registry secret")


def seed(url: str = URL) -> str:
    """What the command prints."""
    printed = StringIO()
    call_command("seed_demo", simulator_url=url, stdout=printed)
    return printed.getvalue()


@pytest.fixture
def seeded(db: Any) -> Any:
    return json.loads(seed())


def test_it_prints_one_line_with_a_sign_in_for_every_role(db: Any) -> None:
    lines = seed().splitlines()
    assert len(lines) == 1
    answer = json.loads(lines[0])
    assert [entry["role"] for entry in answer["sign_ins"]] == [account.role for account in ACCOUNTS]
    assert answer["carrier_account_id"] == str(CarrierAccount.objects.get().pk)
    assert PASSWORD not in lines[0]
    assert not any(secret in lines[0] for secret in SECRETS.values())


def test_every_sign_in_works_and_leads_to_a_page(seeded: Any, client: Client) -> None:
    for entry in seeded["sign_ins"]:
        answer = Client().post(reverse("sign_in"), {"username": entry["email"], "password": PASSWORD}, follow=True)
        assert answer.status_code == 200, entry
        assert answer.redirect_chain


def test_every_role_is_there_and_is_who_the_button_says(seeded: Any) -> None:
    for account in ACCOUNTS:
        person = User.objects.get(email=account.email)
        assert person.display_name == account.name
        if account.role == "operator":
            assert person.is_staff
            assert person.organization is None
        elif account.role == "user":
            assert not person.role_assignments.exists()
        else:
            assert [assignment.role for assignment in person.role_assignments.all()] == [account.role]
    assert RoleAssignment.objects.get(role="location_admin").location.name == "Vancouver distribution centre"  # type: ignore[union-attr]


def counts() -> dict[str, int]:
    models: tuple[Any, ...] = (
        Organization, User, PhoneNumber, SendingNumber, CarrierAccount, Conversation, Message, OptOut, AuditEvent,
    )  # fmt: skip
    return {model.__name__: model.objects.count() for model in models}


def test_seeding_again_makes_nothing_twice(seeded: Any) -> None:
    before = counts()
    assert json.loads(seed()) == seeded
    assert counts() == before


def test_seeding_again_follows_the_simulator_and_the_password(seeded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMULATOR_API_KEY", "another key")
    monkeypatch.setenv("DEMO_PASSWORD", "another long password")
    seed("http://127.0.0.1:9100/")
    account = CarrierAccount.objects.get()
    assert account.base_url == "http://127.0.0.1:9100"
    assert vault.unseal(account.sealed_credentials) == {**SECRETS, "api_key": "another key"}
    assert all(User.objects.get(email=account.email).check_password("another long password") for account in ACCOUNTS)


def test_what_people_changed_in_the_demonstration_stays(seeded: Any) -> None:
    Organization.objects.update(texting_enabled=False)
    seed()
    assert not Organization.objects.filter(texting_enabled=True).exists()


def test_the_credentials_are_sealed(seeded: Any) -> None:
    account = CarrierAccount.objects.get()
    assert (account.name, account.carrier) == ("Carrier simulator", "simulator")
    assert SECRETS["api_key"] not in account.sealed_credentials
    assert vault.unseal(account.sealed_credentials) == SECRETS


@pytest.mark.parametrize(
    ("email", "code"),
    [
        ("rosalind.abernathy", ""),
        ("marguerite.beaulieu", ""),
        ("astrid.lundgren", ""),
        ("wei.chen", "texting_off"),
        ("karl.iverson", "texting_off"),
        ("linnea.eriksson", "location_pstn"),
        ("simon.hartley", "location_country"),
        ("desmond.faulkner", "primary_number"),
        ("grace.whitfield", "primary_number"),
        ("priya.grant", "number_capability"),
        ("joon.park", "number_capability"),
        ("linh.nguyen", "license"),
        ("beatriz.santos", "number_campaign"),
        ("li.zhang", "user_inactive"),
    ],
)
def test_people_stand_as_the_demonstration_means_them_to(seeded: Any, email: str, code: str) -> None:
    assert standing(User.objects.get(email=f"{email}@northwind.example")).code == code


def test_nobody_has_a_number_of_the_handset(seeded: Any) -> None:
    assert not PhoneNumber.objects.filter(e164__in=[BIANCHI, NAKAMURA, OPTED_OUT]).exists()
    counterparts = set(Conversation.objects.values_list("counterpart", flat=True))
    assert {BIANCHI, NAKAMURA, OPTED_OUT} <= counterparts
    assert not PhoneNumber.objects.filter(e164__in=counterparts).exists()


def test_every_number_is_from_a_range_kept_for_fiction() -> None:
    for person in PEOPLE:
        assert not person.e164 or re.fullmatch(r"\+1\d{3}55501\d\d|\+44113496\d{4}", person.e164)


def test_the_history_is_whole_and_nothing_of_it_waits_to_be_sent(seeded: Any) -> None:
    for conversation in Conversation.objects.all():
        texts = list(conversation.messages.order_by("seq"))
        assert [text.seq for text in texts] == list(range(1, conversation.last_seq + 1))
        assert [text.accepted_at for text in texts] == sorted(text.accepted_at for text in texts)
        assert conversation.last_message == texts[-1]
        assert conversation.changed_at == texts[-1].accepted_at
        assert all(text.segments >= 1 for text in texts)
    statuses = set(Message.objects.values_list("status", flat=True))
    assert statuses == {"received", "delivered", "undelivered", "unconfirmed", "sent"}
    assert not SendingNumber.objects.filter(next_due_at__isnull=False).exists()


def test_the_opted_out_phone_has_its_stop_and_one_confirmation(seeded: Any) -> None:
    opt_out = OptOut.objects.get()
    assert (opt_out.counterpart, opt_out.keyword, opt_out.lifted_at) == (OPTED_OUT, "stop", None)
    reply = Message.objects.get(kind="automatic")
    assert reply.in_reply_to is not None
    assert reply.in_reply_to.body == "STOP"
    assert reply.body == reply.number.campaign.opt_out_message  # type: ignore[union-attr]


def test_the_first_nightly_purge_has_two_texts_to_delete(seeded: Any) -> None:
    due = Message.objects.filter(accepted_at__lt=timezone.now() - timedelta(days=400))
    assert due.count() == 2
    assert set(due.values_list("user__email", flat=True)) == {"tunde.adeyemi@northwind.example"}


def test_the_second_organization_cannot_text_and_has_no_button(seeded: Any, client: Client) -> None:
    felix = User.objects.get(email="felix.brandt@contoso.example")
    assert standing(felix).code == "texting_off"
    assert not any("contoso" in entry["email"] for entry in seeded["sign_ins"])
    assert "Contoso" not in client.get(reverse("sign_in")).content.decode()


def test_switching_texting_on_is_in_the_audit_log(seeded: Any) -> None:
    event = AuditEvent.objects.get(action="organization.texting_changed")
    assert event.actor_label.startswith("Maya Okafor")
    assert event.after["enabled"] is True


def test_it_refuses_to_run_outside_the_demonstration(db: Any, settings: Any) -> None:
    settings.DEMONSTRATION = False
    with pytest.raises(CommandError, match="only with DEMONSTRATION=1"):
        seed()
    assert not User.objects.exists()


def test_it_says_which_secret_is_missing(db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIMULATOR_API_KEY")
    with pytest.raises(CommandError, match="SIMULATOR_API_KEY"):
        seed()
    assert not User.objects.exists()
