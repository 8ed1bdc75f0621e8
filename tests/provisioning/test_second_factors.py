"""Second factors: set up, asked for at sign-in, each code once, removed only with a recent proof."""

from __future__ import annotations

import json
import re
import time
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.contrib.auth import SESSION_KEY
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from compliance.models import AuditEvent
from provisioning import second_factors
from provisioning.changes import Actor
from provisioning.models import Mail, Session, User
from tests import factories
from tests.provisioning.soft_passkey import FLAG, SoftPasskey

NOW = factories.NOW
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture(autouse=True)
def quick_and_fresh(settings: Any) -> Any:
    """Cheap hashing, no counted tries, and a clock that moves only when told."""
    cache.clear()
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.fixture
def clock(quick_and_fresh: Any) -> Any:
    return quick_and_fresh


@pytest.fixture
def maya(organization: Any) -> User:
    person = factories.UserFactory(organization=organization, location=None, email="maya@northwind.example")
    person.set_password(factories.PASSWORD)
    person.save(update_fields=["password"])
    return person


@pytest.fixture
def actor(maya: User) -> Actor:
    return Actor.of_user(maya, via="portal", ip="127.0.0.1")


def code(shift: int = 0) -> str:
    """The app's code of this half-minute, or of one `shift` away."""
    return format_hotp_value(hotp_value(SECRET, int(time.time()) // 30 + shift))


def with_app(user: User, actor: Actor) -> list[str]:
    """The app is set up, an hour ago; its recovery codes."""
    with time_machine.travel(NOW - timedelta(hours=1), tick=False):
        return second_factors.add_app(user, SECRET, code(), actor, NOW)


def with_passkey(user: User, browser: Client, name: str = "Blue key") -> SoftPasskey:
    passkey = SoftPasskey()
    options = browser.post(reverse("add_passkey_options"), secure=True).json()
    answer = browser.post(reverse("add_passkey"), {"name": name, "credential": passkey.made(options)}, secure=True)
    assert answer.status_code in (200, 302), answer.content.decode()
    return passkey


def enter_password(client: Client, user: User) -> Any:
    return client.post(reverse("sign_in"), {"username": user.email, "password": factories.PASSWORD})


def is_in(client: Client) -> bool:
    return SESSION_KEY in client.session


# -- the second step -------------------------------------------------------------------------------------------------


def test_after_the_password_the_code_is_asked_for_and_nobody_is_in_before(
    client: Client, maya: User, actor: Actor
) -> None:
    with_app(maya, actor)
    answer = enter_password(client, maya)
    assert (answer.status_code, answer["Location"]) == (302, reverse("second_step"))
    assert not is_in(client)
    assert client.get(reverse("inbox"))["Location"].startswith(reverse("sign_in"))
    assert client.post(reverse("second_step"), {"code": code()})["Location"] == reverse("home")
    assert is_in(client)
    event = AuditEvent.objects.get(action="user.signed_in")
    assert event.after == {"with": "password, authenticator app"}


def test_the_second_step_leads_on_to_the_page_that_was_asked_for(client: Client, maya: User, actor: Actor) -> None:
    with_app(maya, actor)
    wanted = {"username": maya.email, "password": factories.PASSWORD, "next": reverse("inbox")}
    client.post(reverse("sign_in"), wanted)
    assert client.post(reverse("second_step"), {"code": code()})["Location"] == reverse("inbox")


def test_without_a_second_factor_the_password_is_enough_for_an_end_user(client: Client, maya: User) -> None:
    assert enter_password(client, maya)["Location"] == reverse("home")
    assert is_in(client)


@pytest.mark.parametrize("shift", [-1, 0, 1])
def test_a_code_is_good_half_a_minute_early_or_late(client: Client, maya: User, actor: Actor, shift: int) -> None:
    with_app(maya, actor)
    enter_password(client, maya)
    assert client.post(reverse("second_step"), {"code": code(shift)}).status_code == 302


@pytest.mark.parametrize("shift", [-2, 2])
def test_an_older_or_later_code_is_refused(client: Client, maya: User, actor: Actor, shift: int) -> None:
    with_app(maya, actor)
    enter_password(client, maya)
    assert client.post(reverse("second_step"), {"code": code(shift)}).status_code == 422
    assert not is_in(client)


def test_a_code_of_the_app_works_once_and_no_earlier_one_after_it(maya: User, actor: Actor, clock: Any) -> None:
    with_app(maya, actor)
    used, earlier = code(), code(-1)
    assert second_factors.code_fits(maya, used, actor, NOW) is not None
    assert second_factors.code_fits(maya, used, actor, NOW) is None
    assert second_factors.code_fits(maya, earlier, actor, NOW) is None
    clock.shift(30)
    assert second_factors.code_fits(maya, used, actor, NOW) is None
    assert second_factors.code_fits(maya, code(), actor, NOW) is not None


def test_the_code_that_set_the_app_up_is_used_up_too(maya: User, actor: Actor) -> None:
    second_factors.add_app(maya, SECRET, code(), actor, NOW)
    assert second_factors.code_fits(maya, code(), actor, NOW) is None


def test_a_replay_is_refused_without_any_cache(maya: User, actor: Actor) -> None:
    with_app(maya, actor)
    second_factors.code_fits(maya, code(), actor, NOW)
    cache.clear()
    assert second_factors.code_fits(maya, code(), actor, NOW) is None


def test_a_recovery_code_works_once_in_any_spelling_and_the_person_is_told(
    client: Client, maya: User, actor: Actor
) -> None:
    recovery = with_app(maya, actor)[3]
    enter_password(client, maya)
    spelled = f" {recovery[:5]}-{recovery[5:]} "
    assert client.post(reverse("second_step"), {"code": spelled}).status_code == 302
    assert second_factors.code_fits(maya, recovery, actor, NOW) is None
    assert second_factors.factors_of(maya).codes_left == 9
    assert AuditEvent.objects.get(action="user.recovery_code_used").after == {"codes_left": 9}
    assert Mail.objects.filter(recipient=maya, subject__contains="A recovery code of your account was used").exists()


def test_new_recovery_codes_make_the_earlier_ones_void(maya: User, actor: Actor) -> None:
    old = with_app(maya, actor)
    new = second_factors.make_codes(maya, actor, NOW)
    assert len(set(new)) == 10
    assert second_factors.code_fits(maya, old[0], actor, NOW) is None
    assert second_factors.code_fits(maya, new[0], actor, NOW) is not None


def test_ten_wrong_codes_lock_the_second_step_wherever_they_come_from(client: Client, maya: User, actor: Actor) -> None:
    with_app(maya, actor)
    for attempt in range(10):
        browser = Client(REMOTE_ADDR=f"192.0.2.{attempt}")
        enter_password(browser, maya)
        answer = browser.post(reverse("second_step"), {"code": "000000"})
    assert answer.status_code == 429
    enter_password(client, maya)
    refused = client.post(reverse("second_step"), {"code": code()})
    assert (refused.status_code, is_in(client)) == (429, False)
    assert AuditEvent.objects.filter(action="user.second_factor_failed", target_id=str(maya.pk)).count() == 10


def test_nobody_can_lock_a_second_step_without_the_password(client: Client, maya: User, actor: Actor) -> None:
    with_app(maya, actor)
    for name in (f"\x1fsecond_step\x1f{maya.email}", f"second_step {maya.email}", maya.email):
        for _ in range(11):
            Client(REMOTE_ADDR="203.0.113.9").post(reverse("sign_in"), {"username": name, "password": "wrong"})
            cache.clear()
    enter_password(client, maya)
    assert client.post(reverse("second_step"), {"code": code()}).status_code == 302


def test_a_right_code_forgets_the_wrong_ones(client: Client, maya: User, actor: Actor, clock: Any) -> None:
    with_app(maya, actor)
    for _ in range(9):
        enter_password(client, maya)
        client.post(reverse("second_step"), {"code": "000000"})
    client.post(reverse("second_step"), {"code": code()})
    browser = Client()
    enter_password(browser, maya)
    assert browser.post(reverse("second_step"), {"code": "000000"}).status_code == 422


@pytest.mark.parametrize("change", [{"password": "!changed"}, {"is_active": False}])
def test_a_waiting_second_step_ends_when_the_account_changes(
    client: Client, maya: User, actor: Actor, change: dict[str, Any]
) -> None:
    with_app(maya, actor)
    enter_password(client, maya)
    User.objects.filter(pk=maya.pk).update(**change)
    assert client.post(reverse("second_step"), {"code": code()})["Location"] == reverse("sign_in")
    assert not is_in(client)


def test_a_second_step_waits_for_ten_minutes_only(client: Client, maya: User, actor: Actor, clock: Any) -> None:
    with_app(maya, actor)
    enter_password(client, maya)
    clock.shift(601)
    assert client.post(reverse("second_step"), {"code": code()})["Location"] == reverse("sign_in")


def test_no_code_and_no_secret_is_kept_readable(client: Client, maya: User, actor: Actor) -> None:
    from axes.models import AccessAttempt

    recovery = with_app(maya, actor)
    enter_password(client, maya)
    client.post(reverse("second_step"), {"code": "314159"})
    stored = repr([*AccessAttempt.objects.values(), *Authenticator.objects.values(), *AuditEvent.objects.values()])
    assert "314159" not in stored
    assert SECRET not in stored
    assert not [one for one in recovery if one in stored]


def test_a_lost_field_key_lets_nobody_in_and_breaks_nothing(
    client: Client, maya: User, actor: Actor, settings: Any
) -> None:
    from cryptography.fernet import Fernet

    with_app(maya, actor)
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]
    enter_password(client, maya)
    assert client.post(reverse("second_step"), {"code": code()}).status_code == 422


# -- setting up ------------------------------------------------------------------------------------------------------


def test_an_app_is_set_up_with_its_first_code_and_recovery_codes_are_shown_once(maya: User, signed_in_as: Any) -> None:
    browser = signed_in_as(maya)
    page = browser.get(reverse("add_authenticator"))
    text = page.content.decode()
    assert "<svg" in text
    assert " style=" not in text
    secret = re.search(r'class="code-text[^>]*>([A-Z2-7 ]+)<', text)[1].replace(" ", "")
    sealed = re.search(r'name="sealed" value="([^"]+)"', text)[1]
    assert not Authenticator.objects.exists()
    right = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
    done = browser.post(reverse("add_authenticator"), {"sealed": sealed, "code": right})
    assert done.status_code == 200
    assert len(re.findall(r"<li>\d{5} \d{5}</li>", done.content.decode())) == 10
    assert {row.type for row in Authenticator.objects.filter(user=maya)} == {"totp", "recovery_codes"}
    actions = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"user.second_factor_added", "user.recovery_codes_made"} <= actions
    assert Mail.objects.filter(recipient=maya, subject__contains="Authenticator app was added").exists()


