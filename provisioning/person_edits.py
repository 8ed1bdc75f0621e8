"""What a person's profile can hold, and what would change: names, e-mail address, location, license.

Texting has its own module (texting.py), so has the primary number (number_assignment.py). Nothing here writes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from provisioning.models import Location, User
from provisioning.models.choices import fold
from provisioning.models.users import License
from provisioning.refusals import Refusal

FIELDS: Final = ("first_name", "last_name", "email", "location", "license")
NAME_LENGTH: Final = 100
EMAIL_LENGTH: Final = 254


@dataclass(frozen=True, slots=True)
class PersonEdit:
    """Only what differs: `before` and `after` as the audit log shows them, `values` as the columns hold them."""

    user: User
    before: dict[str, Any]
    after: dict[str, Any]
    values: dict[str, Any]

    @property
    def new_email(self) -> str:
        """The address that the person gets; empty when it stays, also when only its capital letters change.

        Not what `fold()` calls the same: straße and strasse are two hosts, and each can belong to somebody else.
        """
        email: str = self.values.get("email", "")
        return email if _in_small_letters(email) != _in_small_letters(self.user.email) else ""


def _in_small_letters(email: str) -> bytes:
    """A to Z only: `bytes.lower()` leaves every other letter as it is."""
    return email.encode().lower()


def plan_edit(user: User, wanted: Mapping[str, Any]) -> PersonEdit | None:
    """What `wanted` would change; None when nothing. `user` comes with its location at hand.

    Refusal, its field in extra["field"]: `control_characters`, `name_too_long`, `email_required`, `invalid_email`,
    `unknown_license`, `unknown_location`. What takes a look at other rows is asked by `refusals_of()`.
    """
    values = _differing(user, checked(wanted, user.organization_id))
    if not values:
        return None
    return PersonEdit(
        user=user,
        before={name: readable(name, getattr(user, name)) for name in values},
        after={name: readable(name, value) for name, value in values.items()},
        values=values,
    )


def checked(wanted: Mapping[str, Any], organization_id: Any) -> dict[str, Any]:
    """The values as the columns hold them, in the order of FIELDS. KeyError for a field that is none of these."""
    unknown = set(wanted) - set(FIELDS)
    if unknown:
        raise KeyError(*sorted(unknown))
    return {name: _checked(name, wanted[name], organization_id) for name in FIELDS if name in wanted}


def readable(name: str, value: Any) -> Any:
    """A value as the audit log and previews show it."""
    if name == "location":
        return value.name if value is not None else None
    return str(License(value).label) if name == "license" else value


def _differing(user: User, values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value != getattr(user, name)}


def _checked(name: str, value: Any, organization_id: Any) -> Any:
    if name == "location":
        return _location(value, organization_id)
    if name == "license":
        return _license(value)
    return _email(str(value)) if name == "email" else _name(name, str(value))


def _name(field: str, typed: str) -> str:
    name = " ".join(typed.split())
    _refuse_control_characters(field, name)
    if len(name) > NAME_LENGTH:
        sentence = _("A name has at most %(most)s characters.") % {"most": NAME_LENGTH}
        raise Refusal("name_too_long", sentence, field=field)
    return name


def _email(typed: str) -> str:
    email = typed.strip()
    if not email:
        raise Refusal("email_required", _("Enter an e-mail address. The user signs in with it."), field="email")
    _refuse_control_characters("email", email)
    try:
        validate_email(email)
    except ValidationError:
        raise _not_an_address() from None
    # Folding makes some letters many.
    if max(len(email), len(fold(email))) > EMAIL_LENGTH:
        raise _not_an_address()
    return email


def _not_an_address() -> Refusal:
    return Refusal("invalid_email", _("Enter an e-mail address like name@example.com."), field="email")


def _refuse_control_characters(field: str, text: str) -> None:
    """No database column takes NUL or half a surrogate pair, and no name has a use for the others."""
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        sentence = _("Control characters can’t be stored. Type the text again, without pasting.")
        raise Refusal("control_characters", sentence, field=field)


def _license(value: Any) -> str:
    if value not in License.values:
        labels = ", ".join(str(label) for label in License.labels)
        sentence = _("There is no such license. Choose from: %(licenses)s.") % {"licenses": labels}
        raise Refusal("unknown_license", sentence, field="license")
    return str(value)


def _location(value: Location | None, organization_id: Any) -> Location | None:
    if value is not None and value.organization_id != organization_id:
        raise unknown_location()
    return value


def unknown_location() -> Refusal:
    """A location of others reads like one that is not there."""
    return Refusal("unknown_location", _("There is no such location among yours."), field="location")
