"""What creating and deactivating people asks of account life: an invitation, the end of sessions."""

from __future__ import annotations

import importlib
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from provisioning.changes import Actor
from provisioning.models import Session, User


def _account_life() -> Any:
    try:
        return importlib.import_module("provisioning.account_life")
    except ModuleNotFoundError:
        return None


def invite(users: Sequence[User], actor: Actor, now: datetime) -> None:
    """One mail each, with a link to set a password."""
    module = _account_life()
    if module is not None:
        module.invite(users, actor, now)


def end_sessions(user_ids: Sequence[uuid.UUID]) -> None:
    """Every session of these users."""
    module = _account_life()
    if module is not None:
        module.end_sessions(user_ids)
    else:
        Session.objects.filter(user_id__in=user_ids).delete()