def test_a_wrong_first_code_keeps_the_same_qr_code(maya: User, signed_in_as: Any) -> None:
    browser = signed_in_as(maya)
    sealed = re.search(r'name="sealed" value="([^"]+)"', browser.get(reverse("add_authenticator")).content.decode())[1]
    answer = browser.post(reverse("add_authenticator"), {"sealed": sealed, "code": "000000"})
    assert answer.status_code == 422
    assert f'value="{sealed}"' in answer.content.decode()
    assert not Authenticator.objects.exists()


def test_another_persons_sealed_secret_is_not_taken(maya: User, user: User, signed_in_as: Any) -> None:
    from provisioning import authenticator_app

    foreign = authenticator_app.NewApp(user, SECRET).sealed
    answer = signed_in_as(maya).post(reverse("add_authenticator"), {"sealed": foreign, "code": code()})
    assert (answer.status_code, Authenticator.objects.count()) == (422, 0)


def test_there_is_one_app_at_a_time(maya: User, actor: Actor) -> None:
    with_app(maya, actor)
    with pytest.raises(second_factors.Refusal) as refused:
        second_factors.add_app(maya, SECRET, code(), actor, NOW)
    assert refused.value.code == "already_set_up"


def test_the_first_factor_ends_the_other_sessions(maya: User, signed_in_as: Any) -> None:
    other, browser = signed_in_as(maya), signed_in_as(maya)
    with_passkey(maya, browser)
    assert not is_in(other)
    assert browser.get(reverse("security"), secure=True).status_code == 200


