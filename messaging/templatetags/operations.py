"""`{% load operations %}`: seconds, shares and pills as the operators' pages show them."""

from __future__ import annotations

from django import template
from django.utils.translation import gettext as _

from messaging import labels

register = template.Library()
_MINUTE, _HOUR = 60, 3600


@register.filter
def seconds(count: float) -> str:
    """`0.4 s`, `12 s`, `3 min`, `2 h`."""
    if count >= 2 * _HOUR:
        return _("%(count)s h") % {"count": round(count / _HOUR)}
    if count >= 2 * _MINUTE:
        return _("%(count)s min") % {"count": round(count / _MINUTE)}
    return _("%(count)s s") % {"count": round(count) if count >= 10 else round(count, 1)}


@register.filter
def took(milliseconds: float) -> str:
    """`41 ms` of what lasted less than a second, else as `seconds`."""
    if round(milliseconds) < 1000:
        return _("%(count)s ms") % {"count": round(milliseconds)}
    return seconds(milliseconds / 1000)


@register.filter
def pill(status: str) -> str:
    """The class of a text's pill."""
    return labels.pill(status)


@register.filter
def per_cent(share: float) -> str:
    """A share of one, as `2.5%`."""
    return f"{share * 100:.1f}%"
