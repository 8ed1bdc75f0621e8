"""`{% load desk %}`: numbers with a comma, days of a chosen range."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from django import template
from django.utils.formats import date_format

register = template.Library()


@register.filter
def thousands(count: int | None) -> str:
    """`12408` as `12,408`."""
    return f"{count or 0:,}"


@register.filter
def first_day(begins_at: str) -> str:
    """The UTC day that a range begins with, from the moment it begins at."""
    return _shown(datetime.fromisoformat(begins_at).astimezone(UTC).date())


@register.filter
def last_day(ends_at: str) -> str:
    """The last UTC day inside a range, from the moment it ends at."""
    return _shown(datetime.fromisoformat(ends_at).astimezone(UTC).date() - timedelta(days=1))


def _shown(day: date) -> str:
    return date_format(day, "j M Y")