def test_setting_up_asks_for_a_recent_proof_of_who_one_is(maya: User, signed_in_as: Any, clock: Any) -> None:
    browser = signed_in_as(maya)
    clock.shift(601)
    for name in ("add_authenticator", "add_passkey", "recovery_codes"):
        assert (
            browser.get(reverse(name))["Location"] == f"{reverse('confirm')}?next={reverse(name).replace('/', '%2F')}"
        )
    wrong = browser.post(reverse("confirm"), {"password": "not it", "next": reverse("add_passkey")})
    assert wrong.status_code == 422
    right = browser.post(reverse("confirm"), {"password": factories.PASSWORD, "next": reverse("add_passkey")})
    assert right["Location"] == reverse("add_passkey")
    assert browser.get(reverse("add_passkey")).status_code == 200


def test_whoever_has_a_second_factor_confirms_with_it_not_with_the_password(
    maya: User, actor: Actor, signed_in_as: Any, clock: Any
) -> None:
    with_app(maya, actor)
    browser = signed_in_as(maya)
    clock.shift(601)
    assert browser.post(reverse("confirm"), {"password": factories.PASSWORD}).status_code == 422
    assert browser.post(reverse("confirm"), {"code": code()}).status_code == 302


def test_confirming_never_leads_to_another_host(maya: User, signed_in_as: Any) -> None:
    answer = signed_in_as(maya).post(
        reverse("confirm"), {"password": factories.PASSWORD, "next": "https://evil.example/"}
    )
    assert answer["Location"] == reverse("security")


