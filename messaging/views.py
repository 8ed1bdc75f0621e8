"""The inbox: conversation list, thread, composer. Each address is a whole page; with htmx its parts are fetched alone.

Everything a person does is a form that works without JavaScript. A refusal is answered with 422: its sentence, and
beside it what was typed. Somebody else's conversation is not found.
"""

from __future__ import annotations

import uuid
import zoneinfo
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from messaging import measurements
from messaging.blocking import with_blocked
from messaging.bubbles import Bubble, SendAgain, bubble
from messaging.compose import compose
from messaging.composer import OPEN, composer_of
from messaging.forms import NewMessageForm, TextForm, confirmation_of, fresh_key, place
from messaging.inbox import mark_read, thread
from messaging.models import Conversation
from messaging.pages import (
    composer_context,
    frame_context,
    list_context,
    local_zone,
    sender_context,
    thread_context,
)
from provisioning.models import User
from provisioning.refusals import Refusal
from provisioning.roles import Permission, requires

P = ParamSpec("P")
Page = Callable[Concatenate[HttpRequest, P], HttpResponse]

OF_THE_NUMBER = {"invalid_destination", "destination_not_allowed", "emergency"}
"""Refusals that are about what was typed as the number."""


def in_local_time(view: Page[P]) -> Page[P]:
    """Times on the page are the organization's; and no cache keeps a copy of it."""

    @wraps(view)
    def shown(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        user: Any = request.user
        with timezone.override(_zone(user)):
            return view(request, *args, **kwargs)

    kept_nowhere: Page[P] = never_cache(shown)
    return kept_nowhere


def _zone(user: User) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(user.organization.time_zone if user.organization else "UTC")
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return zoneinfo.ZoneInfo("UTC")


def _own(request: HttpRequest, conversation_id: uuid.UUID) -> Conversation:
    """The user's conversation, or 404."""
    user: Any = request.user
    own = with_blocked(Conversation.objects.visible_to(user)).select_related("number", "organization")
    return get_object_or_404(own, pk=conversation_id)


@requires(Permission.USE_INBOX)
@require_GET
@in_local_time
def inbox(request: HttpRequest) -> HttpResponse:
    """The list, and nothing chosen."""
    return render(request, "messaging/inbox.html", frame_context(request))


@requires(Permission.USE_INBOX)
@require_GET
@in_local_time
def conversation(request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """The list, and one thread."""
    return _conversation_page(request, _own(request, conversation_id))


def _conversation_page(
    request: HttpRequest, conversation: Conversation, *, status: int = 200, **composer: Any
) -> HttpResponse:
    user: Any = request.user
    context = frame_context(request, conversation.pk)
    context |= thread_context(request, conversation)
    context |= composer_context(conversation, user) | composer
    zone = local_zone(conversation.counterpart)
    context |= {"their_zone": zone, "their_time": timezone.now().astimezone(zoneinfo.ZoneInfo(zone)) if zone else None}
    return render(request, "messaging/conversation.html", context, status=status)


@requires(Permission.USE_INBOX)
@require_GET
@in_local_time
def conversation_list(request: HttpRequest) -> HttpResponse:
    """Part of a page: the list, a page of it, or what a search finds."""
    try:
        current = uuid.UUID(request.GET.get("current", ""))
    except ValueError:
        current = None
    return render(request, "messaging/_conversations.html", list_context(request, current))


@requires(Permission.USE_INBOX)
@require_GET
@in_local_time
def conversation_thread(request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """Part of a page: the newest texts, or older ones."""
    conversation = _own(request, conversation_id)
    user: Any = request.user
    context = thread_context(request, conversation)
    context["composer"] = composer_of(conversation, user)
    return render(request, "messaging/_thread.html", context)


@requires(Permission.USE_INBOX)
@require_GET
@in_local_time
def conversation_composer(request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """Part of a page: the composer; 204 while it is as the page has it, so that nothing typed is touched."""
    conversation = _own(request, conversation_id)
    user: Any = request.user
    context = composer_context(conversation, user)
    if context["composer"].state == request.GET.get("state"):
        return HttpResponse(status=204)
    return render(request, "messaging/_composer.html", context)


@requires(Permission.USE_INBOX)
@require_POST
@in_local_time
def send(request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """A text in a conversation. Sent twice with one key it is one text."""
    conversation = _own(request, conversation_id)
    user: Any = request.user
    form = TextForm(request.POST)
    form.is_valid()
    try:
        compose(
            user=user,
            to=conversation.counterpart,
            body=form.text,
            idempotency_key=form.idempotency_key,
            conversation=conversation,
            media_count=len(request.FILES),
            confirmed=form.is_confirmed,
        )
    except Refusal as refusal:
        return _refused(request, conversation, form, refusal)
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("conversation", conversation_id=conversation.pk)
    context = composer_context(conversation, user)
    answer = render(request, "messaging/_composer.html", context)
    return trigger_client_event(answer, "inbox:sent", after="settle")


def _refused(request: HttpRequest, conversation: Conversation, form: TextForm, refusal: Refusal) -> HttpResponse:
    """The composer again: what was typed, why it was not sent, and a fresh key."""
    user: Any = request.user
    kept = {"text": form.text, "error": _in_a_form(refusal), "error_code": refusal.code, **_asked(form, refusal)}
    if not request.htmx:  # type: ignore[attr-defined]
        return _conversation_page(request, conversation, status=refusal.http_status, **kept)
    context = composer_context(conversation, user) | kept
    answer = render(request, "messaging/_composer.html", context, status=refusal.http_status)
    return trigger_client_event(answer, "inbox:refused", after="settle")


@requires(Permission.USE_INBOX)
@require_POST
@in_local_time
def read(request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """Texts up to the newest one shown count as read. A GET never does this: browsers fetch ahead."""
    user: Any = request.user
    try:
        mark_read(conversation_id, user, up_to=place(request.POST.get("up_to")))
    except Conversation.DoesNotExist:
        raise Http404 from None
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("conversation", conversation_id=conversation_id)
    return trigger_client_event(HttpResponse(), "inbox:list")


@requires(Permission.USE_INBOX)
@require_http_methods(["GET", "POST"])
@in_local_time
def new_message(request: HttpRequest) -> HttpResponse:
    """A text to a number: a page of its own, and the dialog over the inbox."""
    form = NewMessageForm(request.POST if request.method == "POST" else {"to": request.GET.get("to", "")})
    form.is_valid()
    user: Any = request.user
    if request.method != "POST":
        return _new_message_form(request, {"to": form.destination})
    try:
        composed = compose(
            user=user,
            to=form.destination,
            body=form.text,
            idempotency_key=form.idempotency_key,
            media_count=len(request.FILES),
            confirmed=form.is_confirmed,
        )
    except Refusal as refusal:
        return _new_message_form(request, _typed(form, refusal), status=refusal.http_status)
    opened = redirect("conversation", conversation_id=composed.message.conversation_id)
    return HttpResponseClientRedirect(opened.url) if request.htmx else opened  # type: ignore[attr-defined]


def _typed(form: NewMessageForm, refusal: Refusal) -> dict[str, Any]:
    where = "to_error" if refusal.code in OF_THE_NUMBER else "error"
    typed = {"to": form.destination, "text": form.text, where: _in_a_form(refusal), "error_code": refusal.code}
    return typed | _asked(form, refusal)


def _asked(form: TextForm, refusal: Refusal) -> dict[str, str]:
    """What "Send anyway" sends along, where a content rule only asks."""
    return {"confirmation": confirmation_of(form.text)} if refusal.code == "confirmation_needed" else {}


def _in_a_form(refusal: Refusal) -> str:
    """The sentence for someone who filled in a form and knows no keys."""
    if refusal.code == "idempotency_conflict":
        return _("This form was sent before with another text. Send it once more to send this text too.")
    return refusal.sentence


def _new_message_form(request: HttpRequest, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    user: Any = request.user
    if request.htmx:  # type: ignore[attr-defined]
        context |= sender_context(user) | {"key": fresh_key(), "in_dialog": True}
        if request.GET.get("state") == (context["closed"].state if context["closed"] else OPEN):
            return HttpResponse(status=204)
        context["on_list"] = request.htmx.current_url_abs_path == reverse("inbox")  # type: ignore[attr-defined]
        return render(request, "messaging/_new_message.html", context, status=status)
    context |= frame_context(request) | {"key": fresh_key()}
    return render(request, "messaging/new_message.html", context, status=status)


@requires(Permission.USE_INBOX)
@require_http_methods(["GET", "POST"])
@in_local_time
def send_again(request: HttpRequest, conversation_id: uuid.UUID, message_id: uuid.UUID) -> HttpResponse:
    """A person's decision to send a text again: a new text, linked to the first. GET asks, POST sends."""
    conversation = _own(request, conversation_id)
    user: Any = request.user
    text = bubble(get_object_or_404(thread(conversation, user), pk=message_id), user, timezone.now())
    if request.method != "POST":
        return _ask_again(request, conversation, text)
    try:
        compose(
            user=user,
            to=conversation.counterpart,
            body=text.message.body,
            idempotency_key=_offer(text).key,
            resend_of=text.message,
            conversation=conversation,
            confirmed=text.message.confirmed or "confirmed" in request.POST,
        )
    except Refusal as refusal:
        if refusal.code == "confirmation_needed":
            return _ask_again(request, conversation, text, question=refusal.sentence)
        messages.error(request, refusal.sentence)
    return redirect("conversation", conversation_id=conversation.pk)


def _offer(text: Bubble) -> SendAgain:
    if text.send_again is None or text.send_again.wait_until is not None:
        measurements.count_composes("not_resendable")
        raise Refusal("not_resendable", _("This text can’t be sent again now. Reload to see where it stands."))
    return text.send_again


def _ask_again(request: HttpRequest, conversation: Conversation, text: Bubble, *, question: str = "") -> HttpResponse:
    """`question` is a content rule's, asked once the person has decided to send it again."""
    context: dict[str, Any] = {"conversation": conversation, "bubble": text, "question": question}
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "messaging/_send_again.html", context)
    context |= frame_context(request, conversation.pk)
    return render(request, "messaging/send_again.html", context, status=422 if question else 200)
