"""The words of a mail, from templates/mail/<kind>.txt: the first line is the subject, the rest the text."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.template.loader import render_to_string

from provisioning.models import User


def words(kind: str, user: User, **context: Any) -> tuple[str, str]:
    """Subject and text. `organization` is its name, and may be given where it is known without a query."""
    if "organization" not in context:
        context["organization"] = user.organization.name if user.organization is not None else ""
    whole = render_to_string(f"mail/{kind}.txt", {"person": user, "hub": settings.PUBLIC_URL, **context})
    subject, _newline, text = whole.strip().partition("\n")
    return " ".join(subject.split()), text.strip() + "\n"