def test_the_last_factor_goes_with_its_recovery_codes(maya: User, actor: Actor, signed_in_as: Any) -> None:
    with_app(maya, actor)
    app = second_factors.factors_of(maya).app
    answer = signed_in_as(maya).post(reverse("second_factor", args=[app.pk]), {"remove": "1"})
    assert answer["Location"] == reverse("security")
    assert not Authenticator.objects.filter(user=maya).exists()
    event = AuditEvent.objects.get(action="user.second_factor_removed")
    assert event.before == {"second_factor": "Authenticator app"}


def test_whoever_needs_one_can_t_remove_the_last(full_admin: User, signed_in_as: Any, settings: Any) -> None:
    settings.SECOND_FACTOR_REQUIRED = True
    actor = Actor.of_user(full_admin, via="portal")
    with_app(full_admin, actor)
    app = second_factors.factors_of(full_admin).app
    browser = signed_in_as(full_admin)
    browser.post(reverse("confirm"), {"code": code()})
    page = browser.post(reverse("second_factor", args=[app.pk]), {"remove": "1"}, follow=True)
    assert "this is your only one" in page.content.decode()
    assert second_factors.factors_of(full_admin).any


def test_nobody_sees_or_removes_another_persons_factor(maya: User, user: User, actor: Actor, signed_in_as: Any) -> None:
    with_app(maya, actor)
    app = second_factors.factors_of(maya).app
    browser = signed_in_as(user)
    assert browser.get(reverse("second_factor", args=[app.pk])).status_code == 404
    assert browser.post(reverse("second_factor", args=[app.pk]), {"remove": "1"}).status_code == 404
    assert second_factors.factors_of(maya).any


# -- passkeys --------------------------------------------------------------------------------------------------------


def passkey_sign_in(browser: Client, passkey: SoftPasskey, **how: Any) -> Any:
    options = browser.post(reverse("passkey_options"), secure=True).json()
    return browser.post(reverse("passkey_sign_in"), {"credential": passkey.used(options, **how)}, secure=True)


