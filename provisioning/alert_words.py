"""What each alert says: its title, a sentence, what to do, where, and whose work it is. Each app registers its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from provisioning.models import Alert, User
from provisioning.numbers import display
from provisioning.roles import Permission, permissions_of


class Audience(StrEnum):
    """Who sees an organization's alert, and gets the mail. The provider's own alerts are the operators'."""

    ADMINISTRATORS = "administrators"
    OFFICERS = "officers"


class Severity(StrEnum):
    URGENT = "urgent"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Kind:
    """`sentence` and `remedy` name the alert's facts as %(name)s; `link` gives the page to go to, or ""."""

    code: str
    title: str | Promise
    sentence: str | Promise
    remedy: str | Promise
    severity: Severity = Severity.URGENT
    audience: Audience = Audience.ADMINISTRATORS
    link: Callable[[Mapping[str, Any]], str] | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """One alert as people read it."""

    title: str
    sentence: str
    remedy: str
    link: str
    severity: Severity


class UnknownAlertError(LookupError):
    """A code that no app registered words for."""


_KINDS: Final[dict[str, Kind]] = {}
_SEEN_WITH: Final = {
    Audience.ADMINISTRATORS: Permission.VIEW_ORGANIZATION,
    Audience.OFFICERS: Permission.READ_RETAINED_MESSAGES,
}


def register(*kinds: Kind) -> None:
    """Make kinds known; an app does so when it is ready."""
    _KINDS.update({kind.code: kind for kind in kinds})


def kind(code: str) -> Kind:
    """The kind of a code. UnknownAlertError: nobody registered it."""
    try:
        return _KINDS[code]
    except KeyError:
        raise UnknownAlertError(code) from None


def kinds() -> list[Kind]:
    """All of them, in the order they were registered."""
    return list(_KINDS.values())


def codes_for(user: User) -> list[str]:
    """The codes a person's roles let them see."""
    granted = permissions_of(user)
    return [code for code, known in _KINDS.items() if _SEEN_WITH[known.audience] in granted]


def words(alert: Alert) -> Words:
    """What an alert says. A code of an older version, which nobody knows any more, is shown as it is."""
    known = _KINDS.get(alert.code)
    if known is None:
        return Words(alert.code, "", "", "", Severity.WARNING)
    named = {"times": alert.times} | alert.facts
    facts = _Facts({name: _legible(name, value) for name, value in named.items()})
    return Words(
        title=str(known.title) % facts,
        sentence=str(known.sentence) % facts,
        remedy=str(known.remedy) % facts,
        link=known.link(alert.facts) if known.link is not None else "",
        severity=known.severity,
    )


class _Facts(dict[str, Any]):
    """What a sentence names; a fact that an older alert lacks is a dash, not an error."""

    def __missing__(self, name: str) -> str:
        return "–"


def _legible(name: str, value: Any) -> Any:
    return display(str(value)) if name == "number" else value


register(
    Kind(
        "backup_missing",
        title=_("No backup"),
        sentence=_("The last backup that this installation knows of is from %(since)s."),
        remedy=_("Make a backup, and look at why the scheduled one did not run."),
    ),
    Kind(
        "mail_failing",
        title=_("Mail is not going out"),
        sentence=_("The mail server takes no mail: %(reason)s."),
        remedy=_("Check EMAIL_URL and DEFAULT_FROM_EMAIL. Invitations and links for new passwords wait until then."),
    ),
    Kind(
        "mail_undeliverable",
        title=_("%(user)s can’t be reached by mail"),
        sentence=_("Mail to %(address)s came to nothing: %(reason)s."),
        remedy=_("Correct the user’s e-mail address, then send the invitation again if it is still open."),
        severity=Severity.WARNING,
        link=lambda facts: f"{reverse('users')}?{urlencode({'q': str(facts.get('address', ''))})}",
    ),
)
