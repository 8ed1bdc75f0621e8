"""Texts from people: filed once, delivered to the user or withheld with the reason, keywords obeyed, answered once.

What must never happen:
1. One text twice. The carrier's id is unique per account (`inbound_once`); a repeated webhook loses against that
   constraint, and everything it did in the meantime is rolled back with it.
2. Two conversations where there is one: get-or-create under `conversation_once`, then the row is locked. Its lock
   also gives `seq`, so that no two texts share a place.
3. A STOP that does not count. Keywords come first, on any number an organization owns: assigned or not, texting on or
   off, with a picture, from abroad. The opt-out, what it blocks, the text and its reply are one transaction.
4. A body that storage refuses. NUL and halves of surrogate pairs (both possible in JSON, neither in the database)
   become U+FFFD; every other character is stored as it came, C1 controls included.

One transaction a text. Lock order as in messaging/states.py: waiting messages (a STOP blocks them), then conversations
(a STOP locks its own together with those that lose a text), then counts, and sending numbers last, all at once. A
conversation that is new is made before any lock is taken: nobody else can hold or want it. Nothing in here talks to a
carrier.

The number decides whose a text is, not the account whose webhook brought it. A number that was moved or failed over
to another account still receives by the old one until the carrier has changed its routes, nobody knows for how long,
and a text or a STOP that was refused then would be lost. So whoever holds the secret of one account can bring texts to
any number: the provider alone connects accounts, each text keeps the account that brought it, and one that came by
another account than its number's is logged.

Of a text to a number that no organization owns (any longer) is kept that it came (receipts.keep_stray), and the
provider is told. Its words are not stored: nobody may read them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import phonenumbers
import structlog
from django.db import IntegrityError, transaction

from messaging import blocking, counts, optouts, pacing, receipts, replies, watch
from messaging.carriers.base import InboundText
from messaging.changes import ConversationChange, announce
from messaging.compose import storable
from messaging.models import CarrierAccount, Conversation, Message
from messaging.models.messages import Direction, Status, Withheld
from messaging.optouts import Keyword, Obeyed, Purpose
from messaging.replies import Circumstances
from messaging.segments import measure
from messaging.wakeups import wake_relay
from provisioning.eligibility import standings
from provisioning.models import PhoneNumber
from provisioning.models.choices import TEXTING_COUNTRIES, fold

logger = structlog.get_logger(__name__)

_E164: Final = re.compile(r"\+[1-9]\d{5,14}", re.ASCII)
LONGEST_SENDER: Final = 32
REPEATED_WITHIN: Final = timedelta(seconds=10)
REPEATED_AMONG: Final = 10
"""Carriers that deliver a text twice do so at once: among the last few of its conversation."""


@dataclass(frozen=True, slots=True)
class Filed:
    """The stored text; `replayed` when an earlier delivery of the same webhook had already stored it."""

    message: Message
    replayed: bool


def accept_inbound(account: CarrierAccount, text: InboundText, now: datetime) -> Filed | None:
    """File a text that the carrier delivered. None: the number belongs to no organization."""
    owners = PhoneNumber.objects.owned().select_related("organization", "campaign", "sending")
    number = owners.filter(e164=text.to).first()
    if number is None:
        logger.warning("inbound_to_unknown_number", account=str(account.pk), number=text.to)
        receipts.keep_stray(account, text, now)
        return None
    try:
        with transaction.atomic():
            filed = Filed(_file(account, number, text, now), replayed=False)
    except IntegrityError:
        earlier = _filed_before(account, text)
        if earlier is None:
            raise
        return Filed(earlier, replayed=True)
    _note_account(account, number, filed.message)
    return filed


def _note_account(account: CarrierAccount, number: PhoneNumber, message: Message) -> None:
    """Log a text that came by another account than its number sends by."""
    sending = getattr(number, "sending", None)
    if sending is not None and sending.carrier_account_id != account.pk:
        logger.info("inbound_by_another_account", account=str(account.pk), message=str(message.pk))


def _filed_before(account: CarrierAccount, text: InboundText) -> Message | None:
    if not text.carrier_message_id:
        return None
    return Message.objects.filter(
        carrier_account=account, carrier_message_id=text.carrier_message_id, direction=Direction.INBOUND
    ).first()


def _file(account: CarrierAccount, number: PhoneNumber, text: InboundText, now: datetime) -> Message:
    sender, body = storable(text.from_)[:LONGEST_SENDER], storable(text.body)
    opted_out = optouts.is_opted_out(number.organization, number, sender)
    keyword = optouts.keyword(body, opted_out) if _E164.fullmatch(sender) else None
    withheld = _withheld(number, sender, text.media_count)
    obeyed = _obey(number, sender, keyword, withheld, now)
    conversation = None if withheld else _conversation(number, sender, now)
    message = _store(account, number, conversation, text, sender, body, withheld, now)
    message.asks_to_stop = keyword is None and optouts.asks_to_stop(body)
    message.looks_repeated = conversation is not None and _looks_repeated(conversation, body, now)
    message.save(force_insert=True)
    answered_already = keyword is not None and (account.answers_keywords or text.carrier_replied)
    circumstances = Circumstances(number, sender, keyword, obeyed.changed, opted_out, withheld)
    words = "" if answered_already else replies.words_for(circumstances, now)
    reply = replies.queue(message, words, _next_place(conversation), now) if words else None
    if conversation is not None:
        _update(conversation, reply or message, now)
    counts.add(number, message.user_id, now, **_counted(withheld, keyword, obeyed.changed))
    watch.note_unread(number, withheld, now)
    pacing.look_again(obeyed.numbers | ({number.pk} if reply else set()), now)
    if reply is not None:
        wake_relay()
    return message


def _counted(withheld: str, keyword: Keyword | None, changed: bool) -> dict[str, int]:
    """What this text adds to the number's day."""
    stopped = changed and keyword is not None and keyword.purpose == Purpose.STOP
    return {("withheld" if withheld else "received"): 1, **({"opted_out": 1} if stopped else {})}