def test_a_passkey_alone_signs_in(client: Client, maya: User, signed_in_as: Any) -> None:
    passkey = with_passkey(maya, signed_in_as(maya))
    assert passkey_sign_in(client, passkey)["Location"] == reverse("home")
    assert client.session[SESSION_KEY] == str(maya.pk)
    assert AuditEvent.objects.filter(action="user.signed_in").last().after == {"with": "passkey"}


def test_a_passkey_is_a_second_step_too(client: Client, maya: User, signed_in_as: Any) -> None:
    passkey = with_passkey(maya, signed_in_as(maya))
    client.post(reverse("sign_in"), {"username": maya.email, "password": factories.PASSWORD}, secure=True)
    options = client.post(reverse("second_step_options"), secure=True).json()
    assert [known["id"] for known in options["publicKey"]["allowCredentials"]]
    answer = client.post(reverse("second_step"), {"credential": passkey.used(options)}, secure=True)
    assert answer["Location"] == reverse("home")
    assert is_in(client)


def test_options_ask_for_the_person_to_be_verified_and_for_no_known_passkey(client: Client, db: Any) -> None:
    wanted = client.post(reverse("passkey_options"), secure=True).json()["publicKey"]
    assert (wanted["userVerification"], wanted.get("allowCredentials", []), wanted["rpId"]) == (
        "required",
        [],
        "testserver",
    )


def test_a_passkey_that_did_not_verify_its_person_is_refused(client: Client, maya: User, signed_in_as: Any) -> None:
    passkey = with_passkey(maya, signed_in_as(maya))
    assert passkey_sign_in(client, passkey, flags=FLAG.UP).status_code == 422
    assert not is_in(client)


def test_a_passkey_that_can_t_verify_its_person_is_not_taken(maya: User, signed_in_as: Any) -> None:
    browser = signed_in_as(maya)
    options = browser.post(reverse("add_passkey_options"), secure=True).json()
    credential = SoftPasskey().made(options, flags=FLAG.UP)
    answer = browser.post(reverse("add_passkey"), {"name": "x", "credential": credential}, secure=True)
    assert (answer.status_code, Authenticator.objects.count()) == (422, 0)


def test_an_answer_is_good_for_one_challenge(client: Client, maya: User, signed_in_as: Any) -> None:
    passkey = with_passkey(maya, signed_in_as(maya))
    options = client.post(reverse("passkey_options"), secure=True).json()
    answer = passkey.used(options)
    other = Client()
    other.post(reverse("passkey_options"), secure=True)
    assert other.post(reverse("passkey_sign_in"), {"credential": answer}, secure=True).status_code == 422
    assert client.post(reverse("passkey_sign_in"), {"credential": answer}, secure=True).status_code == 302
    assert Client().post(reverse("passkey_sign_in"), {"credential": answer}, secure=True).status_code == 422


def test_a_copied_security_key_is_noticed_by_its_counter(client: Client, maya: User, signed_in_as: Any) -> None:
    passkey = with_passkey(maya, signed_in_as(maya))
    assert passkey_sign_in(client, passkey).status_code == 302
    passkey.counter = 0
    assert passkey_sign_in(Client(), passkey).status_code == 422


def test_a_passkey_of_another_site_or_another_person_is_refused(
    client: Client, maya: User, user: User, signed_in_as: Any
) -> None:
    passkey = with_passkey(maya, signed_in_as(maya))
    phished = SoftPasskey(origin="https://evil.example", identifier=passkey.identifier, key=passkey.key)
    phished.user_handle = passkey.user_handle
    assert passkey_sign_in(client, phished).status_code == 422
    posing = SoftPasskey(identifier=passkey.identifier, key=passkey.key, user_handle=user.pk.hex.encode())
    assert passkey_sign_in(client, posing).status_code == 422
    assert not is_in(client)


