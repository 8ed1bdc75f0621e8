"""One signal per write, sent inside the write's own transaction.

Every administrative or compliance-relevant write says what it did through `record()`. The audit log
(compliance) listens; a listener that raises makes the write fail, so nothing happens unrecorded.
Values in `before` and `after` are JSON-ready and never contain a message body, a password or a token.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import models
from django.dispatch import Signal
from django.http import HttpRequest

if TYPE_CHECKING:
    from provisioning.models import User

changed = Signal()
"""Sent with `changes=[Change(...), ...]`, inside the transaction of the writes."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, and from where. `user_id` is None for the system itself."""

    user_id: uuid.UUID | None
    label: str
    via: str
    ip: str | None = None

    @classmethod
    def system(cls, name: str) -> Actor:
        """A job of ours, by name: `Actor.system("purge")`."""
        return cls(user_id=None, label=name, via="system")

    @classmethod
    def of_user(cls, user: User, via: str, ip: str | None = None) -> Actor:
        """A person, through `portal`, `api`, `admin` or `command`."""
        return cls(user_id=user.pk, label=f"{user.display_name} <{user.email}>", via=via, ip=ip)

    @classmethod
    def of_request(cls, request: HttpRequest, via: str = "portal") -> Actor:
        """The signed-in person of a request, with the address the request came from."""
        user: Any = request.user
        return cls.of_user(user, via=via, ip=request.META.get("REMOTE_ADDR"))


@dataclass(frozen=True, slots=True)
class Change:
    """One write: a stable dotted action, its object, and the values before and after.

    `organization_id` is None for the platform's own chain (a provider operator's act outside any
    organization). `content_access` marks a look at message bodies: only officers see those events.
    """

    action: str
    actor: Actor
    organization_id: uuid.UUID | None
    target_type: str
    target_id: str
    target_label: str
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    content_access: bool = False


def record(change: Change) -> None:
    """Tell every listener of a write. Call it inside the write's transaction; what a listener raises is raised."""
    record_many([change])


def record_many(changes: Sequence[Change]) -> None:
    """The same for many writes of one transaction, all of one organization; at most 500, which bulk work keeps to."""
    if changes:
        changed.send(sender=Change, changes=list(changes))


def record_target(
    action: str,
    actor: Actor,
    target: models.Model,
    *,
    organization_id: uuid.UUID | None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    content_access: bool = False,
) -> None:
    """`record()` for a model instance: type, id and label are read off it."""
    record(
        change_of(
            action, actor, target, organization_id=organization_id, before=before, after=after,
            content_access=content_access,
        )
    )  # fmt: skip


def change_of(
    action: str,
    actor: Actor,
    target: models.Model,
    *,
    organization_id: uuid.UUID | None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    content_access: bool = False,
) -> Change:
    """What `record_target()` records, for `record_many()`."""
    return Change(
        action=action,
        actor=actor,
        organization_id=organization_id,
        target_type=target._meta.model_name or "",
        target_id=str(target.pk),
        target_label=str(target),
        before=before or {},
        after=after or {},
        content_access=content_access,
    )
