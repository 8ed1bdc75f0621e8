"""What the carrier may do with a text, as data, and the codes it gives for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Answer(StrEnum):
    """What the sender of a text sees of its request."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    THROTTLED = "throttled"
    NOT_TAKEN = "not_taken"
    ERROR = "error"
    SILENCE = "silence"
    HANG_UP = "hang_up"
    EXIT = "exit"


SENT, DELIVERED, UNDELIVERED = "sent", "delivered", "undelivered"
SOON, LATER = 0.3, 2.0
"""Seconds after the text was taken, before SIMULATOR_PACE."""
RETRY_AFTER = 2


@dataclass(frozen=True, slots=True)
class Step:
    """One receipt: what it claims, when it happened and when it is posted (seconds after taking), how often."""

    claim: str
    happened: float
    posted: float
    copies: int = 1


GOOD = (Step(DELIVERED, LATER, LATER),)
DELIVERS = (Step(SENT, SOON, SOON), Step(DELIVERED, LATER, LATER))


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One way to treat a text: does the carrier have it afterwards, what is answered, which receipts follow.

    `{code}` in the hint stands for the code chosen, with its meaning.
    """

    key: str
    label: str | Promise
    hint: str | Promise
    short: str | Promise
    takes: bool
    answer: Answer
    steps: tuple[Step, ...] = ()
    shown: bool = True

    @property
    def arrives(self) -> bool:
        """Whether a text that was taken comes to its phone."""
        return all(step.claim != UNDELIVERED for step in self.steps)


BEHAVIOURS = {
    behaviour.key: behaviour
    for behaviour in (
        Behaviour(
            "delivered", _("Delivered"), _("Receipt after 2 seconds"), _("Delivers"),
            takes=True, answer=Answer.ACCEPTED, steps=DELIVERS,
        ),
        Behaviour(
            "undelivered", _("Undelivered"), _("Receipt {code}"), _("Doesn’t deliver"),
            takes=True, answer=Answer.ACCEPTED,
            steps=(Step(SENT, SOON, SOON), Step(UNDELIVERED, LATER, LATER)),
        ),
        Behaviour(
            "no_receipt", _("No receipt"), _("Taken; nothing more is heard of it"), _("No receipt"),
            takes=True, answer=Answer.ACCEPTED,
        ),
        Behaviour(
            "not_taken", _("Carrier error"), _("HTTP 503 when sending, then retries"), _("Carrier error"),
            takes=False, answer=Answer.NOT_TAKEN,
        ),
        Behaviour(
            "refused", _("Refused"), _("HTTP 400, {code}"), _("Refuses"),
            takes=False, answer=Answer.REFUSED,
        ),
        Behaviour(
            "throttled", _("Throttled"), _("HTTP 429, ask again after 2 seconds"), _("Throttles"),
            takes=False, answer=Answer.THROTTLED,
        ),
        Behaviour(
            "error_after_taking", _("Error after taking"), _("HTTP 500, and yet the text arrives"), _("Errs"),
            takes=True, answer=Answer.ERROR, steps=GOOD,
        ),
        Behaviour(
            "timeout_after_taking", _("Timeout after taking"), _("Never answers, and yet the text arrives"),
            _("Times out"), takes=True, answer=Answer.SILENCE, steps=GOOD,
        ),
        Behaviour(
            "timeout", _("Timeout without taking"), _("Never answers; the text is lost"), _("Times out"),
            takes=False, answer=Answer.SILENCE,
        ),
        Behaviour(
            "dropped_after_taking", _("Connection dropped after taking"), _("Hangs up, and yet the text arrives"),
            _("Hangs up"), takes=True, answer=Answer.HANG_UP, steps=GOOD,
        ),
        Behaviour(
            "dies", _("Dies"), _("Hangs up without an answer; the text is lost"), _("Hangs up"),
            takes=False, answer=Answer.HANG_UP,
        ),
        Behaviour(
            "out_of_order", _("Receipts out of order"), _("Delivered first, sent 2 seconds later"),
            _("Out of order"), takes=True, answer=Answer.ACCEPTED,
            steps=(Step(DELIVERED, SOON, SOON), Step(SENT, 0.0, LATER)),
        ),
        Behaviour(
            "duplicates", _("Duplicate receipts"), _("Each receipt three times"), _("Repeats receipts"),
            takes=True, answer=Answer.ACCEPTED,
            steps=(Step(SENT, SOON, SOON, copies=3), Step(DELIVERED, LATER, LATER, copies=3)),
        ),
        Behaviour(
            "exits", _("The process ends"), _("After taking, without an answer"), _("Ends"),
            takes=True, answer=Answer.EXIT, steps=GOOD, shown=False,
        ),
    )
}  # fmt: skip
DEFAULT = BEHAVIOURS["delivered"]
FIRST_SHOWN = ("delivered", "undelivered", "no_receipt", "not_taken")

CODES: dict[str, str | Promise] = {
    "4720": _("invalid destination address"),
    "4721": _("number cannot receive texts"),
    "4740": _("recipient opted out"),
    "4750": _("phone unreachable"),
    "4770": _("blocked as spam"),
    "4790": _("content rejected"),
    "4481": _("number not registered"),
    "9999": _("a code nobody knows"),
}
"""The carrier's own numbers, with which it reports an undelivered text and refuses one."""
DEFAULT_CODE = "4720"