def test_a_deactivated_user_has_no_use_of_a_passkey(client: Client, maya: User, signed_in_as: Any) -> None:
    passkey = with_passkey(maya, signed_in_as(maya))
    User.objects.filter(pk=maya.pk).update(is_active=False)
    refused = passkey_sign_in(client, passkey)
    assert (refused.status_code, is_in(client)) == (422, False)
    unknown = passkey_sign_in(Client(), SoftPasskey(user_handle=b"0" * 32))
    assert "That passkey is not known here" in refused.content.decode()
    assert "That passkey is not known here" in unknown.content.decode()


@pytest.mark.parametrize(
    "nonsense",
    [
        "", "null", "[]", "{}", "7", '"x"', "{not json", '{"response": 7}', '{"response": {}}',
        '{"id": "x", "rawId": "eA", "type": "public-key", "response": {"userHandle": "eA"}}',
        '{"id": "eA", "rawId": "eA", "type": "public-key", "response": {"clientDataJSON": "e30", "userHandle": "eA", '
        '"authenticatorData": "AAAA", "signature": "AA", "attestationObject": "oA"}}',
        json.dumps({"response": {"userHandle": "\ud800"}}),
    ],
)  # fmt: skip
def test_nonsense_in_place_of_a_passkey_is_refused_with_a_sentence(
    client: Client, maya: User, signed_in_as: Any, nonsense: str
) -> None:
    browser = signed_in_as(maya)
    browser.post(reverse("add_passkey_options"), secure=True)
    added = browser.post(reverse("add_passkey"), {"name": "x", "credential": nonsense}, secure=True)
    client.post(reverse("passkey_options"), secure=True)
    entered = client.post(reverse("passkey_sign_in"), {"credential": nonsense}, secure=True)
    assert (added.status_code, entered.status_code) == (422, 422)
    assert not Authenticator.objects.exists()


def test_a_passkey_is_renamed_and_removed(maya: User, signed_in_as: Any) -> None:
    browser = signed_in_as(maya)
    with_passkey(maya, browser)
    (row,) = second_factors.factors_of(maya).passkeys
    address = reverse("second_factor", args=[row.pk])
    browser.post(address, {"name": "Work <laptop>"}, secure=True)
    page = browser.get(reverse("security"), secure=True).content.decode()
    assert "Work &lt;laptop&gt;" in page
    browser.post(address, {"remove": "1"}, secure=True)
    assert not Authenticator.objects.filter(user=maya).exists()


def test_ten_passkeys_are_enough(maya: User, signed_in_as: Any) -> None:
    browser = signed_in_as(maya)
    for _ in range(10):
        with_passkey(maya, browser)
    options = browser.post(reverse("add_passkey_options"), secure=True).json()
    answer = browser.post(reverse("add_passkey"), {"name": "x", "credential": SoftPasskey().made(options)}, secure=True)
    assert answer.status_code == 422
    assert "You have ten passkeys" in answer.content.decode()


@pytest.mark.parametrize(
    ("host", "secure", "offered"),
    [
        ("127.0.0.1:8000", False, False), ("[::1]:8000", False, False), ("localhost:8000", False, True),
        ("testserver", True, True), ("testserver", False, False),
    ],
)  # fmt: skip
def test_passkeys_are_offered_where_browsers_keep_them(
    client: Client, db: Any, host: str, secure: bool, offered: bool
) -> None:
    page = client.get(reverse("sign_in"), headers={"host": host}, secure=secure).content.decode()
    assert ("Sign in with a passkey" in page) is offered


# -- lost devices ----------------------------------------------------------------------------------------------------


def test_the_machines_owner_removes_the_factors_of_a_person_who_lost_every_device(
    maya: User, actor: Actor, signed_in_as: Any
) -> None:
    from django.core.management import call_command

    with_app(maya, actor)
    browser = signed_in_as(maya)
    call_command("remove_second_factors", "MAYA@northwind.example")
    assert not Authenticator.objects.filter(user=maya).exists()
    assert not is_in(browser)
    assert not Session.objects.filter(user=maya).exists()
    event = AuditEvent.objects.get(action="user.second_factor_removed")
    assert (event.actor_label, event.via) == ("remove_second_factors", "command")
    assert Mail.objects.filter(recipient=maya, subject__contains="All second factors were removed").exists()