def _looks_repeated(conversation: Conversation, body: str, now: datetime) -> bool:
    """Whether the same words came from this person seconds ago, under another id of the carrier's.

    A person may well say the same twice, so it is flagged and never dropped. A look at the conversation's last texts.
    """
    lately = Message.objects.filter(conversation=conversation, seq__gt=conversation.last_seq - REPEATED_AMONG)
    repeated = lately.filter(direction=Direction.INBOUND, body=body, accepted_at__gt=now - REPEATED_WITHIN)
    return repeated.exists()


def _obey(number: PhoneNumber, sender: str, keyword: Keyword | None, withheld: str, now: datetime) -> Obeyed:
    """Do what a keyword says."""
    if keyword is None or keyword.purpose == Purpose.HELP:
        return Obeyed(changed=False)
    if keyword.purpose == Purpose.START:
        return optouts.opt_in(number, sender, keyword.word, now)
    own = None if withheld else _conversation(number, sender, now, locked=False).pk
    return optouts.opt_out(number, sender, keyword.word, now, own)


def _withheld(number: PhoneNumber, sender: str, media_count: int) -> str:
    """Why no user gets this text; empty when one does. Where nobody would read it, its attachment does not matter."""
    if not _E164.fullmatch(sender):
        return Withheld.NOT_A_PHONE
    if not _is_domestic(sender):
        return Withheld.INTERNATIONAL
    if number.user_id is None:
        return Withheld.UNASSIGNED
    if not standings([number.user_id])[number.user_id].can_receive:
        return Withheld.TEXTING_OFF
    if blocking.is_blocked(number.user_id, sender):
        return Withheld.BLOCKED
    return Withheld.MMS if media_count else ""


def _is_domestic(e164: str) -> bool:
    """By region, not by +1: +1 876 is Jamaica. A +1 number of no known region is taken for a domestic one."""
    parsed = phonenumbers.parse(e164)
    region = phonenumbers.region_code_for_number(parsed)
    return parsed.country_code == 1 and (region is None or region in TEXTING_COUNTRIES)


def _conversation(number: PhoneNumber, sender: str, now: datetime, *, locked: bool = True) -> Conversation:
    """The conversation, made when this is its first text."""
    found = Conversation.objects.select_for_update(no_key=True) if locked else Conversation.objects.all()
    conversation, _made = found.get_or_create(
        user_id=number.user_id,
        number=number,
        counterpart=sender,
        defaults={"organization_id": number.organization_id, "own_e164": number.e164, "changed_at": now},
    )
    return conversation


def _next_place(conversation: Conversation | None) -> int | None:
    if conversation is None:
        return None
    conversation.last_seq += 1
    return conversation.last_seq


def _store(
    account: CarrierAccount,
    number: PhoneNumber,
    conversation: Conversation | None,
    text: InboundText,
    sender: str,
    body: str,
    withheld: str,
    now: datetime,
) -> Message:
    size = measure(body)
    return Message(
        organization_id=number.organization_id,
        user_id=number.user_id,
        number=number,
        conversation=conversation,
        seq=_next_place(conversation),
        direction=Direction.INBOUND,
        own_e164=number.e164,
        counterpart=sender,
        body=body,
        search_text=fold(body),
        encoding=size.encoding,
        segments=size.segments,
        status=Status.RECEIVED,
        status_event_at=text.at,
        withheld=withheld,
        carrier_account=account,
        carrier_message_id=text.carrier_message_id,
        accepted_at=now,
        due_at=now,
    )


def _update(conversation: Conversation, newest: Message, now: datetime) -> None:
    conversation.last_message = newest
    conversation.unread_count += 1
    conversation.changed_at = max(conversation.changed_at, now)
    conversation.save(update_fields=["last_seq", "last_message", "unread_count", "changed_at"])
    announce(ConversationChange(conversation.user_id, conversation.pk, conversation.changed_at))
