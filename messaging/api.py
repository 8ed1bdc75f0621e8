"""This app's part of the API: the caller's own texts and conversations. Nobody reads another person's here."""

from __future__ import annotations

import uuid
from typing import IO, Any, cast

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, parsers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from messaging import blocking, clock, inbox, measurements
from messaging.compose import compose
from messaging.composer import composer_of
from messaging.models import Conversation, Message
from messaging.models.conversations import ConversationQuerySet
from messaging.models.messages import MessageQuerySet
from messaging.serializers import ConversationAnswer, NewText, OneConversationAnswer, ReadUpTo, TextAnswer
from provisioning.api.asked import actor_of
from provisioning.models import User
from provisioning.refusals import Refusal
from provisioning.roles import Permission

OWN_TEXTS = (Permission.USE_INBOX,)
KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Up to 255 printable characters, unique to the text. The same request again answers 200 and sends "
    "nothing; the same key with another request is 409.",
)
_Pages: Any = api_settings.DEFAULT_PAGINATION_CLASS


class NewestChangeFirst(_Pages):  # type: ignore[misc]
    ordering = ("-changed_at", "-id")


class NewestTextFirst(_Pages):  # type: ignore[misc]
    ordering = "-seq"


class Attachments(parsers.BaseParser):
    """Texts are text: a form with files is refused with its own code, unread."""

    media_type = "multipart/form-data"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        measurements.count_composes("mms_not_supported")
        raise Refusal("mms_not_supported", _("Attachments can’t be sent, only text. Send JSON without attachments."))


_TEXT = TextAnswer()
"""One for all answers: to make a serializer's fields takes longer than to fill them."""


class Texts(generics.ListAPIView[Message]):
    """The caller's texts, newest first; and sending one."""

    access = {"GET": OWN_TEXTS, "POST": OWN_TEXTS}
    scopes = {"GET": "messages:read", "POST": "messages:write"}
    serializer_class = TextAnswer
    parser_classes = [*cast(Any, api_settings.DEFAULT_PARSER_CLASSES), Attachments]

    def get_queryset(self) -> MessageQuerySet:
        return Message.objects.visible_to(_caller(self.request))

    @extend_schema(operation_id="messages")
    def get(self, request: Request) -> Response:
        return self.list(request)

    @extend_schema(
        operation_id="send_message",
        parameters=[KEY],
        request={"application/json": NewText},
        responses={201: TextAnswer, 200: TextAnswer},
        description="Accepts a text: 201 once it is queued, 200 when the same Idempotency-Key had sent it already. A "
        "refusal names its code; `message_id` is the refused text that was kept, where one was.",
    )
    def post(self, request: Request) -> Response:
        asked = NewText.of(request.data)
        composed = compose(
            user=_caller(request),
            to=asked["to"],
            body=asked["body"],
            idempotency_key=request.headers.get("Idempotency-Key", ""),
            media_count=_attachments(request.data),
            confirmed=asked["confirmed"],
        )
        return Response(_TEXT.to_representation(composed.message), status=200 if composed.replayed else 201)


class Text(APIView):
    """One of the caller's texts."""

    access = {"GET": OWN_TEXTS}
    scopes = {"GET": "messages:read"}

    @extend_schema(operation_id="message", responses=TextAnswer)
    def get(self, request: Request, message_id: uuid.UUID) -> Response:
        own = Message.objects.visible_to(_caller(request))
        return Response(TextAnswer(get_object_or_404(own, pk=message_id)).data)


class Conversations(generics.ListAPIView[Conversation]):
    """The caller's conversations, newest change first."""

    access = {"GET": OWN_TEXTS}
    scopes = {"GET": "messages:read"}
    serializer_class = ConversationAnswer
    pagination_class = NewestChangeFirst

    def get_queryset(self) -> ConversationQuerySet:
        return inbox.conversations(_caller(self.request))

    @extend_schema(operation_id="conversations")
    def get(self, request: Request) -> Response:
        return self.list(request)


class OneConversation(APIView):
    """One of the caller's conversations, and whether a text can be sent in it now."""

    access = {"GET": OWN_TEXTS}
    scopes = {"GET": "messages:read"}

    @extend_schema(operation_id="conversation", responses=OneConversationAnswer)
    def get(self, request: Request, conversation_id: uuid.UUID) -> Response:
        return _answer(_conversation(request, conversation_id), _caller(request))


class ConversationTexts(generics.ListAPIView[Message]):
    """The texts of one conversation, newest first."""

    access = {"GET": OWN_TEXTS}
    scopes = {"GET": "messages:read"}
    serializer_class = TextAnswer
    pagination_class = NewestTextFirst

    def get_queryset(self) -> MessageQuerySet:
        if getattr(self, "swagger_fake_view", False):
            return Message.objects.none()
        conversation = _conversation(self.request, self.kwargs["conversation_id"])
        return inbox.thread(conversation, _caller(self.request))

    @extend_schema(operation_id="conversation_messages")
    def get(self, request: Request, conversation_id: uuid.UUID) -> Response:
        return self.list(request)


class ConversationRead(APIView):
    """Texts of a conversation count as read."""

    access = {"POST": OWN_TEXTS}
    scopes = {"POST": "messages:write"}

    @extend_schema(operation_id="read_conversation", request=ReadUpTo, responses=OneConversationAnswer)
    def post(self, request: Request, conversation_id: uuid.UUID) -> Response:
        asked = ReadUpTo(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            inbox.mark_read(conversation_id, _caller(request), up_to=asked.validated_data.get("up_to"))
        except Conversation.DoesNotExist:
            raise Http404 from None
        return _answer(_conversation(request, conversation_id), _caller(request))


class ConversationBlock(APIView):
    """Blocking the person of a conversation, and lifting it. Asked twice it is done once."""

    access = {"POST": OWN_TEXTS, "DELETE": OWN_TEXTS}
    scopes = {"POST": "messages:write", "DELETE": "messages:write"}

    @extend_schema(
        operation_id="block_person", request=None, responses=OneConversationAnswer,
        description="Neither gets the other's texts from now on; what still waits for this person is blocked.",
    )  # fmt: skip
    def post(self, request: Request, conversation_id: uuid.UUID) -> Response:
        conversation = _conversation(request, conversation_id)
        blocking.block(_caller(request), conversation, actor_of(request), clock.database_now())
        return _answer(_conversation(request, conversation_id), _caller(request))

    @extend_schema(operation_id="unblock_person", responses={200: OneConversationAnswer})
    def delete(self, request: Request, conversation_id: uuid.UUID) -> Response:
        conversation = _conversation(request, conversation_id)
        blocking.unblock(_caller(request), conversation, actor_of(request), clock.database_now())
        return _answer(_conversation(request, conversation_id), _caller(request))


def _caller(request: Request) -> User:
    """The caller, whom DeclaredAccess has let in."""
    caller: User = cast(Any, request.user)
    return caller


def _conversation(request: Request, conversation_id: uuid.UUID) -> Conversation:
    own = blocking.with_blocked(Conversation.objects.visible_to(_caller(request)))
    return get_object_or_404(own.select_related("number", "organization", "last_message"), pk=conversation_id)


def _answer(conversation: Conversation, caller: User) -> Response:
    conversation.composer = composer_of(conversation, caller)  # type: ignore[attr-defined]
    return Response(OneConversationAnswer(conversation).data)


def _attachments(asked: Any) -> int:
    """How many attachments a request names, whatever it calls them."""
    named = [asked.get(name) for name in ("media", "media_url", "media_urls", "attachments")]
    return sum(len(value) if isinstance(value, list) else 1 for value in named if value)
