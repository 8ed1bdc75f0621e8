"""What this app's API takes and answers with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from messaging import reasons
from messaging.models import Message
from messaging.models.messages import BlockedBy, Direction, Encoding, Kind, Status
from provisioning.serializers.strict import StrictBoolean

DIRECTIONS = {Direction.INBOUND: "inbound", Direction.OUTBOUND: "outbound"}


class AsTyped(serializers.CharField):
    """A string with every character it came with: policy refuses what a text may not hold, with its own code."""

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_whitespace=False, allow_blank=True, **options)
        self.validators = []

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(data)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        """Blank is a string too."""
        return "" if data == "" else super().run_validation(data)


class NewText(serializers.Serializer[Any]):
    """A text to send. It goes out from the caller's primary number."""

    to = AsTyped(help_text="A US or Canadian number, as typed: (415) 555-0123, +14155550123.")
    body = AsTyped(help_text="At most 10 segments: 1530 GSM-7 characters, 670 UTF-16 units otherwise.")
    confirmed = StrictBoolean(
        required=False, default=False,
        help_text="Send it although a content rule asks (`confirmation_needed`, which names the rules and their "
        "advice). A rule that refuses is not overruled.",
    )  # fmt: skip

    @classmethod
    def of(cls, asked: Any) -> Mapping[str, Any]:
        """What was asked for. The form is made only where it may find a fault: that takes long."""
        if isinstance(asked, dict) and _is_plain(asked):
            return {"to": asked["to"], "body": asked["body"], "confirmed": False}
        form = cls(data=asked)
        form.is_valid(raise_exception=True)
        values: Mapping[str, Any] = form.validated_data
        return values


def _is_plain(asked: dict[str, Any]) -> bool:
    """Two strings, and no answer to a content rule."""
    strings = isinstance(asked.get("to"), str) and isinstance(asked.get("body"), str)
    return strings and asked.get("confirmed", False) is False


class TextAnswer(serializers.Serializer[Message]):
    """One text. `status` is the highest-ranked fact known; each fact keeps its time.

    The fields describe it (the schema is made of them), `to_representation` is it: to ask each field takes longer than
    to write the row.
    """

    id = serializers.UUIDField()
    conversation_id = serializers.UUIDField(allow_null=True, help_text="Null for a text refused before it was sent.")
    seq = serializers.IntegerField(allow_null=True, help_text="Place in the conversation.")
    direction = serializers.SerializerMethodField()
    own_number = serializers.CharField(source="own_e164")
    counterpart = serializers.CharField()
    body = serializers.CharField()
    encoding = serializers.ChoiceField(choices=Encoding.values)
    segments = serializers.IntegerField()
    status = serializers.ChoiceField(choices=Status.values)
    reason = serializers.CharField(help_text="Why it was not delivered; empty otherwise.")
    sentence = serializers.SerializerMethodField(help_text="The reason in words, with what to do.")
    blocked_by = serializers.ChoiceField(choices=["", *BlockedBy.values])
    automatic = serializers.SerializerMethodField(help_text="An automatic reply, such as the answer to STOP.")
    asks_to_stop = serializers.BooleanField(help_text="The person may want no more texts; only STOP opts out.")
    looks_repeated = serializers.BooleanField(help_text="The same words came seconds before, under another id.")
    resend_of = serializers.UUIDField(source="resend_of_id", allow_null=True)
    confirmed = serializers.BooleanField(help_text="A content rule asked the sender, who confirmed.")
    accepted_at = serializers.DateTimeField(help_text="When we accepted or received it.")
    sent_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)
    undelivered_at = serializers.DateTimeField(allow_null=True)
    unconfirmed_at = serializers.DateTimeField(allow_null=True)
    failed_at = serializers.DateTimeField(allow_null=True)
    blocked_at = serializers.DateTimeField(allow_null=True)

    def to_representation(self, message: Message) -> dict[str, Any]:
        """What the fields say, in their order."""
        return {
            "id": message.pk,
            "conversation_id": message.conversation_id,
            "seq": message.seq,
            "direction": self.get_direction(message),
            "own_number": message.own_e164,
            "counterpart": message.counterpart,
            "body": message.body,
            "encoding": message.encoding,
            "segments": message.segments,
            "status": message.status,
            "reason": message.reason,
            "sentence": self.get_sentence(message),
            "blocked_by": message.blocked_by,
            "automatic": self.get_automatic(message),
            "asks_to_stop": message.asks_to_stop,
            "looks_repeated": message.looks_repeated,
            "resend_of": message.resend_of_id,
            "confirmed": message.confirmed,
            "accepted_at": message.accepted_at,
            "sent_at": message.sent_at,
            "delivered_at": message.delivered_at,
            "undelivered_at": message.undelivered_at,
            "unconfirmed_at": message.unconfirmed_at,
            "failed_at": message.failed_at,
            "blocked_at": message.blocked_at,
        }

    def get_direction(self, message: Message) -> str:
        return DIRECTIONS[Direction(message.direction)]

    def get_sentence(self, message: Message) -> str:
        return reasons.sentence(message.reason)

    def get_automatic(self, message: Message) -> bool:
        return message.kind == Kind.AUTOMATIC


class ConversationAnswer(serializers.Serializer[Any]):
    """One conversation: the caller's number, the other person's, and the newest text."""

    id = serializers.UUIDField()
    own_number = serializers.CharField(source="own_e164")
    counterpart = serializers.CharField()
    unread_count = serializers.IntegerField()
    blocked = serializers.BooleanField(help_text="The caller blocked this person: neither gets the other's texts.")
    changed_at = serializers.DateTimeField()
    last_message = TextAnswer(allow_null=True, help_text="Null once every text of it was purged.")


class ComposerAnswer(serializers.Serializer[Any]):
    """Whether a text can be sent in a conversation now."""

    open = serializers.BooleanField(source="is_open")
    code = serializers.CharField(source="state", help_text="`open`, or the code with which a text is refused.")
    sentence = serializers.CharField(help_text="Empty when open.")


class OneConversationAnswer(ConversationAnswer):
    """One conversation, and whether a text can be sent in it now."""

    composer = ComposerAnswer()


class ReadUpTo(serializers.Serializer[Any]):
    """Without `up_to`, every text counts as read."""

    up_to = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=2**63 - 1)
