"""Rotation of FIELD_KEYS: everything sealed is sealed anew with the first key, so that the others may go.

A new key goes in front of FIELD_KEYS, every process starts again with it, `rotate_field_keys` runs, and once its
`--check` finds nothing that needs another key, the old ones may be taken out. Backups made before keep their own keys.

What is sealed: the `sealed_…` columns of our models, found by their name, and the secrets of authenticator apps and
recovery codes, which django-allauth keeps in its own rows. Forms hold sealed secrets for half an hour (a new
authenticator app); one that is open meanwhile has to be begun again.

Each batch is one transaction over locked rows. A row that is written at the same time by somebody who had read it
before keeps what that one writes, sealed with an old key: `--check` finds it, and a second run seals it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, InvalidToken
from django.apps import apps
from django.conf import settings
from django.db import models, transaction
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from provisioning.sealing import keyring

BATCH: Final = 200
OURS: Final = ("provisioning", "messaging", "compliance", "texting_hub")
PREFIX: Final = "sealed_"
IN_SECOND_FACTORS: Final = {"totp": ("secret",), "recovery_codes": ("seed", "migrated_codes")}
"""The sealed values in the `data` of django-allauth's rows, by type; the others hold no secret."""


@dataclass(slots=True)
class Found:
    """What one kind of row holds, in sealed values."""

    name: str | Promise
    current: int = 0
    """Sealed with the first key, or just now."""
    old: int = 0
    """Sealed with another key of FIELD_KEYS."""
    unreadable: int = 0
    """Opened by none: a key is missing."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where sealed values are: rows, and one function that gives a row back with its values replaced."""

    name: str | Promise
    rows: models.QuerySet[Any]
    column: str
    replaced: Callable[[Any, Callable[[str], str]], Any]


def _places() -> Iterator[_Place]:
    for app in OURS:
        for model in apps.get_app_config(app).get_models():
            for column in (field.name for field in model._meta.concrete_fields if field.name.startswith(PREFIX)):
                rows = model._default_manager.exclude(**{column: ""})
                yield _Place(str(capfirst(model._meta.verbose_name_plural)), rows, column, _replaced_text)
    rows = Authenticator.objects.filter(type__in=IN_SECOND_FACTORS)
    yield _Place(_("Second factors"), rows, "data", _replaced_in_second_factor)


def _replaced_text(row: tuple[Any, ...], replace: Callable[[str], str]) -> str:
    return replace(row[1])


def _replaced_in_second_factor(row: tuple[Any, ...], replace: Callable[[str], str]) -> dict[str, Any]:
    """The JSON with its sealed texts, and lists of them, replaced. Which values those are, every type says."""
    content = dict(row[1])
    for name in {name for names in IN_SECOND_FACTORS.values() for name in names} & content.keys():
        value = content[name]
        content[name] = [replace(one) for one in value] if isinstance(value, list) else replace(value)
    return content


def rotate() -> list[Found]:
    """Seal everything that an older key sealed with the first one. `old` counts what was."""
    return [_walk(place, write=True) for place in _places()]


def check() -> list[Found]:
    """What is sealed with which key. Writes nothing."""
    return [_walk(place, write=False) for place in _places()]


def _walk(place: _Place, *, write: bool) -> Found:
    found, after = Found(place.name), None
    first, every = Fernet(settings.FIELD_KEYS[0]), keyring()

    def replace(sealed: str) -> str:
        try:
            first.decrypt(sealed.encode())
        except InvalidToken:
            pass
        else:
            found.current += 1
            return sealed
        try:
            anew = every.rotate(sealed.encode()).decode()
        except InvalidToken:
            found.unreadable += 1
            return sealed
        found.old += 1
        return anew

    while (after := _batch(place, after, replace, write=write)) is not None:
        pass
    return found


def _batch(place: _Place, after: Any, replace: Callable[[str], str], *, write: bool) -> Any:
    """The next rows behind `after`, by id; the last one's id, None when there were none."""
    with transaction.atomic():
        rows = place.rows.order_by("pk") if after is None else place.rows.filter(pk__gt=after).order_by("pk")
        locked = rows.select_for_update(no_key=True) if write else rows
        found = list(locked.values_list("pk", place.column)[:BATCH])
        for row in found:
            anew = place.replaced(row, replace)
            if write and anew != row[1]:
                place.rows.model._default_manager.filter(pk=row[0]).update(**{place.column: anew})
    return found[-1][0] if found else None
