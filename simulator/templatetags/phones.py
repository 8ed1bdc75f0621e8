"""Phone numbers, names and days as people read them."""

from __future__ import annotations

from datetime import date, timedelta

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from simulator.behaviours import CODES, Behaviour
from simulator.numbers import grouped

register = template.Library()
register.filter("phone", grouped)


@register.filter
def initials(name: str) -> str:
    """Two letters for the avatar; a number sign where there is no name."""
    words = name.split()
    return "".join(word[0] for word in words[:2]).upper() or "#"


@register.filter
def day_name(day: date) -> str:
    """Today, Yesterday, or the date."""
    today = timezone.localdate()
    if day == today:
        return _("Today")
    return _("Yesterday") if day == today - timedelta(days=1) else date_format(day, "j F Y")


@register.filter
def hint(behaviour: Behaviour, code: str) -> str:
    """What a behaviour does, with the chosen code where it uses one."""
    return str(behaviour.hint).format(code=f"{code}, {CODES.get(code, '')}")
