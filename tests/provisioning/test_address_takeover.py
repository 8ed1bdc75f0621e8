"""Nobody gets at an account by writing its e-mail address in letters that only fold to the same."""

from __future__ import annotations

import pytest

from provisioning import links
from provisioning.changes import Actor
from provisioning.models import Mail, Organization, Role, User
from provisioning.passwords import ask_for_reset
from provisioning.people import edit_person
from provisioning.refusals import Refusal
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db
LOOK_ALIKES = ["ann@straße.example", "ann@ﬆrasse.example", "ann@ſtrasse.example"]
"""Each folds to ann@strasse.example; to a mail server the first is another host, and nobody knows of the others."""


def person(organization: Organization, *roles: str) -> User:
    found = factories.UserFactory(organization=organization, location=None, email="ann@strasse.example")
    for role in roles:
        factories.with_role(found, role)
    return found


def user_admin(organization: Organization) -> Actor:
    admin = factories.with_role(factories.UserFactory(organization=organization, location=None), Role.USER_ADMIN)
    return Actor.of_user(admin, via="portal")


@pytest.mark.parametrize("look_alike", LOOK_ALIKES)
@pytest.mark.parametrize("role", [Role.COMPLIANCE_OFFICER, Role.FULL_ADMIN])
def test_no_administrator_rewrites_the_address_of_somebody_above_them(
    organization: Organization, role: str, look_alike: str
) -> None:
    officer = person(organization, role)
    with pytest.raises(Refusal) as caught:
        edit_person(officer, {"email": look_alike}, user_admin(organization), NOW)
    assert caught.value.code in ("officer_email", "administrator_email")
    ask_for_reset("ann@strasse.example", None, NOW)
    assert [mail.address for mail in Mail.objects.all()] == ["ann@strasse.example"]


@pytest.mark.parametrize("look_alike", LOOK_ALIKES)
def test_the_old_address_hears_of_a_look_alike(organization: Organization, look_alike: str) -> None:
    user = person(organization)
    edit_person(user, {"email": look_alike}, user_admin(organization), NOW)
    assert Mail.objects.filter(kind="email_changed", address="ann@strasse.example").count() == 1


def test_capital_letters_are_no_new_address(organization: Organization) -> None:
    officer = person(organization, Role.COMPLIANCE_OFFICER)
    edit_person(officer, {"email": "Ann@Strasse.example"}, user_admin(organization), NOW)
    officer.refresh_from_db()
    assert officer.email == "Ann@Strasse.example"
    assert not Mail.objects.exists()


def test_a_link_mailed_to_the_address_before_is_void_after_a_look_alike(organization: Organization) -> None:
    user = person(organization)
    key = links.make(user, links.Purpose.RESET, NOW)
    edit_person(user, {"email": "ann@straße.example"}, user_admin(organization), NOW)
    assert links.read(key, links.Purpose.RESET, NOW) is None
