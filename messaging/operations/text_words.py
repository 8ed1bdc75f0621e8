"""The log of one text in words. The machine's own code stands beside them on the page, for who searches by it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from messaging.carriers.base import UNKNOWN
from messaging.models import Exchange
from messaging.models.messages import Status
from messaging.transit import RECALLED, TOO_LATE


@dataclass(frozen=True, slots=True)
class Words:
    """What a pill says, its class in hub.css, and what it means."""

    word: str | Promise
    pill: str = ""
    meaning: str | Promise = ""


OUTCOMES: Final[dict[str, Words]] = {
    "taken": Words(_("Taken"), "pill-ok", _("The carrier took the text.")),
    "refused": Words(_("Refused"), "pill-err", _("The carrier refused the text for good.")),
    "not_taken": Words(_("Not taken"), "pill-warn", _("The carrier can’t have the text, so it may go again.")),
    "unknown": Words(
        _("Outcome unknown"), "pill-warn", _("The carrier may have the text: no answer came that settles it.")
    ),
    "asked": Words(_("Asked"), "", _("The carrier was asked what became of the text. Nothing was sent.")),
}
CLAIMS: Final[dict[str, Words]] = {
    Status.SENT: Words(_("Sent")),
    Status.DELIVERED: Words(_("Delivered"), "pill-ok"),
    Status.UNDELIVERED: Words(_("Not delivered"), "pill-err"),
    UNKNOWN: Words(_("Not understood"), "pill-warn"),
}
_CAUSES: Final[dict[str, str | Promise]] = {
    "NotTaken: TimeoutError": _("No connection could be made in time."),
    "Unconfirmed: TimeoutError": _("No answer came in time."),
    TOO_LATE: _("Its turn for a connection came too late, so it was not sent."),
    RECALLED: _("The worker was told to stop before the text’s turn came."),
}
_KINDS: Final[dict[str, str | Promise]] = {
    "NotTaken": _("No connection could be made."),
    "Unconfirmed": _("The connection broke off after the request had left."),
}
_STATUSES: Final[dict[int, str | Promise]] = {
    401: _("The carrier doesn’t accept the account’s credentials."),
    403: _("The carrier doesn’t accept the account’s credentials."),
    429: _("The carrier asks for fewer texts at once."),
}
_ERROR_OF_THE_CARRIER: Final = _("The carrier’s server had an error.")


def cause(exchange: Exchange) -> str:
    """Why an exchange brought nothing, where its kind of error or its HTTP status says so; else empty."""
    if exchange.http_status is None:
        kind = exchange.response.partition(":")[0]
        return str(_CAUSES.get(exchange.response) or _KINDS.get(kind, ""))
    return str(_STATUSES.get(exchange.http_status) or (_ERROR_OF_THE_CARRIER if exchange.http_status >= 500 else ""))
