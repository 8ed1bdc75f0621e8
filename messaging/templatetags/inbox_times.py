"""Times as the inbox shows them, in the active time zone: `10:42`, `Yesterday`, `Fri`, `24 Nov 2026`."""

from __future__ import annotations

from datetime import datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

register = template.Library()


@register.filter
def clock(moment: datetime) -> str:
    """`10:42`."""
    return date_format(timezone.localtime(moment), "H:i")


@register.filter
def clock_beside(moment: datetime, beside: datetime) -> str:
    """`10:42` where the day is known from the text it stands beside; `24 Nov, 10:42` on another day."""
    local = timezone.localtime(moment)
    return date_format(local, "H:i" if local.date() == timezone.localdate(beside) else "j M, H:i")


@register.filter
def day_title(moment: datetime) -> str:
    """`Today`, `Yesterday`, `Friday 20 November`; in other years with the year."""
    local, today = timezone.localtime(moment), timezone.localdate()
    if local.date() == today:
        return _("Today")
    if local.date() == today - timedelta(days=1):
        return _("Yesterday")
    return date_format(local, "l j F" if local.year == today.year else "l j F Y")


@register.filter
def day_key(moment: datetime) -> str:
    """The local day, for telling days apart: `2026-11-20`."""
    return timezone.localdate(moment).isoformat()


@register.filter
def list_time(moment: datetime) -> str:
    """`10:42` today, `Yesterday`, `Fri` within a week, `24 Nov 2026` before."""
    local, today = timezone.localtime(moment), timezone.localdate()
    age = (today - local.date()).days
    if age <= 0:
        return date_format(local, "H:i")
    if age == 1:
        return _("Yesterday")
    return date_format(local, "D" if age < 7 else "j M Y")


@register.filter
def microseconds(moment: datetime) -> int:
    """Microseconds since 1970: sorts as the moment does."""
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond
