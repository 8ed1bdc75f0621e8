"""Bearer tokens: what is stored, who is let in, when they were last used; and the command that makes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.test import Client

from provisioning.changes import Actor
from provisioning.models import ApiToken, RoleAssignment, User
from provisioning.refusals import Refusal
from provisioning.tokens import digest_of, issue, revoke
from tests import factories
from tests.provisioning.recorded import recorded

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


def token_of(user: User, *scopes: str, days: int = 30) -> tuple[ApiToken, str]:
    return issue(
        user, name="test", scopes=scopes or ["people:read"], expires_at=NOW + timedelta(days=days),
        actor=Actor.system("test"),
    )  # fmt: skip


def get_me(plain: str, scheme: str = "Bearer") -> Any:
    return Client().get("/api/v1/me", HTTP_AUTHORIZATION=f"{scheme} {plain}")


def test_a_token_lets_its_user_in(user: User) -> None:
    with time_machine.travel(NOW, tick=False):
        response = get_me(token_of(user)[1])
    assert response.status_code == 200
    assert (response.json()["id"], response.json()["scopes"]) == (str(user.pk), ["people:read"])


def test_a_role_counts_from_the_next_request_on_and_no_longer_once_it_is_gone(user: User) -> None:
    """Whether there are any is read with the token."""
    with time_machine.travel(NOW, tick=False):
        plain = token_of(user, "people:read")[1]

        def answered() -> int:
            return Client().get("/api/v1/people", HTTP_AUTHORIZATION=f"Bearer {plain}").status_code

        assert answered() == 403
        factories.with_role(user, "user_admin")
        assert answered() == 200
        RoleAssignment.objects.all().delete()
        assert answered() == 403


def test_only_prefix_and_digest_are_stored(user: User) -> None:
    token, plain = token_of(user)
    assert plain.startswith(f"hub_{token.prefix}_")
    assert token.digest == digest_of(plain)
    stored = str(ApiToken.objects.values().get())
    assert plain not in stored
    assert plain.split("_", 2)[2] not in stored


@pytest.mark.parametrize("spoil", [
    lambda plain: plain[:-1] + ("A" if plain[-1] != "A" else "B"),
    lambda plain: plain[:-1],
    lambda plain: "hub_000000000000_" + plain.split("_", 2)[2],
    lambda plain: "",
    lambda plain: "hub_\x00",
    lambda plain: "é" * 60,
])  # fmt: skip
def test_a_token_that_is_not_right_is_refused(user: User, spoil: Any) -> None:
    response = get_me(spoil(token_of(user)[1]))
    assert (response.status_code, response.json()["code"]) == (401, "invalid_token")
    assert response["WWW-Authenticate"] == "Bearer"


def test_the_scheme_is_read_without_regard_to_case(user: User) -> None:
    with time_machine.travel(NOW, tick=False):
        assert get_me(token_of(user)[1], scheme="bearer").status_code == 200


def test_another_scheme_is_nobody(user: User) -> None:
    response = get_me("dXNlcjpwYXNzd29yZA==", scheme="Basic")
    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")


def test_a_token_ends_at_its_expiry(user: User) -> None:
    _token, plain = token_of(user, days=1)
    with time_machine.travel(NOW + timedelta(days=1) - timedelta(seconds=1), tick=False):
        assert get_me(plain).status_code == 200
    with time_machine.travel(NOW + timedelta(days=1), tick=False):
        response = get_me(plain)
    assert (response.status_code, response.json()["code"]) == (401, "token_expired")


def test_a_revoked_token_is_refused(user: User) -> None:
    token, plain = token_of(user)
    ApiToken.objects.filter(pk=token.pk).update(revoked_at=NOW)
    with time_machine.travel(NOW, tick=False):
        assert get_me(plain).json()["code"] == "token_revoked"


def test_the_token_of_someone_deactivated_is_refused(user: User) -> None:
    _token, plain = token_of(user)
    User.objects.filter(pk=user.pk).update(is_active=False)
    with time_machine.travel(NOW, tick=False):
        assert get_me(plain).json()["code"] == "user_inactive"


def test_the_token_of_someone_who_left_the_organization_is_refused(user: User, stranger: User) -> None:
    _token, plain = token_of(user)
    User.objects.filter(pk=user.pk).update(organization=stranger.organization)
    with time_machine.travel(NOW, tick=False):
        assert get_me(plain).status_code == 401


def test_last_use_is_written_at_most_once_a_minute(user: User) -> None:
    token, plain = token_of(user)
    used = []
    for seconds in (0, 59, 60, 119, 121):
        with time_machine.travel(NOW + timedelta(seconds=seconds), tick=False):
            get_me(plain)
        token.refresh_from_db()
        assert token.last_used_at is not None
        used.append((token.last_used_at - NOW).total_seconds())
    assert used == [0, 0, 60, 60, 121]


@pytest.mark.parametrize(("scopes", "code"), [(["messages:everything"], "unknown_scope"), ([], "no_scope")])
def test_a_token_has_scopes_that_exist(user: User, scopes: list[str], code: str) -> None:
    with pytest.raises(Refusal, match=f"^{code}$"):
        issue(user, name="", scopes=scopes, expires_at=NOW, actor=Actor.system("test"))


def test_an_operator_has_no_token() -> None:
    with pytest.raises(Refusal, match="no_organization"):
        token_of(factories.OperatorFactory())


def test_create_token_prints_the_token_alone(user: User) -> None:
    out = StringIO()
    call_command(
        "create_token", user.email.upper(), "--scope", "people:read", "--scope", "people:write",
        "--days", "7", "--name", "Nightly sync", stdout=out,
    )  # fmt: skip
    token = ApiToken.objects.get()
    assert digest_of(out.getvalue().strip()) == token.digest
    assert (token.name, token.scopes, token.user) == ("Nightly sync", ["people:read", "people:write"], user)
    assert timedelta(days=6, hours=23) < token.expires_at - token.created_at <= timedelta(days=7)


def test_create_token_is_audited_without_the_token(user: User) -> None:
    out = StringIO()
    with recorded() as changes:
        call_command("create_token", user.email, "--scope", "people:read", stdout=out)
    (change,) = changes
    assert (change.action, change.actor.via, change.organization_id) == (
        "api_token.created", "command", user.organization_id,
    )  # fmt: skip
    assert change.after["scopes"] == ["people:read"]
    assert out.getvalue().strip() not in str(change)
    assert ApiToken.objects.get().digest not in str(change)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nobody@example.com", "--scope", "people:read"], "no user with the e-mail address nobody@example.com"),
        (["{email}", "--scope", "everything"], "invalid choice: 'everything'"),
        (["{email}"], "required: --scope"),
        (["{email}", "--scope", "people:read", "--days", "0"], "from 1 to"),
    ],
)
def test_create_token_says_what_is_wrong(user: User, arguments: list[str], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        call_command("create_token", *[argument.format(email=user.email) for argument in arguments])
    assert not ApiToken.objects.exists()


def test_create_token_refuses_someone_deactivated(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)
    with pytest.raises(CommandError, match="deactivated"):
        call_command("create_token", user.email, "--scope", "people:read")


def test_a_revoked_token_is_refused_from_the_next_request_on_and_its_end_is_recorded(user: User) -> None:
    with time_machine.travel(NOW, tick=False):
        token, plain = token_of(user)
        assert get_me(plain).status_code == 200
        with recorded() as changes:
            revoke(token, Actor.system("test"), NOW)
            revoke(token, Actor.system("test"), NOW + timedelta(hours=1))
        assert get_me(plain).json()["code"] == "token_revoked"
    assert [change.action for change in changes] == ["api_token.revoked"]
    assert ApiToken.objects.get().revoked_at == NOW


def test_the_page_makes_a_token_and_shows_it_once(user: User, signed_in_as: Any) -> None:
    browser = signed_in_as(user)
    answer = browser.post("/security/api-tokens/", {"name": "Sync", "scopes": ["people:read"], "days": "30"})
    plain = answer.context["plain"]
    assert plain in answer.content.decode()
    assert plain not in browser.get("/security/api-tokens/").content.decode()
    assert get_me(plain).status_code == 200
    assert "no-store" in answer["Cache-Control"]


def test_a_token_without_name_or_purpose_is_not_made(user: User, signed_in_as: Any) -> None:
    answer = signed_in_as(user).post("/security/api-tokens/", {"name": "Sync", "days": "30"})
    assert answer.status_code == 422
    assert "Choose at least one thing that the token may do." in answer.content.decode()
    assert 'value="Sync"' in answer.content.decode()
    assert not ApiToken.objects.exists()


def test_people_see_and_revoke_their_own_and_full_administrators_everybodys(
    user: User, full_admin: User, stranger: User, signed_in_as: Any
) -> None:
    token, _plain = token_of(user)
    colleague = factories.UserFactory(organization=user.organization, location=user.location)
    page = "/security/api-tokens/"
    own, members = f"{page}{token.pk}/revoke/", f"/security/members-tokens/{token.pk}/revoke/"
    assert token.prefix in signed_in_as(user).get(page).content.decode()
    for other in (colleague, stranger):
        assert token.prefix not in signed_in_as(other).get(page).content.decode()
        assert signed_in_as(other).post(own).status_code == 404
    assert signed_in_as(colleague).post(members).status_code == 403
    factories.with_role(stranger, "full_admin")
    assert signed_in_as(stranger).post(members).status_code == 404
    with time_machine.travel(NOW, tick=False):
        assert token.prefix in signed_in_as(full_admin).get(page).content.decode()
    assert signed_in_as(full_admin).post(members).status_code == 302
    assert ApiToken.objects.get().revoked_at is not None


def test_the_tokens_page_takes_few_queries(user: User, signed_in_as: Any, django_assert_max_num_queries: Any) -> None:
    factories.with_role(user, "full_admin")
    for _token in range(3):
        token_of(user)
        token_of(factories.UserFactory(organization=user.organization, location=user.location))
    browser = signed_in_as(user)
    with django_assert_max_num_queries(7):
        browser.get("/security/api-tokens/")


def test_the_api_makes_lists_and_revokes_tokens_that_may_do_no_more_than_the_one_in_use(user: User) -> None:
    with time_machine.travel(NOW, tick=False):
        _token, plain = token_of(user, "tokens:read", "tokens:write", "people:read")
        api = Client(headers={"Authorization": f"Bearer {plain}"})
        more = {"name": "More", "scopes": ["people:write"]}
        refused = api.post("/api/v1/tokens", more, content_type="application/json")
        assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
        less = {"name": "Less", "scopes": ["people:read"], "days": 7}
        made = api.post("/api/v1/tokens", less, content_type="application/json")
        assert made.status_code == 201
        assert get_me(made.json()["token"]).json()["scopes"] == ["people:read"]
        assert [row["name"] for row in api.get("/api/v1/tokens").json()["results"]] == ["Less", "test"]
        assert "token" not in api.get("/api/v1/tokens").json()["results"][0]
        assert api.delete(f"/api/v1/tokens/{made.json()['id']}").status_code == 204
        assert get_me(made.json()["token"]).json()["code"] == "token_revoked"


def test_a_token_is_made_only_by_who_proved_lately_that_it_is_them(user: User, signed_in_as: Any) -> None:
    wanted = {"name": "Sync", "scopes": ["people:read"], "days": 30}
    with time_machine.travel(NOW, tick=False) as clock:
        browser = signed_in_as(user)
        clock.shift(timedelta(minutes=11))
        asked = browser.post("/security/api-tokens/", wanted)
        assert (asked.status_code, asked["Location"].split("?")[0]) == (302, "/security/confirm/")
        refused = browser.post("/api/v1/tokens", wanted, content_type="application/json")
        assert (refused.status_code, refused.json()["code"]) == (403, "confirm_first")
    assert not ApiToken.objects.exists()
