"""Second factors: passkeys, an authenticator app, and recovery codes for the day the device is gone.

Rows and ceremonies are django-allauth's (allauth.mfa); this module says when they count.
- A code of the app works once: the counter it belongs to is kept, and only a later one is taken (RFC 6238, 5.2).
- A recovery code works once. New ones make all earlier ones void.
- A passkey verifies its person (PIN, finger, face) each time, and its use counter never goes back.
- Every change is audited and mailed to the person. Callers have asked for a recent confirmation before.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from allauth.core.internal.cryptokit import compare_user_code, normalize_user_code
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.utils import decrypt
from allauth.mfa.webauthn.internal import auth as webauthn
from cryptography.exceptions import InvalidSignature
from cryptography.fernet import InvalidToken
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from fido2.webauthn import AuthenticationResponse

from provisioning import mail, mail_words, tokens
from provisioning.account_life import FACTORS, end_sessions, needs_second_factor
from provisioning.changes import Actor, record_target
from provisioning.models import User
from provisioning.refusals import Refusal

MOST_PASSKEYS: Final = 10
Kind = Authenticator.Type
_NONSENSE = (
    ValidationError, ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, struct.error,
    InvalidSignature,
)  # fmt: skip
"""What parsing somebody else's JSON may raise on the way to `not a passkey`."""


@dataclass(frozen=True, slots=True)
class Factors:
    """What one person has set up."""

    app: Authenticator | None = None
    codes: Authenticator | None = None
    passkeys: list[Authenticator] = field(default_factory=list)

    @property
    def any(self) -> bool:
        return self.app is not None or bool(self.passkeys)

    @property
    def codes_left(self) -> int:
        return _codes_left(self.codes) if self.codes is not None else 0


def factors_of(user: User) -> Factors:
    """One query."""
    rows = list(Authenticator.objects.filter(user_id=user.pk).order_by("created_at", "pk"))
    return Factors(
        app=next((row for row in rows if row.type == Kind.TOTP), None),
        codes=next((row for row in rows if row.type == Kind.RECOVERY_CODES), None),
        passkeys=[row for row in rows if row.type == Kind.WEBAUTHN],
    )


def code_fits(user: User, typed: str, actor: Actor, now: datetime) -> Authenticator | None:
    """The factor that a typed code proves, and uses up: the app's six digits, or a recovery code."""
    code = normalize_user_code(typed)
    with transaction.atomic():
        own = Authenticator.objects.select_for_update().filter(user_id=user.pk)
        for row in own.filter(type__in=(Kind.TOTP, Kind.RECOVERY_CODES)).order_by("pk"):
            if not _fits(row, code):
                continue
            row.refresh_from_db(fields=["data"])
            _used(row, now)
            if row.type == Kind.RECOVERY_CODES:
                _tell_recovery_code_used(user, row, actor, now)
            return row
    return None


def _fits(row: Authenticator, code: str) -> bool:
    """A secret that no key of FIELD_KEYS opens any more fits nothing."""
    try:
        return _app_code_fits(row, code) if row.type == Kind.TOTP else bool(row.wrap().validate_code(code))
    except InvalidToken:
        return False


def _codes_left(row: Authenticator) -> int:
    try:
        return len(row.wrap().get_unused_codes())
    except InvalidToken:
        return 0


def _app_code_fits(row: Authenticator, code: str) -> bool:
    counter = matching_counter(decrypt(row.data["secret"]), code)
    if counter is None or counter <= row.data.get("last_counter", -1):
        return False
    row.data["last_counter"] = counter
    row.save(update_fields=["data"])
    return True


def matching_counter(secret: str, code: str) -> int | None:
    """The half-minute that a code belongs to: this one, or the one before or after."""
    for counter in totp.yield_hotp_counters_from_time():
        if compare_user_code(actual=code, expected=totp.format_hotp_value(totp.hotp_value(secret, counter))):
            found: int = counter
            return found
    return None


def _used(row: Authenticator, now: datetime) -> None:
    row.last_used_at = now
    row.save(update_fields=["last_used_at"])


def passkey_fits(user: User, credential: Any, now: datetime) -> Authenticator | None:
    """The passkey of this user that answered the challenge of this session."""
    with transaction.atomic():
        list(Authenticator.objects.select_for_update().filter(user_id=user.pk, type=Kind.WEBAUTHN).order_by("pk"))
        try:
            row: Authenticator = webauthn.complete_authentication(user, credential)
            counter = AuthenticationResponse.from_dict(credential).response.authenticator_data.counter
        except _NONSENSE:
            return None
        if counter and counter <= row.data.get("sign_count", 0):
            return None
        row.data["sign_count"] = counter
        row.save(update_fields=["data"])
        _used(row, now)
        return row


def user_of_passkey(credential: Any) -> User | None:
    """Whose passkey says it is: nothing is proven yet."""
    try:
        user = webauthn.extract_user_from_response(credential)
    except _NONSENSE:
        return None
    return user if isinstance(user, User) and user.is_active else None


def add_app(user: User, secret: str, code: str, actor: Actor, now: datetime) -> list[str]:
    """Switch the authenticator app on with its first code. Returns new recovery codes, if there were none.

    Refusal: `wrong_code`, `already_set_up`.
    """
    counter = matching_counter(secret, normalize_user_code(code))
    if counter is None:
        raise Refusal("wrong_code", _("This is not the code of this moment. Check the clock of your device."))
    with transaction.atomic():
        try:
            with transaction.atomic():
                row = totp.TOTP.activate(user, secret).instance
        except IntegrityError as error:
            raise Refusal("already_set_up", _("An authenticator app is set up already. Remove it first.")) from error
        row.data["last_counter"] = counter
        row.save(update_fields=["data"])
        return _added(user, row, actor, now)


