"""Blocking the person of a conversation, and lifting it: a question, and two forms that work without JavaScript."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from messaging import clock
from messaging.blocking import block, unblock
from messaging.models import Conversation
from messaging.pages import frame_context
from messaging.views import in_local_time
from provisioning.changes import Actor
from provisioning.roles import Permission, requires


@requires(Permission.USE_INBOX)
@require_http_methods(["GET", "POST"])
@in_local_time
def block_person(request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """GET asks (a page, or a dialog over the thread), POST blocks."""
    user: Any = request.user
    conversation = _own(request, conversation_id)
    if request.method == "POST":
        if block(user, conversation, Actor.of_request(request), clock.database_now()):
            messages.success(request, _("You blocked this person. Neither of you gets the other’s texts."))
        return redirect("conversation", conversation_id=conversation.pk)
    context: dict[str, Any] = {"conversation": conversation}
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "messaging/_block.html", context)
    return render(request, "messaging/block.html", context | frame_context(request, conversation.pk))


@requires(Permission.USE_INBOX)
@require_POST
def unblock_person(request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """Lift the block; what arrived meanwhile stays away."""
    user: Any = request.user
    conversation = _own(request, conversation_id)
    if unblock(user, conversation, Actor.of_request(request), clock.database_now()):
        messages.success(request, _("This person is no longer blocked. Texts of the time in between don’t come back."))
    return redirect("conversation", conversation_id=conversation.pk)


def _own(request: HttpRequest, conversation_id: uuid.UUID) -> Conversation:
    user: Any = request.user
    return get_object_or_404(Conversation.objects.visible_to(user), pk=conversation_id)
