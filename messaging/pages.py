"""What stands on the pages of the inbox: the list, the thread, the composer, as context for their templates."""

from __future__ import annotations

import uuid
import zoneinfo
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import phonenumbers.timezone
from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from messaging import inbox
from messaging.bubbles import bubbles
from messaging.composer import closed_for, composer_of
from messaging.forms import fresh_key, place
from messaging.models import Conversation
from provisioning.eligibility import standings
from provisioning.models import User


@dataclass(frozen=True, slots=True)
class Listing:
    """What the list shows: `show` is "" or "unread", `query` words or a number, `page` a cursor."""

    show: str = ""
    query: str = ""
    page: str = ""

    @classmethod
    def of(cls, request: HttpRequest) -> Listing:
        show = "unread" if request.GET.get("show") == "unread" else ""
        return cls(show, request.GET.get("q", "").strip(), request.GET.get("page", ""))

    def parameters(self, **changes: str) -> str:
        """The listing as the end of an address, changed; empty ones are left out."""
        named = {"show": self.show, "q": self.query, **changes}
        return "?" + urlencode({name: value for name, value in named.items() if value})

    @property
    def to_conversations(self) -> str:
        """Opening a conversation keeps the listing."""
        return self.parameters() if self.show or self.query else ""

    @property
    def to_all(self) -> str:
        return self.parameters(show="")

    @property
    def to_unread(self) -> str:
        return self.parameters(show="unread")


def list_context(request: HttpRequest, conversation_id: uuid.UUID | None = None) -> dict[str, Any]:
    """The conversation list; `conversation_id` is the one that is open beside it."""
    user: Any = request.user
    listing = Listing.of(request)
    page = inbox.conversation_page(
        user, unread=listing.show == "unread", query=listing.query, before=listing.page
    )  # fmt: skip
    unread = inbox.unread_conversations(user)
    return {
        "listing": listing,
        "page": page,
        "more": listing.parameters(page=page.older) if page.older else "",
        "unread": f"{inbox.UNREAD_SHOWN}+" if unread > inbox.UNREAD_SHOWN else str(unread or ""),
        "current_id": conversation_id,
    }


def frame_context(request: HttpRequest, conversation_id: uuid.UUID | None = None) -> dict[str, Any]:
    """Everything around a thread: the list, the new-message dialog, the live stream's start."""
    user: Any = request.user
    return {
        **list_context(request, conversation_id),
        **sender_context(user),
        "new_key": fresh_key(),
        "rendered_at": timezone.now().isoformat(),
    }


def sender_context(user: User) -> dict[str, Any]:
    """Whether the user can text at all, and from which number."""
    return {"closed": closed_for(standings([user.pk])[user.pk]), "number": own_number(user)}


def own_number(user: User) -> str:
    """The number that texts go out from, "" for a user without one."""
    number = getattr(user, "primary_number", None)
    return number.e164 if number is not None else ""


def thread_context(request: HttpRequest, conversation: Conversation) -> dict[str, Any]:
    """The texts of a conversation: the newest, or with ?before= the ones before a place."""
    user: Any = request.user
    before = place(request.GET.get("before"))
    page = inbox.thread_page(conversation, user, before=before)
    return {
        "conversation": conversation,
        "bubbles": bubbles(page.messages, user, timezone.now()),
        "older": page.older,
        "newest": page.messages[-1].seq if page.messages else 0,
        "in_the_past": before is not None,
        "retention_days": settings.MESSAGE_RETENTION_DAYS,
    }


def composer_context(conversation: Conversation, user: User) -> dict[str, Any]:
    """The composer of a conversation, empty and with a key of its own."""
    return {"conversation": conversation, "composer": composer_of(conversation, user), "key": fresh_key()}


def local_zone(e164: str) -> str:
    """The time zone of a number's area code where it has only one; "" otherwise."""
    try:
        zones = phonenumbers.timezone.time_zones_for_number(phonenumbers.parse(e164))
    except phonenumbers.NumberParseException:
        return ""
    return zones[0] if len(zones) == 1 and zones[0] in zoneinfo.available_timezones() else ""