def add_passkey(user: User, name: str, credential: Any, actor: Actor, now: datetime) -> list[str]:
    """Keep a passkey that was just made. Returns new recovery codes, if there were none.

    Refusal: `no_passkey`, `too_many_passkeys`.
    """
    try:
        webauthn.parse_registration_response(credential)
        webauthn.complete_registration(credential)
    except _NONSENSE as error:
        sentence = _("No passkey was made. Try again, and confirm with your PIN, finger or face.")
        raise Refusal("no_passkey", sentence) from error
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        held = Authenticator.objects.filter(user_id=user.pk, type=Kind.WEBAUTHN).count()
        if held >= MOST_PASSKEYS:
            raise Refusal("too_many_passkeys", _("You have ten passkeys. Remove one you no longer use first."))
        row = webauthn.WebAuthn.add(user, name or _("Passkey %(number)d") % {"number": held + 1}, credential).instance
        return _added(user, row, actor, now)


def _added(user: User, row: Authenticator, actor: Actor, now: datetime) -> list[str]:
    """The first factor ends what was opened with a password alone: API tokens here, sessions by the page."""
    codes: list[str] = []
    if not Authenticator.objects.filter(user_id=user.pk, type__in=FACTORS).exclude(pk=row.pk).exists():
        tokens.revoke_all(user, actor, now)
    if not Authenticator.objects.filter(user_id=user.pk, type=Kind.RECOVERY_CODES).exists():
        codes = RecoveryCodes.activate(user).generate_codes()
    _tell(user, _("%(factor)s was added to your account") % {"factor": title(row)}, now)
    _record(user, "user.second_factor_added", actor, {"second_factor": title(row)})
    if codes:
        _record(user, "user.recovery_codes_made", actor, {"codes": len(codes)})
    return codes


def make_codes(user: User, actor: Actor, now: datetime) -> list[str]:
    """New recovery codes; the earlier ones are void. Refusal: `no_second_factor`."""
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        if not factors_of(user).any:
            raise Refusal("no_second_factor", _("Recovery codes stand in for a second factor. Set one up first."))
        Authenticator.objects.filter(user_id=user.pk, type=Kind.RECOVERY_CODES).delete()
        codes: list[str] = RecoveryCodes.activate(user).generate_codes()
        _tell(user, _("New recovery codes were made for your account"), now)
        _record(user, "user.recovery_codes_made", actor, {"codes": len(codes)})
    return codes


def rename_passkey(user: User, passkey_id: int, name: str) -> None:
    """What the person calls it. Refusal: `not_found`."""
    with transaction.atomic():
        row = _own(user, passkey_id)
        row.data["name"] = name
        row.save(update_fields=["data"])


def remove(user: User, factor_id: int, actor: Actor, now: datetime, *, required: bool) -> None:
    """Take one factor away; with the last one go the recovery codes.

    Refusal: `not_found`; `last_factor` when the person's role asks for one (`required`).
    """
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        row = _own(user, factor_id)
        others = Authenticator.objects.filter(user_id=user.pk, type__in=(Kind.TOTP, Kind.WEBAUTHN)).exclude(pk=row.pk)
        last = not others.exists()
        if last and required and needs_second_factor(user):
            raise Refusal(
                "last_factor", _("Your role needs a second factor, and this is your only one. Add another one first.")
            )
        name = title(row)
        row.delete()
        if last:
            Authenticator.objects.filter(user_id=user.pk).delete()
        _tell(user, _("%(factor)s was removed from your account") % {"factor": name}, now)
        _record(user, "user.second_factor_removed", actor, {}, before={"second_factor": name})


def remove_all(user: User, actor: Actor, now: datetime) -> bool:
    """For a person who lost every device, by whoever is sure that it is that person. All sessions end."""
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        names = [title(row) for row in Authenticator.objects.filter(user_id=user.pk).order_by("pk")]
        if not names:
            return False
        Authenticator.objects.filter(user_id=user.pk).delete()
        end_sessions([user.pk])
        _tell(user, _("All second factors were removed from your account"), now)
        _record(user, "user.second_factor_removed", actor, {}, before={"second_factor": ", ".join(names)})
    return True


def title(row: Authenticator) -> str:
    """The factor in words."""
    if row.type == Kind.WEBAUTHN:
        return _("Passkey “%(name)s”") % {"name": row.data.get("name", "")}
    return str(_("Authenticator app") if row.type == Kind.TOTP else _("Recovery codes"))


def _own(user: User, factor_id: int) -> Authenticator:
    rows = Authenticator.objects.filter(user_id=user.pk, type__in=(Kind.TOTP, Kind.WEBAUTHN), pk=factor_id)
    row: Authenticator | None = rows.first()
    if row is None:
        raise Refusal("not_found", _("This second factor is gone already."), http_status=404)
    return row


def _tell_recovery_code_used(user: User, row: Authenticator, actor: Actor, now: datetime) -> None:
    left = _codes_left(row)
    _tell(user, _("A recovery code of your account was used; %(left)d are left") % {"left": left}, now)
    _record(user, "user.recovery_code_used", actor, {"codes_left": left})


def _record(user: User, action: str, actor: Actor, after: dict[str, Any], before: dict[str, Any] | None = None) -> None:
    record_target(action, actor, user, organization_id=user.organization_id, before=before, after=after)


def _tell(user: User, happened: str, now: datetime) -> None:
    """So that whoever did not do it learns of it."""
    subject, text = mail_words.words("second_factor_changed", user, happened=happened, at=now)
    mail.post(user, "second_factor_changed", subject, text)
